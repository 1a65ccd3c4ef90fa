/* roomcastctl: the commands, their help, and which one was meant. */
#include "broker-common/version.h"
#include "tools/ctl/client.h"
#include "tools/ctl/command.h"
#include "tools/ctl/say.h"

#include <errno.h>
#include <stdio.h>

static const struct command *const commands[] = { &command_listen, &command_publish,
	                                          &command_token };

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static bool help_wanted;

static const struct option_row common_options[] = {
	{ "help", OPTION_FLAG, NULL, "show this", &help_wanted },
	{ .name = NULL },
};

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

static void list_names(struct buf *b)
{
	for (size_t i = 0; i < COMMANDS; i++)
		buf_printf(b, "%s%s", i == 0 ? "" : ", ", commands[i]->name);
}

static int unknown(const char *name)
{
	struct buf names;

	buf_init(&names);
	list_names(&names);
	say("there is no command '%s'; there are: %.*s", name, SLICE_ARGS(buf_view(&names)));
	buf_fini(&names);
	return USAGE;
}

static void show_all(FILE *out)
{
	fputs("Usage: roomcastctl COMMAND [OPTIONS] [ARGUMENTS]\n\n", out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n"
	      "  help       all about a command: roomcastctl help COMMAND\n"
	      "  --version  which version this is\n"
	      "\n"
	      "Exit codes: 0 done, 1 failed (stderr says why), 2 wrong use.\n",
	      out);
}

/* Their tables, NULL behind the last. */
static void options_of(const struct command *c, const struct option_row *tables[4])
{
	*tables++ = c->options;
	if (c->connects)
		*tables++ = client_options;
	*tables++ = common_options;
	*tables = NULL;
}

static void show(const struct command *c)
{
	const struct option_row *tables[4];

	options_of(c, tables);
	printf("Usage: roomcastctl %s [OPTIONS] %s\n\n%s\n\n%s%s", c->name, c->arguments,
	       c->summary, c->about == NULL ? "" : c->about, c->about == NULL ? "" : "\n");
	options_show(tables);
}

static int help(int argc, char **argv)
{
	const struct command *c;

	if (argc == 0) {
		show_all(stdout);
		return DONE;
	}
	c = find(argv[0]);
	if (c == NULL)
		return unknown(argv[0]);
	show(c);
	return DONE;
}

static int run(const struct command *c, int argc, char **argv)
{
	const struct option_row *tables[4];

	options_of(c, tables);
	argc = options_take(tables, argc, argv);
	if (argc >= 0 && help_wanted) {
		show(c);
		return DONE;
	}
	if (argc >= 0 && (argc < c->least_given || (c->most_given > 0 && argc > c->most_given))) {
		say("the arguments of %s are: %s", c->name, c->arguments);
		argc = -1;
	}
	if (argc < 0) {
		say("try: roomcastctl help %s", c->name);
		return USAGE;
	}
	if (c->connects && !client_options_ok())
		return USAGE;
	return c->run(argc, argv);
}

static int choose(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		show_all(stderr);
		return USAGE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("roomcastctl " ROOMCAST_VERSION);
		return DONE;
	}
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0)
		return help(argc - 2, argv + 2);
	c = find(argv[1]);
	return c == NULL ? unknown(argv[1]) : run(c, argc - 2, argv + 2);
}

int main(int argc, char **argv)
{
	int code = choose(argc, argv);

	/* A full disk shows only now. */
	if (code == DONE && fflush(stdout) != 0) {
		say("cannot write to standard output: %s", strerror(errno));
		return FAILED;
	}
	return code;
}
