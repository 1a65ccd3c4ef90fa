/*
 * What the cluster knows, as JSON: rooms, users, clients, nodes. The shapes are those of the HTTP API
 * (deploy/README.md); any gateway answers for all of them.
 *
 * Lists of rooms and their counts come from the tier's registry. What only a client's own gateway knows
 * is asked of all live nodes at once, within `redis_timeout_ms`; those that did not answer stand in
 * "unanswered", and the rest is told without them. Clients are in the order of their ids, rooms of their
 * names, both by bytes; "next" is there when more may follow, and is the `after` of the next page.
 *
 * All calls: names and ids are borrowed and must be checked (topic_name_ok(); `prefix`, `glob` and `after`
 * may be NULL: none). Not ERR_OK: nothing was started, `done` does not come; ERR_OVERLOADED: too many
 * such calls are under way. ERR_OK: `done` comes once, from the loop, unless hub_close() comes first.
 */
#ifndef ROOMCAST_INSPECT_H
#define ROOMCAST_INSPECT_H

#include "broker-common/err.h"
#include "broker-common/slice.h"

struct hub;

#define INSPECT_LIMIT_MAX 1000 /* the most that `limit` may be; at least 1 */

/* ERR_OK: `json` is one whole object, borrowed for the call. Else it is empty; ERR_GONE: there is no such
 * room, user, client or node. ERR_UNCERTAIN: the one node that knows did not answer. ERR_UNAVAILABLE: the
 * tier is down. */
typedef void inspect_done(void *ctx, enum err e, struct slice json);

/* Rooms whose names begin with `prefix`, or match `glob` (`*` any run of bytes, `?` one byte). */
enum err inspect_rooms(struct hub *h, struct slice prefix, struct slice glob, struct slice after,
                       size_t limit, inspect_done *done, void *ctx) must_check;

/* One room with a page of its clients; "info" while it has no more than INSPECT_LIMIT_MAX visible ones. */
enum err inspect_room(struct hub *h, struct slice room, struct slice after, size_t limit,
                      inspect_done *done, void *ctx) must_check;

/* A user: how many connections, and the first INSPECT_LIMIT_MAX of them. */
enum err inspect_user(struct hub *h, struct slice user, inspect_done *done, void *ctx) must_check;

/* A page of all clients, or of those of one node (`node` NULL: all). */
enum err inspect_clients(struct hub *h, struct slice node, struct slice after, size_t limit,
                         inspect_done *done, void *ctx) must_check;

/* One client, with its topics and counters. */
enum err inspect_client(struct hub *h, struct slice id, inspect_done *done, void *ctx) must_check;

/* Every gateway as it describes itself; and its counters, of all by name (metrics.def; those with labels
 * as one sum) in "totals", and the same of each in "per_node". "nodes" of the latter: how many answered. */
enum err inspect_nodes(struct hub *h, inspect_done *done, void *ctx) must_check;
enum err inspect_stats(struct hub *h, inspect_done *done, void *ctx) must_check;

#endif
