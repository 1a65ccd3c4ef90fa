/*
 * The Redis tier's inside, for its own files: see gateway/tier/README.md for what travels and what is
 * stored.
 *
 *   redis.c     the tier's operations, handed to the topic's server
 *   server.c    one Redis: two connections, and the steps until it is up
 *   conn.c      one connection (conn_open.c: how it comes about); dial.c: where to; address, resolve,
 *               place, resp.h: parts
 *   publish.c   the way up; receive.c the way down; calls.c questions between nodes
 *   subs.c      which channels this node is subscribed to
 *   registry.c  who is where: entering; leave.c: leaving; read.c: reading; mirror.c: what this node entered
 *   restore.c   telling Redis all of it again
 *   lease.c     this node's leases; reap.c: the remains of dead ones
 *   scripts.c   the Lua scripts of lua/
 */
#ifndef ROOMCAST_REDIS_H
#define ROOMCAST_REDIS_H

#include "broker-common/map.h"
#include "broker-common/topic.h"
#include "gateway/base/config.h"
#include "gateway/base/loop.h"
#include "gateway/base/metrics.h"
#include "gateway/tier/redis/address.h"
#include "gateway/tier/redis/conn.h"
#include "gateway/tier/redis/place.h"
#include "gateway/tier/tier.h"

#define CHANNEL_MAX (64 + 1 + TOPIC_MAX)   /* prefix, ':', topic */
#define INCARNATION_MAX (NODE_ID_LEN + 12) /* "NODEID.N" */
#define OLD_INCARNATIONS 8

/* --- subscriptions (subs.c) ------------------------------------------------------------------- */

struct subs {
	struct map channels; /* struct sub, by topic */
	struct list asking;  /* to be subscribed, in this order */
	struct list dropping;
	struct list lingering; /* subscribed and not wanted, the longest first */
	struct list kept;      /* subscribed, and asked for once more */
	struct deferred send, confirm;
	uint32_t n_lingering;
	struct timer linger;
	uint32_t unconfirmed; /* channels asked for, not confirmed */
	bool restoring;
};

/* --- the registry (registry.c) ---------------------------------------------------------------- */

struct registry {
	struct map topics;   /* struct reg_topic: what this node has entered, on this server */
	struct list order;   /* the same; those to be told again first (restore.c) */
	struct map entering; /* struct entering, by topic and client */
	struct list leaving; /* struct leaving: those put off (leave.c) */
	struct list reaps;   /* struct reap, the first under way (reap.c) */
	struct timer leave;  /* those go on */
	struct timer go;     /* restoring goes on */
	uint32_t number;     /* of s->inc; 0: none yet */
	uint32_t unanswered; /* scripts of restore.c */
	uint32_t reap_run;   /* reap_stop() counts: older answers mean nothing */
	bool told;           /* something was, under s->inc */
	bool restoring, reaping;
};

/* --- one server (server.c) --------------------------------------------------------------------- */

enum stage { STAGE_NONE, STAGE_SCRIPTS, STAGE_META, STAGE_LEASE, STAGE_SUBS, STAGE_REGISTRY };

struct server {
	struct redis_tier *t;
	unsigned int index;
	const struct redis_address *address;
	struct conn_options cmd_options, sub_options;
	struct conn cmd, sub;
	struct subs subs;
	struct registry registry;

	/* What has been reached since the connections came up, in this order. */
	bool scripts_loaded, agreed, leased; /* of `cmd`; agreed: on partitions and servers */
	bool subscribed;                     /* of `sub` */
	bool registered;                     /* of `cmd` */
	bool fits;                           /* it has agreed once */
	enum stage stage;                    /* which of these is under way */
	bool up; /* all of it was reached, and both connections live since */
	bool lost; /* messages may have been missed since it was subscribed; none are handed up meanwhile */

	char inc[INCARNATION_MAX];                   /* "" before the first */
	char old[OLD_INCARNATIONS][INCARNATION_MAX]; /* not taken back yet; "" unused */
	uint32_t lease_answers;                      /* still to come */
	struct timer lease;

	struct dial *dial;             /* under way (dial.c), or NULL */
	char host[REDIS_HOST_MAX + 1]; /* numeric, where the connections went */
	uint16_t port;
	struct timer retry; /* set: the breaker is open, or registering waits */
	uint32_t attempts;  /* since it was up */
	uint64_t reregistered_ms;
	uint64_t error_ms; /* when the error of error_kind was logged */
	char error_kind[24];
	char reason[160]; /* why it is down */
};

