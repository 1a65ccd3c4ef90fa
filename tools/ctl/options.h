/*
 * Options of a command: a table from which they are read and from which --help is made.
 */
#ifndef ROOMCAST_CTL_OPTIONS_H
#define ROOMCAST_CTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
	OPTION_FLAG,          /* bool: there or not */
	OPTION_TEXT,          /* const char * */
	OPTION_FILE,          /* the same, a path */
	OPTION_NUMBER,        /* uint64_t, 1 or more */
	OPTION_SECONDS,       /* uint64_t in milliseconds; fractions allowed, more than 0 */
	OPTION_MAYBE_SECONDS, /* the same; `otherwise` when none are said */
};

struct option_row {
	const char *name; /* without the dashes; NULL ends the table */
	enum option_kind kind;
	const char *value; /* what --help calls its value; NULL for a flag */
	const char *help;
	void *out;          /* left alone when the option is not given */
	uint64_t otherwise; /* of OPTION_MAYBE_SECONDS: its value when it stands alone */
};

/* Take the options out of `argv`, `--name=value` or `--name value`, anywhere before `--`; what
 * remains moves to the front. With `leading` they end at the first argument that is none, which
 * remains with all behind it. Returns how many remain, or -1: it has been said what is wrong.
 * `-` and negative numbers are no options. */
int options_take(const struct option_row *const *tables, int argc, char **argv, bool leading);

/* Walk over the rows of all tables: `*at` begins with 0. A name that an earlier table has too is
 * left out, as it cannot be reached. NULL at the end. */
const struct option_row *options_next(const struct option_row *const *tables, size_t *at);

/* An option with its value as help shows it: "--name VALUE". */
void options_spell(const struct option_row *o, char *out, size_t bytes);

/* The options for --help, on stdout. */
void options_show(const struct option_row *const *tables);

#endif
