#include "gateway/tier/redis/conn.h"

#include "gateway/tier/redis/conn_inside.h"

#include "gateway/tier/redis/resp.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_BYTES 16384u  /* hiredis moves what is left for each 1 KB parsed: no more than this */
#define READS_MOST 8       /* in one pass, then others have their turn */
#define WRITE_BYTES 65536u /* the same for what is written */
#define REPLY_BYTES (128u << 20) /* one answer or message */
#define OUT_KEPT (1u << 20)      /* bytes of an empty buffer that are kept */
#define TIMEOUTS_BEHIND 5        /* in which to catch up with what has come */
#define UNUSED_MOST 1024         /* commands kept for the next burst */

static void run_broken(void *ctx);
static void look(void *ctx);

void conn_init(struct conn *c, const struct conn_options *o)
{
	memset(c, 0, sizeof *c);
	c->o = o;
	list_init(&c->commands);
	list_init(&c->unused);
	buf_init(&c->out);
	c->flush = (struct deferred){ .run = conn_flush, .ctx = c };
	c->broken = (struct deferred){ .run = run_broken, .ctx = c };
	timer_init(&c->look, o->loop, look, c);
}

struct buf *conn_out(struct conn *c)
{
	return &c->out;
}

size_t conn_pending_bytes(const struct conn *c)
{
	return c->out.n - c->out_at;
}

/* --- breaking ----------------------------------------------------------------------------------- */

void conn_break(struct conn *c, const char *reason)
{
	if (c->state == CONN_CLOSED || c->state == CONN_BROKEN)
		return;
	snprintf(c->reason, sizeof c->reason, "%s", reason);
	c->state = CONN_BROKEN;
	timer_stop(&c->look);
	loop_defer(c->o->loop, &c->broken);
}

static void command_free(struct conn *c, struct command *cmd)
{
	if (c->n_unused == UNUSED_MOST) {
		free(cmd);
		return;
	}
	list_push(&c->unused, &cmd->node);
	c->n_unused++;
}

/* What was sent is out of our hands; nobody knows. */
static void answer_all(struct conn *c)
{
	struct list_node *n;

	while ((n = list_shift(&c->commands)) != NULL) {
		struct command *cmd = container_of(n, struct command, node);

		c->n_commands--;
		cmd->reply(c, cmd, NULL);
		command_free(c, cmd);
	}
}

static void take_down(struct conn *c)
{
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	c->readable = c->writable = NULL;
	if (c->tls != NULL && c->redis->privctx == NULL)
		SSL_free(c->tls); /* hiredis never got it */
	c->tls = NULL;
	if (c->redis != NULL)
		redisFree(c->redis);
	c->redis = NULL;
	c->writing = false;
	answer_all(c);
	if (c->out.p != NULL)
		explicit_bzero(c->out.p, c->out.n); /* a password may still be in it */
	buf_fini(&c->out);
	buf_init(&c->out);
	c->out_at = 0;
}

static void run_broken(void *ctx)
{
	struct conn *c = ctx;

	take_down(c);
	c->state = CONN_CLOSED;
	c->o->ev->down(c, c->reason);
}

void conn_fini(struct conn *c)
{
	struct list_node *n;

	c->state = CONN_BROKEN;
	timer_stop(&c->look);
	deferred_cancel(&c->flush);
	deferred_cancel(&c->broken);
	take_down(c);
	c->state = CONN_CLOSED;
	while ((n = list_shift(&c->unused)) != NULL)
		free(container_of(n, struct command, node));
	c->n_unused = 0;
}

/* hiredis passes on little of what TLS says. */
static const char *tls_reason(const struct conn *c)
{
	long verified = SSL_get_verify_result(c->tls);
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	if (verified != X509_V_OK)
		return X509_verify_cert_error_string(verified);
	return reason;
}

void conn_break_with_errno(struct conn *c)
{
	const char *reason = c->tls != NULL ? tls_reason(c) : NULL;

	if (reason == NULL)
		reason = c->redis->errstr[0] != '\0' ? c->redis->errstr : strerror(errno);
	conn_break(c, reason);
	ERR_clear_error();
}

