/* roomcastctl: which command was meant, and its help. */
#include "broker-common/version.h"
#include "tools/ctl/api.h"
#include "tools/ctl/client.h"
#include "tools/ctl/command.h"
#include "tools/ctl/endpoint.h"
#include "tools/ctl/output.h"
#include "tools/ctl/pages.h"
#include "tools/ctl/say.h"
#include "tools/ctl/watch.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>

static const struct option_row *const before_command[] = { endpoint_options, common_options, NULL };

static int unknown(const char *name)
{
	struct buf names;

	buf_init(&names);
	for (const struct command *const *c = commands; *c != NULL; c++)
		buf_printf(&names, "%s%s", c == commands ? "" : ", ", (*c)->name);
	say("there is no command '%s'; there are: %.*s", name, SLICE_ARGS(buf_view(&names)));
	buf_fini(&names);
	return USAGE;
}

static void show_all(FILE *out)
{
	fputs("Usage: roomcastctl COMMAND [OPTIONS] [ARGUMENTS]\n\n", out);
	for (const struct command *const *c = commands; *c != NULL; c++)
		fprintf(out, "  %-10s %s\n", (*c)->name, (*c)->summary);
	fprintf(out,
	        "\n"
	        "  help       all about a command: roomcastctl help COMMAND\n"
	        "  --version  which version this is\n"
	        "\n"
	        "--endpoint, --key and --key-file may stand before the command too.\n"
	        "Exit codes: %s.\n",
	        command_exit_codes);
}

static void show(const struct command *c)
{
	const struct option_row *tables[COMMAND_TABLES];

	command_options(c, tables);
	printf("Usage: roomcastctl %s [OPTIONS]%s%s\n\n%s\n\n%s%s", c->name,
	       c->arguments[0] == '\0' ? "" : " ", c->arguments, c->summary,
	       c->about == NULL ? "" : c->about, c->about == NULL ? "" : "\n");
	options_show(tables);
}

static int help(int argc, char **argv)
{
	const struct command *c;

	if (argc == 0) {
		show_all(stdout);
		return DONE;
	}
	c = command_find(argv[0]);
	if (c == NULL)
		return unknown(argv[0]);
	show(c);
	return DONE;
}

static bool number_of_arguments_ok(const struct command *c, int n)
{
	int most = c->most_given < 0 ? 0 : c->most_given == 0 ? n : c->most_given;

	if (n >= c->least_given && n <= most)
		return true;
	if (c->arguments[0] == '\0')
		say("%s takes no arguments", c->name);
	else
		say("the arguments of %s are: %s", c->name, c->arguments);
	return false;
}

static bool shared_options_ok(const struct command *c)
{
	return (!(c->takes & TAKES_SOCKET) || client_options_ok()) &&
		(!(c->takes & TAKES_ENDPOINT) || endpoint_options_ok());
}

static int run(const struct command *c, int argc, char **argv)
{
	const struct option_row *tables[COMMAND_TABLES];
	int code;

	command_options(c, tables);
	argc = options_take(tables, argc, argv, false);
	if (argc >= 0 && help_wanted) {
		show(c);
		return DONE;
	}
	if (argc < 0 || !number_of_arguments_ok(c, argc)) {
		say("try: roomcastctl help %s", c->name);
		return USAGE;
	}
	if (!shared_options_ok(c))
		return USAGE;
	code = output_watch_ms > 0 ? watch(c, argc, argv) : c->run(argc, argv);
	api_close();
	return code;
}

/* What stands alone, without a command. */
static bool print_alone(const char *name)
{
	if (strcmp(name, "--version") == 0)
		puts("roomcastctl " ROOMCAST_VERSION);
	else if (strcmp(name, "--print-completion") == 0)
		pages_completion(stdout);
	else if (strcmp(name, "--print-man") == 0)
		pages_man(stdout);
	else
		return false;
	return true;
}

static int choose(int argc, char **argv)
{
	const struct command *c;

	if (argc > 0 && print_alone(argv[0]))
		return DONE;
	argc = options_take(before_command, argc, argv, true);
	if (argc < 0)
		return USAGE;
	if (help_wanted || (argc > 0 && strcmp(argv[0], "help") == 0))
		return help(help_wanted ? argc : argc - 1, help_wanted ? argv : argv + 1);
	if (argc == 0) {
		show_all(stderr);
		return USAGE;
	}
	c = command_find(argv[0]);
	return c == NULL ? unknown(argv[0]) : run(c, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	int code;

	setlocale(LC_CTYPE, "");
	code = choose(argc - (argc > 0), argv + (argc > 0));
	/* A full disk shows only now. */
	if (code == DONE && fflush(stdout) != 0) {
		say("cannot write to standard output: %s", strerror(errno));
		return FAILED;
	}
	return code;
}
