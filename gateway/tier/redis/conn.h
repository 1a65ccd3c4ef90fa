/*
 * One connection to Redis (or to a Sentinel), on the process's own loop.
 *
 * hiredis connects, speaks TLS and parses; the queue of commands, its limits and its time-outs are
 * ours. Replies come in the order of the commands. When the connection breaks, or an
 * answer is late, every command that still waits is answered with NULL: nobody knows whether
 * it was done.
 */
#ifndef ROOMCAST_REDIS_CONN_H
#define ROOMCAST_REDIS_CONN_H

#include "broker-common/buf.h"
#include "broker-common/list.h"
#include "gateway/base/loop.h"
#include "gateway/tier/tier.h"

struct conn;
struct event;
struct redisContext;
struct redisReply;
struct ssl_ctx_st;
struct ssl_st;

/* Whom the answer of a command is for; the fields belong to whoever sent it. */
struct command {
	struct list_node node;
	uint64_t sent_ms;
	void (*reply)(struct conn *c, const struct command *cmd, struct redisReply *r);
	union {
		tier_published *published;
		tier_done *done;
		tier_room_done *room;
		tier_names_done *names;
		tier_reply *reply;
	} call;
	void *ctx;      /* of `call` */
	void *more;     /* the sender's own; freed by its reply function */
	uint64_t value; /* the sender's own */
};
typedef void command_reply(struct conn *c, const struct command *cmd, struct redisReply *r);

struct conn_events {
	/* Connected, authenticated, and in the right database. */
	void (*ready)(struct conn *c);

	/* It was ready, or never became so; all commands have been answered. Open it again or not. */
	void (*down)(struct conn *c, const char *reason);

	/* Something that is no answer (pub/sub); NULL: everything is one. True: it was. */
	bool (*push)(struct conn *c, struct redisReply *r);
};

/* What a connection needs to know; borrowed for its life. */
struct conn_options {
	struct loop *loop;
	const struct conn_events *ev;
	void *owner;
	uint64_t timeout_ms; /* for connecting, and for each answer */
	uint64_t max_pending, max_pending_bytes;
};

/* Where and as whom; borrowed for the call. */
struct conn_target {
	const char *host; /* numeric, or NULL: `path` */
	const char *path; /* Unix socket */
	uint16_t port;
	const char *user, *password; /* NULL: none */
	unsigned int database;
	struct ssl_ctx_st *tls; /* NULL: plain */
	const char *tls_name;   /* that the certificate must carry */
	const char *name;       /* CLIENT SETNAME, for operators; NULL: none */
};

enum conn_state { CONN_CLOSED, CONN_CONNECTING, CONN_GREETING, CONN_READY, CONN_BROKEN };

struct conn {
	const struct conn_options *o;
	enum conn_state state;
	struct redisContext *redis;
	struct ssl_st *tls; /* of `redis`, borrowed */
	struct event *readable, *writable;
	struct list commands; /* that wait for an answer, oldest first */
	struct list unused;   /* some more, so that a command is no malloc */
	uint32_t n_commands, n_unused;
	struct buf out; /* commands not handed to hiredis yet, from `out_at` */
	size_t out_at;
	struct deferred flush, broken;
	struct timer look;    /* for late answers */
	uint64_t answered_ms; /* the last command */
	uint32_t greetings;   /* answers of the greeting not come yet */
	bool writing;         /* `writable` is armed */
	char reason[160];     /* why it broke, without secrets */
};

void conn_init(struct conn *c, const struct conn_options *o);

/* Begin; `ready` or `down` comes later. It must be closed. */
void conn_open(struct conn *c, const struct conn_target *t);

/* Break it: all is answered and `down` comes when the loop turns. Harmless when closed. */
void conn_break(struct conn *c, const char *reason);

/* For the end of the process: everything is answered with NULL inside the call, no event comes. */
void conn_fini(struct conn *c);

/* Work until every command is answered or `ms` are over. For the end of the process. */
void conn_settle(struct conn *c, uint64_t ms);

static inline bool conn_ready(const struct conn *c)
{
	return c->state == CONN_READY;
}

/* Enter a command: NULL when it is not ready, when too much waits already, or without memory; nothing
 * was sent then. Else append its words with resp_* to conn_out() before anything else happens. The
 * result is borrowed until then, for setting `call`, `ctx`, `more` and `value`. */
struct command *conn_command(struct conn *c, command_reply *reply);

/* The same however much waits: for the few commands without which the others are worth nothing. */
struct command *conn_upkeep(struct conn *c, command_reply *reply);

/* The same without answer: for pub/sub's own, which answer by push. False as above. */
bool conn_say(struct conn *c);

/* A question whose answer proves both directions; harmless when one is under way. For the pub/sub
 * connection: its other traffic proves nothing of what we say. */
void conn_ping(struct conn *c);

struct buf *conn_out(struct conn *c);
size_t conn_pending_bytes(const struct conn *c);

#endif