/* --- writing -------------------------------------------------------------------------------------- */

void conn_want_write(struct conn *c, bool wanted)
{
	if (c->writing == wanted)
		return;
	c->writing = wanted;
	if (wanted)
		event_add(c->writable, NULL);
	else
		event_del(c->writable);
}

/* hiredis moves all it still holds after each write, so it is given a little at a time. */
static bool hand_over(struct conn *c)
{
	size_t left = c->out.n - c->out_at, n = left < WRITE_BYTES ? left : WRITE_BYTES;

	if (c->out.failed ||
	    redisAppendFormattedCommand(c->redis, c->out.p + c->out_at, n) != REDIS_OK) {
		conn_break(c, "out of memory");
		return false;
	}
	c->out_at += n;
	if (c->out_at < c->out.n)
		return true;
	c->out_at = 0;
	if (c->out.cap > OUT_KEPT) {
		buf_fini(&c->out);
		buf_init(&c->out);
	}
	buf_reset(&c->out);
	return true;
}

/* A handshake goes on when the server has answered, not when the socket could take more. */
static bool shaking_hands(const struct conn *c)
{
	return c->tls != NULL && !SSL_is_init_finished(c->tls);
}

void conn_flush(void *ctx)
{
	struct conn *c = ctx;
	int done = 1;

	if (c->state != CONN_GREETING && c->state != CONN_READY)
		return;
	while (done) {
		if (sdslen(c->redis->obuf) == 0) {
			if (c->out_at == c->out.n && !c->out.failed) {
				conn_want_write(c, false);
				return;
			}
			if (!hand_over(c))
				return;
		}
		if (redisBufferWrite(c->redis, &done) != REDIS_OK) {
			conn_break_with_errno(c);
			return;
		}
	}
	conn_want_write(c, !shaking_hands(c));
	/* A stalled Redis: what was sent of a large buffer is given back. */
	if (c->out_at > OUT_KEPT && c->out_at > c->out.n / 2) {
		memmove(c->out.p, c->out.p + c->out_at, c->out.n - c->out_at);
		c->out.n -= c->out_at;
		c->out_at = 0;
	}
}

/* --- commands ---------------------------------------------------------------------------------------- */

bool conn_say(struct conn *c)
{
	if (c->state != CONN_READY || conn_pending_bytes(c) >= c->o->max_pending_bytes)
		return false;
	loop_defer(c->o->loop, &c->flush);
	return true;
}

struct command *conn_enter(struct conn *c, command_reply *reply)
{
	struct list_node *n = list_shift(&c->unused);
	struct command *cmd;

	if (n != NULL) {
		cmd = container_of(n, struct command, node);
		c->n_unused--;
	} else {
		cmd = malloc(sizeof *cmd);
	}
	if (cmd == NULL)
		return NULL;
	*cmd = (struct command){ .reply = reply, .sent_ms = loop_now_ms(c->o->loop) };
	list_push(&c->commands, &cmd->node);
	c->n_commands++;
	loop_defer(c->o->loop, &c->flush);
	return cmd;
}

struct command *conn_command(struct conn *c, command_reply *reply)
{
	if (c->state != CONN_READY || c->n_commands >= c->o->max_pending ||
	    conn_pending_bytes(c) >= c->o->max_pending_bytes)
		return NULL;
	return conn_enter(c, reply);
}

struct command *conn_upkeep(struct conn *c, command_reply *reply)
{
	return c->state == CONN_READY ? conn_enter(c, reply) : NULL;
}

/* --- reading ------------------------------------------------------------------------------------------ */

static void on_reply(struct conn *c, struct redisReply *r)
{
	struct list_node *n;

	if (c->o->ev->push != NULL && c->o->ev->push(c, r))
		return;
	n = list_shift(&c->commands);
	if (n == NULL) {
		conn_break(c,
		           r->type == REDIS_REPLY_ERROR ? r->str
		                                        : "an answer that nobody asked for");
		return;
	}
	c->n_commands--;
	c->answered_ms = loop_now_ms(c->o->loop);
	container_of(n, struct command, node)->reply(c, container_of(n, struct command, node), r);
	command_free(c, container_of(n, struct command, node));
}

