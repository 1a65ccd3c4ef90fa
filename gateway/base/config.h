/*
 * The configuration: every option of config.def, checked, from
 * profile < file < environment < flags.
 *
 * A wrong name or value is never passed over: the error names where it stood, what is allowed, and
 * a name that is close.
 */
#ifndef ROOMCAST_CONFIG_H
#define ROOMCAST_CONFIG_H

#include "broker-common/buf.h"
#include "broker-common/slice.h"

#include <stdint.h>

struct room_policy {
	char *pattern; /* of the room's name, `*` for any run of bytes */
#define POLICY_NUMBER(name, own, least, most, help) int64_t name;
#define POLICY_CHOICE(name, own, choices, help) int name;
#include "gateway/base/room_policy.def"
};

/* Of the option `tier`. */
enum { TIER_MEMORY, TIER_REDIS };

/* Who may join or publish, of a room's policy. */
enum { POLICY_GRANTED, POLICY_USERS, POLICY_EVERYONE, POLICY_NOBODY };

enum { PRESENCE_OPTIONAL, PRESENCE_ON, PRESENCE_OFF };

struct config {
#define NUMBER(name, light, standard, high, least, most, reload, help) int64_t name;
#define BYTES(name, light, standard, high, least, most, reload, help) int64_t name;
#define FLAG(name, value, reload, help) bool name;
#define TEXT(name, value, reload, help) char *name;
#define SECRET(name, value, reload, help) char *name;
#define CHOICE(name, value, reload, choices, help) int name;
#include "gateway/base/config.def"
	char *config; /* the file, or NULL */
	struct room_policy *policies;
	size_t n_policies;
};

/* What the command line asks for besides options. */
enum config_action {
	CONFIG_RUN,
	CONFIG_HELP,
	CONFIG_VERSION,
	CONFIG_PRINT,
	CONFIG_CHECK,
	CONFIG_HEALTHCHECK
};

/* Read everything. `environment` is like `environ`. NULL with one sentence in `error`: usage
 * (exit 2), unless `*unreadable` is set: the file could not be read (exit 1). */
struct config *config_load(int argc, char *const argv[], char *const environment[],
                           enum config_action *action, struct buf *error, bool *unreadable);
void config_free(struct config *c);

/* Read the same sources again (SIGHUP). What may change is changed in `c`, in place; the names of
 * options that differ and need a restart are appended to `fixed` ("listen, tier"). False with a
 * sentence in `error`: nothing has changed. */
bool config_reload(struct config *c, int argc, char *const argv[], char *const environment[],
                   struct buf *fixed, struct buf *error);

/* The policy for a room, every field said: the first section that fits over the gateway's own.
 * Its `pattern` is NULL: a reload takes the sections away. */
struct room_policy config_room_policy(const struct config *c, struct slice room);

/* An annotated example file with the values in force, secrets left out; and the usage text. */
void config_print(const struct config *c, struct buf *out);
void config_help(struct buf *out);

/* {"options":{NAME:VALUE,…}}: numbers (bytes too), true and false, texts; a secret that is set is "***". */
void config_json(const struct config *c, struct buf *out);

/* "host:port", "[v6]:port" → parts; false when it is neither. `host` becomes a numeric address
 * ("localhost": 127.0.0.1), or "" for any (nothing or `*` before the colon). */
bool config_split_address(const char *text, char host[64], uint16_t *port);

#endif
