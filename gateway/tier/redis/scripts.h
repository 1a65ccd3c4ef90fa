/*
 * The Lua scripts of lua/, each run as EVALSHA. They touch the keys of one partition only.
 *
 * Every script is one row of scripts.def; its source is embedded in the program.
 */
#ifndef ROOMCAST_REDIS_SCRIPTS_H
#define ROOMCAST_REDIS_SCRIPTS_H

#include "gateway/tier/redis/redis.h"

enum script {
#define SCRIPT(symbol, file, head) SCRIPT_##symbol,
#include "gateway/tier/redis/scripts.def"
	SCRIPTS
};

/* Load all of them over `s->cmd`; then s->scripts_loaded and server_step(), or the connection is
 * broken. */
void scripts_load(struct server *s);

/* Begin a call with `keys` + `args` words, which must follow at once with script_key()… and
 * resp_*() on conn_out(&s->cmd). NULL: nothing was sent (see conn_command()). */
struct command *script_call(struct server *s, enum script which, size_t keys, size_t args,
                            command_reply *reply);

/* The same however much waits (see conn_upkeep()). */
struct command *script_upkeep(struct server *s, enum script which, size_t keys, size_t args,
                              command_reply *reply);

/* "{PREFIX:P}KIND" or, with a name (and a second one), "{PREFIX:P}KIND:NAME:MORE". */
void script_key(struct server *s, unsigned int partition, const char *kind, struct slice name,
                struct slice more);

/* The name of a script, for logs. */
const char *script_name(enum script which);

#endif
