/*
 * What a command of roomcastctl is. To add one: a file with its `struct command`, a row in
 * commands.c; help, man page and completion are made from both.
 */
#ifndef ROOMCAST_CTL_COMMAND_H
#define ROOMCAST_CTL_COMMAND_H

#include "tools/ctl/options.h"

#include <stddef.h>

/* Exit codes. */
enum { DONE = 0, FAILED = 1, USAGE = 2 };

/* Options that it takes besides its own; they have been checked when it runs. */
enum {
	TAKES_SOCKET = 1,   /* a WebSocket: client_options */
	TAKES_ENDPOINT = 2, /* the HTTP API: endpoint_options */
	TAKES_JSON = 4,     /* output_json */
	TAKES_WATCH = 8,    /* is run again and again */
	TAKES_LIMIT = 16,   /* output_limit */
};

struct command {
	const char *name;
	const char *arguments; /* as --help shows them */
	const char *summary;   /* one line, for the list of commands */
	const char *about;     /* the rest of its --help: ends with a line feed; may be NULL */
	const struct option_row *options; /* may be NULL */
	unsigned takes;
	int least_given, most_given; /* arguments besides options; most 0: any number, -1: none */
	const char *words;           /* what the first argument may be, for completion; or NULL */
	int (*run)(int argc, char **argv);
};

extern const struct command command_bench, command_client, command_clients, command_config,
	command_disconnect, command_doctor, command_drain, command_kick, command_listen,
	command_nodes, command_publish, command_room, command_rooms, command_stats, command_token,
	command_top, command_user;

/* All, NULL behind the last; the one of that name, or NULL. */
extern const struct command *const commands[];
const struct command *command_find(const char *name);

/* The tables of a command's options, NULL behind the last. */
enum { COMMAND_TABLES = 8 };
void command_options(const struct command *c, const struct option_row *tables[COMMAND_TABLES]);

/* What stands before the command: common_options and the endpoint's. */
extern const struct option_row common_options[];
extern bool help_wanted;

/* Sentences that help and man page share. */
extern const char command_exit_codes[];

#endif