static void parse(struct conn *c)
{
	while (c->state != CONN_BROKEN) {
		void *r = NULL;

		if (redisReaderGetReply(c->redis->reader, &r) != REDIS_OK) {
			conn_break(c, c->redis->reader->errstr);
			return;
		}
		if (r == NULL)
			break;
		on_reply(c, r);
		freeReplyObject(r);
	}
	if (c->redis->reader->len > REPLY_BYTES)
		conn_break(c, "an answer without end");
}

bool conn_take_in(struct conn *c)
{
	static char scratch[READ_BYTES]; /* one thread, and nothing is kept in it */

	for (int i = 0; i < READS_MOST && c->state != CONN_BROKEN; i++) {
		ssize_t n = c->redis->funcs->read(c->redis, scratch, sizeof scratch);

		if (n < 0) {
			conn_break_with_errno(c);
			return false;
		}
		if (n == 0)
			return false;
		if (redisReaderFeed(c->redis->reader, scratch, (size_t)n) != REDIS_OK) {
			conn_break(c, "out of memory");
			return false;
		}
		parse(c);
		if ((size_t)n < sizeof scratch && (c->tls == NULL || SSL_pending(c->tls) == 0))
			return false;
	}
	return true;
}

/* --- time ------------------------------------------------------------------------------------------------- */

static void on_pong(struct conn *c, const struct command *cmd, struct redisReply *r)
{
	(void)cmd;
	/* A Redis that cannot write to its disk says so to a PING too, and yet carries messages. */
	if (r != NULL && r->type == REDIS_REPLY_ERROR && strncmp(r->str, "MISCONF ", 8) != 0)
		conn_break(c, r->str);
}

void conn_ping(struct conn *c)
{
	if (!list_is_empty(&c->commands) || conn_command(c, on_pong) == NULL)
		return;
	resp_command(&c->out, 1);
	resp_text(&c->out, "PING");
}

static bool too_late(const struct conn *c, uint64_t now, uint64_t timeout_ms)
{
	const struct command *oldest = container_of(c->commands.head.next, const struct command,
	                                            node);

	return !list_is_empty(&c->commands) && oldest->sent_ms + timeout_ms <= now;
}

/* What has come already counts: it may have been us who slept. While more of it is to be read than we keep
 * up with, the answer may be behind that, for a while. */
static void look(void *ctx)
{
	struct conn *c = ctx;
	uint64_t now = loop_now_ms(c->o->loop);
	uint64_t patience = c->o->timeout_ms;
	char reason[64];

	if (too_late(c, now, patience) && c->state >= CONN_GREETING && c->state != CONN_BROKEN &&
	    conn_take_in(c))
		patience *= TIMEOUTS_BEHIND;
	if (c->state == CONN_BROKEN)
		return;
	if (too_late(c, now, patience)) {
		snprintf(reason, sizeof reason, "no answer for %llu ms",
		         (unsigned long long)c->o->timeout_ms);
		conn_break(c, reason);
		return;
	}
	if (c->answered_ms + c->o->timeout_ms / 2 <= now)
		conn_ping(c);
	timer_set(&c->look, c->o->timeout_ms / 4 + 1);
}

void conn_settle(struct conn *c, uint64_t ms)
{
	uint64_t until;

	loop_refresh(c->o->loop);
	until = loop_now_ms(c->o->loop) + ms;
	while (c->state == CONN_READY && (c->n_commands > 0 || conn_pending_bytes(c) > 0)) {
		struct pollfd p = { .fd = c->redis->fd, .events = POLLIN };
		uint64_t now = loop_now_ms(c->o->loop);

		conn_flush(c);
		if (now >= until || c->state != CONN_READY)
			return;
		p.events |= c->writing ? POLLOUT : 0;
		(void)poll(&p, 1, (int)(until - now));
		loop_refresh(c->o->loop);
		(void)conn_take_in(c);
	}
}
