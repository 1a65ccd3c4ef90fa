#include "broker-common/version.h"
#include "tools/ctl/command.h"
#include "tools/ctl/endpoint.h"
#include "tools/ctl/pages.h"

#include <string.h>

/* Text for roff: backslashes and hyphens stay what they are, and no line becomes a request. */
static void write_text(FILE *out, const char *text)
{
	bool begin = true;

	for (; *text != '\0'; text++) {
		if (begin && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		begin = *text == '\n';
		switch (*text) {
		case '\\': fputs("\\e", out); break;
		case '-': fputs("\\-", out); break;
		case '~': fputs("\\(ti", out); break;
		case '^': fputs("\\(ha", out); break;
		default: putc(*text, out); break;
		}
	}
}

/* An argument of a macro, in quotes. */
static void write_quoted(FILE *out, const char *text)
{
	putc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"')
			fputs("\\(dq", out);
		else if (*text == '-')
			fputs("\\-", out);
		else
			putc(*text, out);
	}
	fputs("\"\n", out);
}

static void write_options(FILE *out, const struct option_row *const *tables)
{
	const struct option_row *o;
	char spelled[64];

	for (size_t at = 0; (o = options_next(tables, &at)) != NULL;) {
		options_spell(o, spelled, sizeof(spelled));
		fputs(".TP\n.B ", out);
		write_quoted(out, spelled);
		write_text(out, o->help);
		putc('\n', out);
	}
}

/* `about` is laid out for a terminal: its empty lines part paragraphs, the rest flows. */
static void write_about(FILE *out, const char *about)
{
	while (about != NULL && *about != '\0') {
		size_t n = strcspn(about, "\n");
		char line[512];

		snprintf(line, sizeof(line), "%.*s\n", (int)n, about);
		if (n == 0)
			fputs(".PP\n", out);
		else
			write_text(out, line);
		about += n + (about[n] == '\n');
	}
}

static void write_command(FILE *out, const struct command *c)
{
	const struct option_row *tables[COMMAND_TABLES], *own[COMMAND_TABLES];
	size_t n = 0;

	fputs(".SS ", out);
	putc('"', out);
	write_text(out, c->name);
	fprintf(out, "%s", c->arguments[0] == '\0' ? "" : " ");
	write_text(out, c->arguments);
	fputs("\"\n", out);
	write_text(out, c->summary);
	fputs(".\n", out);
	if (c->about != NULL)
		fputs(".PP\n", out);
	write_about(out, c->about);
	/* what all commands of one road share stands once, below */
	command_options(c, tables);
	for (size_t i = 0; tables[i] != NULL; i++)
		if (tables[i] != endpoint_options && tables[i] != common_options)
			own[n++] = tables[i];
	own[n] = NULL;
	write_options(out, own);
}

static void write_shared(FILE *out)
{
	static const struct option_row *const shared[] = { endpoint_options, common_options, NULL };

	fputs(".SH OPTIONS\n"
	      "Options stand anywhere behind the command,\n"
	      ".BI \\-\\-name= value\n"
	      "or\n"
	      ".BI \\-\\-name \" value\\fR;\\fP\"\n"
	      "what follows a lone\n"
	      ".B \\-\\-\n"
	      "is no option.\n"
	      "All commands that ask the HTTP API take the following; they may stand before the command "
	      "too.\n",
	      out);
	write_options(out, shared);
}

static void write_end(FILE *out)
{
	fputs(".SH ENVIRONMENT\n"
	      ".TP\n.B ROOMCAST_ENDPOINT\nthe admin listener of a gateway\n"
	      ".TP\n.B ROOMCAST_KEY\nthe API key\n"
	      ".TP\n.B ROOMCAST_URL\nwhere clients connect, for listen and publish\n"
	      ".TP\n.B ROOMCAST_TOKEN\nwho we are there\n"
	      ".TP\n.B SSL_CERT_FILE\na CA to trust\n"
	      ".SH FILES\n"
	      ".TP\n.I \\(ti/.config/roomcast/ctl.conf\n"
	      "Lines\n"
	      ".BR \"endpoint = \" URL,\n"
	      ".BR \"key = \" KEY,\n"
	      ".BR \"key_file = \" FILE;\n"
	      "comments begin with #.\n"
	      "Flags are stronger than the environment, and that than the file.\n"
	      ".SH EXIT STATUS\n",
	      out);
	write_text(out, command_exit_codes);
	fputs(".\n", out);
}

void pages_man(FILE *out)
{
	fprintf(out,
	        ".TH ROOMCASTCTL 1 \"\" \"roomcast %s\" \"User Commands\"\n"
	        ".SH NAME\n"
	        "roomcastctl \\- look into a cluster of roomcast gateways, and act on it\n"
	        ".SH SYNOPSIS\n"
	        ".B roomcastctl\n"
	        ".I COMMAND\n"
	        ".RI [ OPTIONS ]\n"
	        ".RI [ ARGUMENTS ]\n"
	        ".SH DESCRIPTION\n"
	        "Any gateway answers for the whole cluster.\n"
	        "Tables are as wide as the terminal; programs use \\-\\-json.\n"
	        ".SH COMMANDS\n",
	        ROOMCAST_VERSION);
	for (const struct command *const *c = commands; *c != NULL; c++)
		write_command(out, *c);
	write_shared(out);
	write_end(out);
}
