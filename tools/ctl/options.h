/*
 * Options of a command: a table from which they are read and from which --help is made.
 */
#ifndef ROOMCAST_CTL_OPTIONS_H
#define ROOMCAST_CTL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum option_kind {
	OPTION_FLAG,    /* bool: there or not */
	OPTION_TEXT,    /* const char * */
	OPTION_NUMBER,  /* uint64_t, 1 or more */
	OPTION_SECONDS, /* uint64_t in milliseconds; fractions allowed, more than 0 */
};

struct option_row {
	const char *name; /* without the dashes; NULL ends the table */
	enum option_kind kind;
	const char *value; /* what --help calls its value; NULL for a flag */
	const char *help;
	void *out; /* left alone when the option is not given */
};

/* Take the options out of `argv`, `--name=value` or `--name value`, anywhere before `--`; what
 * remains moves to the front. Returns how many remain, or -1: it has been said what is wrong.
 * `-` and negative numbers are no options. */
int options_take(const struct option_row *const *tables, int argc, char **argv);

/* The options for --help, on stdout. */
void options_show(const struct option_row *const *tables);

#endif
