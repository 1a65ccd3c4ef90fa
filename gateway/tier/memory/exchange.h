/*
 * The memory tier's inside: what the nodes of one process share.
 *
 * Every operation is an entry of one FIFO that runs when the loop turns: that is the order
 * of all topics. registry.c knows who is where; keys.c which keys were used.
 */
#ifndef ROOMCAST_EXCHANGE_H
#define ROOMCAST_EXCHANGE_H

#include "broker-common/list.h"
#include "broker-common/map.h"
#include "gateway/base/loop.h"
#include "gateway/tier/tier.h"

struct memory_tier {
	struct tier tier;
	struct exchange *x;
	bool owns_exchange;
	struct list_node node; /* of exchange.nodes */
	char id[NODE_ID_LEN];
	const struct tier_events *ev;
	void *ctx;
};

/* A node's share of a topic. */
struct interest {
	struct memory_tier *node;
	uint64_t connections; /* clients entered */
	bool subscribed;
};

/* A visible member; its strings follow the struct. */
struct seat {
	struct map_node node; /* of registry_topic.seats, by client */
	struct memory_tier *owner;
	struct member member;
};

/* A user's visible connections in a room. */
struct presence_user {
	struct map_node node;
	uint64_t connections;
	uint32_t len;
	char name[];
};

struct registry_topic {
	struct map_node node;
	struct interest *interests;
	uint32_t n_interests, room;
	uint64_t connections, rev;
	uint64_t presence_max; /* as last entered with */
	struct map seats, users;
	uint32_t len;
	char name[];
};

struct keys {
	struct map map;
	struct list order; /* oldest first */
	uint64_t most, keep_ms;
};

struct exchange {
	struct loop *loop;
	struct list nodes;
	struct list ops;
	struct deferred run;
	struct map topics;
	struct keys keys;
};

enum op_kind {
	OP_PUBLISH,
	OP_SUBSCRIBE,
	OP_UNSUBSCRIBE,
	OP_ENTER,
	OP_LEAVE,
	OP_ROOM,
	OP_TOPICS,
	OP_NODES,
	OP_CALL,
	OP_LINK
};

/* One operation; what it borrowed was copied behind the struct. */
struct op {
	struct list_node node;    /* of exchange.ops */
	struct memory_tier *from; /* NULL: its node has closed */
	enum op_kind kind;
	union {
		tier_published *published;
		tier_done *done;
		tier_room_done *room;
		tier_names_done *names;
		tier_reply *reply;
	} call;
	void *ctx;
	struct parcel parcel;
	struct tier_entry entry;
	struct slice text, more; /* topic, key, prefix …, by kind */
	uint64_t limit;
	bool count; /* the publisher wants `receivers` */
};

/* registry.c */
map_key registry_topic_key;
struct registry_topic *registry_find(struct exchange *x, struct slice topic);
struct registry_topic *registry_get(struct exchange *x, struct slice topic); /* NULL: no memory */
void registry_put(struct exchange *x, struct registry_topic *t); /* freed when nothing is in it */
struct interest *registry_interest(struct registry_topic *t, struct memory_tier *node, bool create);
uint32_t registry_gateways(const struct registry_topic *t); /* with a member */

/* Enter or leave. A change of the visible members is told to the subscribed nodes. */
enum err registry_enter(struct memory_tier *node, const struct tier_entry *e);
void registry_leave(struct memory_tier *node, struct slice topic, struct slice client);

/* Take `node` out of every topic. */
void registry_forget(struct memory_tier *node);

/* What the registry says of a topic; the members are in `*list`, to be freed by the caller. */
enum err registry_read(struct exchange *x, struct slice topic, uint64_t limit,
                       struct tier_room *out, struct member **list);

/* Hand a parcel to every node that is subscribed to its topic; how many took it. */
uint32_t exchange_spread(struct registry_topic *t, const struct parcel *p);

/* keys.c */
void keys_init(struct keys *k, uint64_t most, uint64_t keep_ms);
void keys_fini(struct keys *k);

/* Claim `key` at `now_ms`: false when it is taken. When there are too many, the oldest goes. */
bool keys_claim(struct keys *k, struct slice key, uint64_t now_ms);
void keys_release(struct keys *k, struct slice key); /* what it was claimed for was not sent */

#endif
