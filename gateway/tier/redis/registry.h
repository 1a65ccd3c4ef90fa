/*
 * The registry's inside: who is where, as this node has told it to one Redis server.
 *
 * The truth about this node's clients is the mirror here; Redis holds a copy of it under the node's
 * incarnation, changed step by step. The commands of one incarnation go over one connection, each
 * at most once, so the steps are exact; when one may have failed, a new incarnation begins, all is
 * told to it in absolute numbers, and what the old one still holds is taken away. Keys of Redis
 * (K: `{PREFIX:P}`, P the topic's partition; INC an incarnation, "NODEID.N"):
 *
 *   K nodes          sorted set: INC, when its lease ends (ms of Redis' clock; 0: given back)
 *   K n:INC          set of topics in which it has connections
 *   K c:TOPIC        hash: INC, its connections there, seen or not
 *   K m:TOPIC:INC    hash: client, its member blob (parcel.h): those who are seen
 *   K u:TOPIC        hash: user, connections that are seen
 *   K p:TOPIC        hash: rev; n, all who are seen; max, the room's presence_max
 *   K topics         sorted set of the topics with connections, all with score 0
 *   K r:INC          who clears up after it, for a third of a lease
 *   K keys           sorted set: SHA-1 of an idempotency key, when it ends (µs)
 *   K meta           hash: what all gateways must agree on
 */
#ifndef ROOMCAST_REDIS_REGISTRY_H
#define ROOMCAST_REDIS_REGISTRY_H

#include "gateway/tier/redis/redis.h"
#include "gateway/tier/redis/scripts.h"

/* What scripts answer first. */
enum reg_status { REG_OK, REG_FULL, REG_LOST, REG_LIVES, REG_STATUSES };

/* --- the mirror (mirror.c) ------------------------------------------------------------------------ */

/* One who is seen. */
struct reg_member {
	struct map_node node;   /* of reg_topic.members, by client */
	struct list_node order; /* of reg_topic.order */
	uint32_t told;          /* the incarnation's number under which it was */
	uint32_t len;
	char blob[];
};

struct reg_topic {
	struct map_node node;   /* of registry.topics */
	struct list_node order; /* of registry.order */
	uint64_t connections;   /* of this node, seen or not */
	uint64_t presence_max;
	struct map members; /* struct reg_member */
	struct list order_of_members;
	uint32_t told;   /* the number under which its connections were */
	uint32_t untold; /* members that were not yet: the first in order */
	uint32_t len;
	char name[];
};

/* An entry that Redis has not answered. */
struct entering {
	struct map_node node;  /* of registry.entering: the first of its client and topic */
	struct entering *next; /* of the same, in the order sent */
	uint32_t number;       /* of the incarnation that enters */
	bool left;             /* meanwhile */
	bool visible, again, list;
	uint64_t presence_max;
	uint32_t topic_n, client_n, blob_n;
	char text[]; /* topic, ' ', client, blob */
};

static inline struct slice reg_topic_name(const struct reg_topic *t)
{
	return (struct slice){ t->name, t->len };
}

map_key mirror_topic_key;
struct reg_topic *mirror_find(struct registry *g, struct slice topic);

/* Enter what Redis has confirmed. False: no memory, or `again` without a first time; nothing was
 * changed. */
bool mirror_enter(struct registry *g, const struct entering *e);

/* The client may be one who is not seen. The topic is freed with its last connection. */
void mirror_leave(struct registry *g, struct reg_topic *t, struct slice client);

void mirror_clear(struct registry *g);

/* --- the steps --------------------------------------------------------------------------------- */

/* Look at a script's answer, an array of at least `least` elements of which the first is its status.
 * False: an error, which was counted and logged, or absurd, and the connection is being broken. */
bool reg_answer(struct conn *c, enum script which, const struct redisReply *r, size_t least,
                enum reg_status *out);

/* A leave as a command; later when too much waits for Redis by now (leave.c). leave_stop() forgets
 * those: their incarnation ends, or the connection has. */
void leave_init(struct server *s);
void leave_send(struct server *s, struct slice topic, struct slice client);
void leave_stop(struct server *s);

/* A script says that our lease is over: register again. */
void lease_lost(struct server *s);

/* Whether this may be an incarnation's name. */
bool lease_inc_ok(struct slice inc);

/* The key of every script of the registry. */
static inline void reg_key(struct server *s, unsigned int partition)
{
	script_key(s, partition, "nodes", (struct slice){ NULL, 0 }, (struct slice){ NULL, 0 });
}

/* A room from the answer of enter or room (ROOM_HEAD elements, then members), or the rev alone; its members are in `*list`, to be freed.
 * False: absurd, or no memory. */
#define ROOM_HEAD 7
bool read_room(const struct redisReply *r, struct tier_room *out, struct member **list);
bool read_rev(const struct redisReply *r, struct tier_room *out);

void restore_init(struct server *s);

/* --- clearing up (reap.c) ------------------------------------------------------------------------ */

/* Take away what `inc` holds in these partitions, in the background. `own`: an old incarnation of ours,
 * whose lease need not be over; forgotten in s->old when it is done. */
void reap_start(struct server *s, struct slice inc, uint64_t partitions, bool own);

/* Forget all of it: others go on when the claim is over. */
void reap_stop(struct server *s);

#endif
