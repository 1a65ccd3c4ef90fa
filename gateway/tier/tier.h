/*
 * The fan-out tier: what carries messages and room membership between gateways.
 *
 * One interface, four parts: bus, registry, call, log. Every backend implements all of them, and
 * tests/contract holds each to what is written here. Rules for all calls:
 *   - Arguments are borrowed for the call; what a callback gets is borrowed for the callback.
 *   - Not ERR_OK: nothing was started and the callback never comes. ERR_OK: it comes exactly once, from
 *     the loop, never from inside the call; after tier_close() none comes.
 *   - Answers (`done`) of one topic come in the order in which the operations were accepted, those of
 *     `subscribe` among themselves; messages and presence of one topic come in their one order.
 *     Between answers and messages there is no order, but two: a message accepted after `subscribe`
 *     or `enter` was confirmed comes, and comes after that confirmation; and `rev` tells which
 *     presence changes a list holds (`enter` answers with the rev after its own change, also when no
 *     list was asked for).
 */
#ifndef ROOMCAST_TIER_H
#define ROOMCAST_TIER_H

#include "broker-common/buf.h"
#include "broker-common/err.h"
#include "broker-common/parcel.h"

#include <stdint.h>

struct loop;
struct config;
struct metrics;
struct tier_ops;

#define NODE_ID_LEN 8 /* a node's id; the first bytes of its clients' ids */

/* What the node above hears. */
struct tier_events {
	/* A message, presence change or confirmation on a topic that this node is subscribed to; or
	 * for one of its clients (`client:`). */
	void (*message)(void *ctx, const struct parcel *p);

	/* Up: both directions live. Down: publishes are refused. `lost`: messages may have been missed
	 * until now, and come again from here on, be it up already or not. A tier begins down. */
	void (*link)(void *ctx, bool up, bool lost, const char *reason);

	/* Another node asks; append the answer. */
	void (*call)(void *ctx, struct slice request, struct buf *reply);

	/* This node may not be part of that cluster (other gateways are configured otherwise): it shall
	 * end. NULL: not of interest. */
	void (*unfit)(void *ctx, const char *reason);
};

struct tier_options {
	struct loop *loop;
	const struct config *config;
	struct metrics *metrics;
	struct slice node; /* NODE_ID_LEN bytes */
	void *medium;      /* memory: the exchange that nodes of one process share; NULL: alone */
};

/* The common head of every backend's struct. */
struct tier {
	const struct tier_ops *ops;
};

struct tier_accepted {
	uint32_t nodes;     /* gateways that took it */
	uint64_t receivers; /* connections that the registry counts for the topic; see `count` */
	bool duplicate;     /* the key had been used: not sent again */
};

/* What is published, and how. */
struct tier_message {
	const struct parcel *parcel;
	struct slice key; /* any bytes, claimed and published in one operation; NULL: none */
	bool count;       /* `receivers` is wanted; else it may be 0 */
};

typedef void tier_published(void *ctx, enum err e, const struct tier_accepted *a);
typedef void tier_done(void *ctx, enum err e);

/* A room as the registry sees it. */
struct tier_room {
	uint64_t rev; /* begins anywhere, grows by exactly one per change of the visible members */
	uint64_t count, users; /* visible connections, distinct users */
	uint64_t connections;  /* all members, visible or not */
	uint32_t gateways;     /* that have a member */
	const struct member *members;
	size_t n_members; /* 0 above the limit that was asked for: `counts_only` */
	bool counts_only;
};
typedef void tier_room_done(void *ctx, enum err e, const struct tier_room *r);

/* How a client is entered into a topic. */
struct tier_entry {
	struct slice topic;
	struct member member;
	bool visible;         /* counts as present: raises `rev`, and a notice goes out */
	bool again;           /* it is entered already, invisible: only `visible` is new */
	bool list;            /* answer with members and counts; else `rev` alone, if visible */
	uint64_t max_members; /* 0: no limit; else ERR_ROOM_FULL above */
	uint64_t presence_max;
};

/* A topic, or a node, and what the registry counts for it. */
struct tier_name {
	struct slice name;
	uint64_t connections;
	uint32_t gateways; /* topic: that have a member; node: 0 */
};
typedef void tier_names_done(void *ctx, enum err e, const struct tier_name *names, size_t n);
typedef void tier_reply(void *ctx, enum err e, struct slice reply);

struct tier_ops {
	const char *name; /* value of the `tier` option */

	/* Whether the options make sense for this tier, before anything is opened; NULL: they always do.
	 * False: one sentence in `error`, without secrets. */
	bool (*check)(const struct config *c, struct buf *error);

	struct tier *(*open)(const struct tier_options *o, const struct tier_events *ev, void *ctx);

	/* Leaves every topic; what was accepted before still goes out. No event and no callback after it
	 * returns. */
	void (*close)(struct tier *t);

	/* Bring the tier's gauges up to date; NULL: it has none. */
	void (*measure)(struct tier *t);

	/* bus. The same key again within its time is answered with `duplicate`. ERR_UNAVAILABLE: never
	 * sent. ERR_UNCERTAIN: nobody knows. ERR_GONE: a `client:` topic whose node does not exist. */
	enum err (*publish)(struct tier *t, const struct tier_message *m, tier_published *done,
	                    void *ctx);
	enum err (*subscribe)(struct tier *t, struct slice topic, tier_done *done, void *ctx);
	void (*unsubscribe)(struct tier *t, struct slice topic);

	/* registry. A client is entered once (then once more with `again`, if it shall be seen), and
	 * left once. */
	enum err (*enter)(struct tier *t, const struct tier_entry *e, tier_room_done *done,
	                  void *ctx);
	void (*leave)(struct tier *t, struct slice topic, struct slice client);
	enum err (*room)(struct tier *t, struct slice topic, uint64_t limit, tier_room_done *done,
	                 void *ctx);

	/* Topics with that prefix behind `after` in byte order, at most `limit`. */
	enum err (*topics)(struct tier *t, struct slice prefix, struct slice after, size_t limit,
	                   tier_names_done *done, void *ctx);
	enum err (*nodes)(struct tier *t, tier_names_done *done, void *ctx);

	/* call: to exactly one node. ERR_GONE: no such node; ERR_UNCERTAIN: no answer within `deadline_ms`. */
	enum err (*call)(struct tier *t, struct slice node, struct slice request,
	                 uint64_t deadline_ms, tier_reply *done, void *ctx);

	/* log: messages of a topic since a point. ERR_NOT_SUPPORTED where the tier keeps none. */
	enum err (*read)(struct tier *t, struct slice topic, uint64_t since, size_t limit,
	                 tier_done *done, void *ctx);
};

extern const struct tier_ops tier_memory;
extern const struct tier_ops tier_redis;
extern const struct tier_ops tier_fail; /* never up, refuses everything: for tests */

/* Memory: what several nodes of one process share. Outlives its tiers. */
struct exchange;
struct exchange *exchange_new(struct loop *loop, uint64_t max_keys, uint64_t key_ms);
void exchange_free(struct exchange *x);

#endif
