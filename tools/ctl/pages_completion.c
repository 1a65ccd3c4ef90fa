#include "tools/ctl/command.h"
#include "tools/ctl/endpoint.h"
#include "tools/ctl/pages.h"

#include <string.h>

static void write_names(FILE *out)
{
	for (const struct command *const *c = commands; *c != NULL; c++)
		fprintf(out, " %s", (*c)->name);
}

static void write_flags(FILE *out, const struct option_row *const *tables)
{
	const struct option_row *o;

	for (size_t at = 0; (o = options_next(tables, &at)) != NULL;)
		fprintf(out, " --%s", o->name);
}

static bool has(const struct command *c, const char *option)
{
	const struct option_row *tables[COMMAND_TABLES], *o;

	command_options(c, tables);
	for (size_t at = 0; (o = options_next(tables, &at)) != NULL;) {
		if (strcmp(o->name, option) == 0)
			return true;
	}
	return false;
}

/* Whether a command further up the table has had it. */
static bool is_repeated(const struct command *const *here, const char *option)
{
	for (const struct command *const *c = commands; c < here; c++) {
		if (has(*c, option))
			return true;
	}
	return false;
}

/* Options whose value is the next word: files, or something that nobody can guess. */
static void write_values(FILE *out, bool files)
{
	const char *between = "\t";

	for (const struct command *const *c = commands; *c != NULL; c++) {
		const struct option_row *tables[COMMAND_TABLES], *o;

		command_options(*c, tables);
		for (size_t at = 0; (o = options_next(tables, &at)) != NULL;) {
			if (o->kind == OPTION_FLAG || o->kind == OPTION_MAYBE_SECONDS ||
			    (o->kind == OPTION_FILE) != files || is_repeated(c, o->name))
				continue;
			fprintf(out, "%s--%s", between, o->name);
			between = " | ";
		}
	}
	fputs(")\n", out);
}

static void write_case(FILE *out, const struct command *c)
{
	const struct option_row *tables[COMMAND_TABLES];

	command_options(c, tables);
	fprintf(out, "\t%s) words='%s", c->name, c->words == NULL ? "" : c->words);
	write_flags(out, tables);
	fputs("' ;;\n", out);
}

/* `=` is a word of its own in COMP_WORDS. */
static const char head[] =
	"# bash completion for roomcastctl, as roomcastctl --print-completion writes it\n"
	"_roomcastctl()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command= words i\n"
	"\tif [[ $cur == = ]]; then\n"
	"\t\tcur=\n"
	"\telif [[ $prev == = ]]; then\n"
	"\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}\n"
	"\tfi\n"
	"\tCOMPREPLY=()\n"
	"\tcase $prev in\n";

void pages_completion(FILE *out)
{
	static const struct option_row *const before[] = { endpoint_options, common_options, NULL };

	fputs(head, out);
	write_values(out, true);
	fputs("\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n\t\treturn ;;\n", out);
	write_values(out, false);
	fputs("\t\treturn ;;\n"
	      "\tesac\n"
	      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\tcase \" help",
	      out);
	write_names(out);
	fputs(" \" in\n"
	      "\t\t*\" ${COMP_WORDS[i]} \"*)\n"
	      "\t\t\tcommand=${COMP_WORDS[i]}\n"
	      "\t\t\tbreak ;;\n"
	      "\t\tesac\n"
	      "\tdone\n"
	      "\tcase $command in\n",
	      out);
	fputs("\t'') words='help", out);
	write_names(out);
	write_flags(out, before);
	fputs(" --version' ;;\n\thelp) words='", out);
	write_names(out);
	fputs("' ;;\n", out);
	for (const struct command *const *c = commands; *c != NULL; c++)
		write_case(out, *c);
	fputs("\tesac\n"
	      "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	      "}\n"
	      "complete -F _roomcastctl roomcastctl\n",
	      out);
}