struct redis_tier {
	struct tier tier;
	struct loop *loop;
	const struct config *config;
	struct metrics *metrics;
	const struct tier_events *ev;
	void *ctx;
	char node[NODE_ID_LEN + 1];
	char node_topic[NODE_ID_LEN + 6]; /* "node:ID": where this node is asked and answered */
	struct redis_addresses addresses;
	struct ssl_ctx_st *tls;
	struct server *servers;
	unsigned int n_servers;
	uint32_t incarnations; /* numbers given out */
	struct buf text;       /* for building parcels; never kept over a call */
	struct map calls;      /* struct call, by number (calls.c) */
	uint64_t next_call;
	bool up;
	bool closing;     /* no callback goes out any more */
	char reason[200]; /* as told last, at told_ms */
	uint64_t told_ms;
	const char *broken_why; /* of the parcel that was logged last, at broken_ms */
	uint64_t broken_ms;
};

static inline struct redis_tier *redis_of(struct tier *t)
{
	return container_of(t, struct redis_tier, tier);
}

/* The server of a topic, and of a partition. */
struct server *redis_server(struct redis_tier *t, struct slice topic);
struct server *redis_partition_server(struct redis_tier *t, unsigned int partition);

/* "PREFIX:TOPIC" into `out`. */
struct slice redis_channel(const struct redis_tier *t, struct slice topic, char out[CHANNEL_MAX]);

/* One Redis error reply is counted, and logged unless the same was logged just before. True when it
 * says that this server cannot take our writes at all (READONLY, MASTERDOWN, NOAUTH, LOADING, …):
 * the connection is broken then. */
bool server_error(struct server *s, const struct redisReply *r);

/* Something has been reached or lost: see what is next. */
void server_step(struct server *s);

/* The registry in Redis is not what it should be (a lost lease, a script that failed): register
 * everything again under a new incarnation, without breaking a connection. */
void server_reregister(struct server *s, const char *reason);

/* The stage under way was refused: it begins again after a while, and what is up goes on. */
void server_later(struct server *s);

/* dial.c: find where the server is (names, Sentinels), then open its closed connections. When there
 * is no finding it: server_retry(). */
void dial_start(struct server *s);
void dial_stop(struct server *s);

/* Down, and tried again after a while. */
void server_retry(struct server *s, const char *reason);

/* server.c */
void redis_server_open(struct server *s, struct redis_tier *t, unsigned int index);
void redis_server_close(struct server *s);
/* A server is up (`reason` NULL), or down and why: tell it when it changes the whole. */
void redis_link(struct redis_tier *t, const char *reason);
/* Every topic of this server is subscribed to again: what was missed was missed before this. */
void redis_heard_again(struct server *s);

/* publish.c */
enum err redis_publish(struct tier *t, const struct tier_message *m, tier_published *done,
                       void *ctx);
/* PUBLISH t->text to a channel without anybody waiting for the answer. */
bool redis_send(struct server *s, struct slice channel);

/* receive.c: what came on the channel of this topic, or of this node. */
void redis_receive(struct server *s, struct slice topic, char *bytes, size_t n);

/* calls.c */
#define NODE_TOPIC_MAX (NODE_ID_LEN + 5)
struct slice redis_node_topic(struct slice node, char out[NODE_TOPIC_MAX]);
void calls_init(struct redis_tier *t);
void calls_fini(struct redis_tier *t);
enum err redis_call(struct tier *t, struct slice node, struct slice request, uint64_t deadline_ms,
                    tier_reply *done, void *ctx);
void calls_asked(struct redis_tier *t, const struct parcel *p);
void calls_answered(struct redis_tier *t, const struct parcel *p);

/* subs.c */
void subs_init(struct server *s);
void subs_fini(struct server *s);
enum err subs_want(struct server *s, struct slice topic, tier_done *done, void *ctx);
void subs_drop(struct server *s, struct slice topic);
void subs_confirmed(struct server *s, struct slice topic, bool on);
void subs_restore(struct server *s); /* server_step() when all are confirmed */
void subs_lost(struct server *s);

/* registry.c: enter and leave. Keeps what this node has entered, so that it can be told again.
 * reg_fini() when no command is under way any more: it calls nobody back. */
void reg_init(struct server *s);
void reg_fini(struct server *s);
enum err reg_enter(struct server *s, const struct tier_entry *e, tier_room_done *done, void *ctx);
void reg_leave(struct server *s, struct slice topic, struct slice client);

/* read.c */
enum err reg_room(struct server *s, struct slice topic, uint64_t limit, tier_room_done *done,
                  void *ctx);
enum err redis_topics(struct tier *t, struct slice prefix, struct slice after, size_t limit,
                      tier_names_done *done, void *ctx);
enum err redis_nodes(struct tier *t, tier_names_done *done, void *ctx);

/* restore.c: tell everything again under s->inc, a bounded number of scripts under way; server_step()
 * when done, and what the old incarnations still hold is taken away after that. */
void restore_start(struct server *s);
void restore_stop(struct server *s); /* the incarnation ends, or the command connection has */

/* For the end: leave every topic and give the lease back, as commands on `cmd`. */
void restore_leave_all(struct server *s);

/* lease.c */
void lease_init(struct server *s);
void lease_start(struct server *s); /* a new incarnation, in every partition; then server_step() */
void lease_stop(struct server *s);

#endif
