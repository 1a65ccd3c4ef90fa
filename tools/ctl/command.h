/*
 * What a command of roomcastctl is. To add one: a file with its `struct command`, a row in main.c.
 */
#ifndef ROOMCAST_CTL_COMMAND_H
#define ROOMCAST_CTL_COMMAND_H

#include "tools/ctl/options.h"

/* Exit codes. */
enum { DONE = 0, FAILED = 1, USAGE = 2 };

struct command {
	const char *name;
	const char *arguments; /* as --help shows them */
	const char *summary;   /* one line, for the list of commands */
	const char *about;     /* the rest of its --help: ends with a line feed; may be NULL */
	const struct option_row *options;
	bool connects;               /* takes client_options too; they have been checked */
	int least_given, most_given; /* arguments besides options; 0: any number */
	int (*run)(int argc, char **argv);
};

extern const struct command command_listen, command_publish, command_token;

#endif
