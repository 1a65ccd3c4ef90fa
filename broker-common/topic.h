/*
 * Topics: one way to address anything. `room:NAME`, `event:TYPE`, `user:ID`, `client:ID`, `all`.
 */
#ifndef ROOMCAST_TOPIC_H
#define ROOMCAST_TOPIC_H

#include "broker-common/err.h"
#include "broker-common/slice.h"

#define TOPIC_NAME_MAX 200             /* bytes of NAME, TYPE, ID */
#define TOPIC_MAX (TOPIC_NAME_MAX + 7) /* with the longest prefix, `client:` */

enum topic_kind { TOPIC_ROOM, TOPIC_EVENT, TOPIC_USER, TOPIC_CLIENT, TOPIC_ALL, TOPIC_KINDS };

struct topic {
	enum topic_kind kind;
	struct slice text; /* all of it */
	struct slice name; /* behind the prefix; empty for `all` */
};

/* 1 to 200 bytes of A-Z a-z 0-9 _ - = @ , . ; : */
bool topic_name_ok(struct slice name);

/* Split and check; slices of `text`. ERR_BAD_TOPIC. */
enum err topic_parse(struct slice text, struct topic *out) must_check;

/* "room:" and so on; "all" for TOPIC_ALL. */
const char *topic_prefix(enum topic_kind kind);

/* Write prefix and name to `out` (TOPIC_MAX bytes; name already checked); the result's slice. */
struct slice topic_make(enum topic_kind kind, struct slice name, char out[TOPIC_MAX]);

/* `pattern` may hold `*` for any run of bytes, also of none ("jobs.*"). */
bool topic_match(struct slice pattern, struct slice name);

#endif
