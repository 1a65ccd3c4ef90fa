#include "gateway/server/peer.h"

#include "gateway/base/config.h"
#include "gateway/base/lws_loop.h"
#include "gateway/base/metrics.h"
#include "gateway/core/login.h"
#include "gateway/core/session.h"
#include "gateway/server/socket.h"

#include <assert.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

#define CLOSE_MS 1000u    /* for the last frames, and then for the peer's answer */
#define WRITES_MOST 4u    /* in one go, each what one fragment of a large message needs */
#define WRITE_SIZE 32768u /* bytes of one write: a burst of small messages goes at once */
#define READ_SIZE 65536u  /* bytes of one read; all peers share the buffer */
#define READS_MOST 4u     /* in one go */
#define PING_LEN 10u      /* a header of 2 bytes, the hidden time */
#define PONGS_MOST 1024u  /* bytes of pongs that wait; a peer that asks faster gets fewer */
#define CLOSE_MOST 127u   /* bytes of a close frame */
#define PONG_MOST_US (3600u * 1000000u)

/* RFC 6455 section 5.2: FIN and the opcode. */
enum { FRAME_CLOSE = 0x88, FRAME_PING = 0x89, FRAME_PONG = 0x8a };

/* One each: keep it small. */
struct peer {
	/* A write looks at these only: one cache line. */
	struct line *line;
	struct socket socket;
	struct session *session; /* NULL: not yet */
	struct buf *pongs;       /* frames that wait, or NULL */
	bool is_closing : 1;     /* by the session's wish */
	bool peer_closed : 1;    /* its close frame has come */
	bool close_sent : 1;     /* ours has gone; no frame may follow */
	bool is_dead : 1;        /* lws has been told to drop it */
	bool ping_due : 1;
	bool pinged : 1;
	bool refused : 1;
	uint8_t why; /* enum close_why: our own close frame's */
	uint8_t reason_n;
	uint16_t code; /* of the peer's close frame; 0: none came */
	struct peers *all;
	struct lws *wsi;
	char *reason; /* of the peer's close frame */
	struct reader reader;
	struct list_node closing;
	uint64_t cut_ms;
};

static void on_cut(void *ctx);

void peers_init(struct peers *all, struct lws_loop *lws, struct loop *loop, const struct config *c,
                struct metrics *m)
{
	*all = (struct peers){ .lws = lws, .loop = loop, .config = c, .metrics = m };
	joiner_init(&all->joiner);
	list_init(&all->closing);
	timer_init(&all->cut, loop, on_cut, all);
	all->secret = loop_random(loop);
}

void peers_fini(struct peers *all)
{
	assert(list_is_empty(&all->closing));
	timer_stop(&all->cut);
	joiner_fini(&all->joiner);
}

static void ask_writable(struct peer *p)
{
	if (!p->is_dead)
		lws_loop_write(p->line);
}

/* --- closing --------------------------------------------------------------------------------------- */

/* The socket goes, in the next turn. Any other way lws would wait for what the peer does not take. */
static void drop(struct peer *p)
{
	if (p->is_dead)
		return;
	p->is_dead = true;
	p->reader.mute = p->reader.done = true;
	lws_set_timeout(p->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
	lws_loop_poke(p->all->lws);
}

static void cut_later(struct peer *p)
{
	struct peers *all = p->all;

	list_remove(&p->closing);
	p->cut_ms = loop_now_ms(all->loop) + CLOSE_MS;
	list_push(&all->closing, &p->closing);
	if (!timer_is_set(&all->cut))
		timer_set(&all->cut, CLOSE_MS);
}

static void on_cut(void *ctx)
{
	struct peers *all = ctx;
	uint64_t now = loop_now_ms(all->loop);
	struct list_node *n;

	while ((n = list_first(&all->closing)) != NULL) {
		struct peer *p = container_of(n, struct peer, closing);

		if (p->cut_ms > now) {
			timer_set(&all->cut, p->cut_ms - now);
			break;
		}
		list_remove(&p->closing);
		drop(p);
	}
}

static void on_close(void *transport, enum close_why why)
{
	struct peer *p = transport;

	p->is_closing = true;
	p->why = (uint8_t)why;
	p->reader.mute = true;
	lws_loop_pause(p->line, false); /* or its answer is not seen */
	cut_later(p);
	ask_writable(p);
}

/* Ours, or the answer to the peer's: its own code, and no reason. */
static bool say_close(struct peer *p)
{
	const char *reason = p->peer_closed ? "" : close_reason((enum close_why)p->why);
	int code = p->peer_closed ? p->code : close_code((enum close_why)p->why);
	unsigned char out[CLOSE_MOST];
	size_t n = strlen(reason);

	assert(4 + n <= CLOSE_MOST);
	out[0] = FRAME_CLOSE;
	out[1] = (unsigned char)(2 + n);
	out[2] = (unsigned char)(code >> 8);
	out[3] = (unsigned char)code;
	memcpy(out + 4, reason, n);
	n += 4;
	if (p->peer_closed && code == 1005) { /* there was none: section 7.1.5 */
		out[1] = 0;
		n = 2;
	}
	p->close_sent = true;
	cut_later(p);
	return socket_send(&p->socket, out, n, session_budget(p->session));
}

static void keep_reason(struct peer *p, struct slice reason)
{
	p->reason = reason.n == 0 ? NULL : malloc(reason.n);
	if (p->reason == NULL)
		return;
	memcpy(p->reason, reason.p, reason.n);
	p->reason_n = (uint8_t)reason.n;
}

static void on_peer_closed(void *ctx, int code, struct slice reason)
{
	struct peer *p = ctx;

	p->peer_closed = true;
	p->code = (uint16_t)code;
	keep_reason(p, reason);
	if (p->close_sent && !socket_is_full(&p->socket)) {
		drop(p);
		return;
	}
	cut_later(p);
	ask_writable(p);
}

static struct reader_options reader_options(struct peer *p);

void peer_gone(struct peer *p)
{
	struct reader_options o = reader_options(p);

	list_remove(&p->closing);
	reader_fini(&p->reader, &o);
	socket_fini(&p->socket, session_budget(p->session));
	if (p->refused)
		p->all->n_refused--;
	session_gone(p->session, p->code, (struct slice){ p->reason, p->reason_n });
	if (p->pongs != NULL)
		buf_fini(p->pongs);
	free(p->pongs);
	free(p->reason);
	free(p);
}

/* --- output ------------------------------------------------------------------------------------------- */

/* lws's own pings cost a sorted list, and show no round-trip time. */
static size_t put_ping(struct peer *p, unsigned char *out)
{
	uint64_t stamp = loop_now_us(p->all->loop) ^ p->all->secret;

	p->ping_due = false;
	p->pinged = true;
	out[0] = FRAME_PING;
	out[1] = sizeof stamp;
	memcpy(out + 2, &stamp, sizeof stamp);
	return PING_LEN;
}

static size_t put_pongs(struct peer *p, unsigned char *out)
{
	size_t n = p->pongs->n;

	memcpy(out, p->pongs->p, n);
	buf_fini(p->pongs);
	free(p->pongs);
	p->pongs = NULL;
	return n;
}

/* Whole frames only, so that nothing stands inside another; at most one write waits outside the queue
 * of a slow reader. False: the connection is broken. */
static bool write_some(struct peer *p)
{
	static unsigned char out[PONGS_MOST + PING_LEN + WRITE_SIZE];

	for (uint32_t i = 0; i < WRITES_MOST && !socket_is_full(&p->socket); i++) {
		size_t n = p->pongs != NULL ? put_pongs(p, out) : 0;

		if (p->ping_due && !p->is_closing)
			n += put_ping(p, out + n);
		if (!p->peer_closed)
			n += session_take(p->session, (char *)out + n, WRITE_SIZE);
		if (n == 0)
			return true;
		if (!socket_send(&p->socket, out, n, session_budget(p->session)))
			return false;
		if (!session_has_output(p->session))
			return true;
	}
	return true;
}

/* When everything has gone that may go: the close frame, and then the socket. */
static void go_on_closing(struct peer *p)
{
	if (!p->close_sent && !say_close(p))
		drop(p);
	else if (p->close_sent && p->peer_closed && !socket_is_full(&p->socket))
		drop(p); /* a server closes first: section 7.1.1 */
}

void peer_writable(void *peer)
{
	struct peer *p = peer;
	bool more;

	if (p->is_dead)
		return;
	if (!socket_flush(&p->socket, session_budget(p->session)) ||
	    (!p->close_sent && !write_some(p))) {
		drop(p);
		return;
	}
	more = !p->close_sent && !p->peer_closed && session_has_output(p->session);
	if (!socket_is_full(&p->socket) && more)
		ask_writable(p);
	else if (!socket_is_full(&p->socket) && (p->is_closing || p->peer_closed))
		go_on_closing(p);
	if (socket_is_full(&p->socket) && !p->is_dead)
		lws_loop_write_blocked(p->line);
}

static void on_wake(void *transport)
{
	ask_writable(transport);
}

static void on_ping_due(void *transport)
{
	struct peer *p = transport;

	p->ping_due = true;
	ask_writable(p);
}

/* --- input -------------------------------------------------------------------------------------------- */

static void on_pause(void *transport, bool paused)
{
	struct peer *p = transport;

	lws_loop_pause(p->line, paused);
}

static void on_message(void *ctx, char *text, size_t n)
{
	struct peer *p = ctx;

	session_input(p->session, text, n);
}

static void on_ping(void *ctx, struct slice payload)
{
	struct peer *p = ctx;

	if (p->pongs == NULL) {
		p->pongs = malloc(sizeof *p->pongs);
		if (p->pongs == NULL)
			return;
		buf_init(p->pongs);
	}
	if (p->pongs->n + 2 + payload.n > PONGS_MOST)
		return; /* section 5.5.3: not every ping needs a pong of its own */
	buf_char(p->pongs, (char)FRAME_PONG);
	buf_char(p->pongs, (char)payload.n);
	buf_slice(p->pongs, payload);
	ask_writable(p);
}

static void on_pong(void *ctx, struct slice payload)
{
	struct peer *p = ctx;
	uint64_t stamp, now = loop_now_us(p->all->loop);

	if (!p->pinged || payload.n != sizeof stamp)
		return;
	memcpy(&stamp, payload.p, sizeof stamp);
	stamp ^= p->all->secret;
	if (stamp > now || now - stamp > PONG_MOST_US)
		return; /* not the answer to ours */
	p->pinged = false;
	session_pong(p->session, now - stamp);
}

static void on_broken(void *ctx, enum close_why why)
{
	struct peer *p = ctx;

	session_close(p->session, why);
}

static struct reader_options reader_options(struct peer *p)
{
	static const struct reader_events events = {
		.message = on_message,
		.ping = on_ping,
		.pong = on_pong,
		.closed = on_peer_closed,
		.broken = on_broken,
	};

	return (struct reader_options){
		.events = &events,
		.ctx = p,
		.joiner = &p->all->joiner,
		.limits = { .budget = session_budget(p->session),
		            .budget_most = p->all->metrics->memory_limit_bytes,
		            .message_most = (size_t)p->all->config->max_message_bytes },
	};
}

void peer_readable(void *peer)
{
	static char buffer[READER_TAIL_MAX + READ_SIZE];
	struct peer *p = peer;
	struct reader_options o = reader_options(p);
	char *start;
	ssize_t n;

	for (uint32_t i = 0; (i < READS_MOST || socket_holds_more(&p->socket)) && !p->is_dead;
	     i++) {
		n = socket_read(&p->socket, buffer + READER_TAIL_MAX, READ_SIZE);
		if (n == SOCKET_AGAIN)
			return;
		if (n <= 0) {
			drop(p); /* no close frame: 1006 */
			return;
		}
		session_alive(p->session);
		start = buffer + READER_TAIL_MAX - p->reader.tail_n;
		reader_feed(&p->reader, &o, start, reader_tail(&p->reader, start) + (size_t)n);
		if (n < READ_SIZE && p->socket.tls == NULL)
			return; /* that was all */
	}
}

/* lws read it together with the handshake: a client has to wait for the answer to that (section 4.1),
 * but a short first message does no harm. */
void peer_early(struct peer *p, char *text, size_t n)
{
	if (lws_is_first_fragment(p->wsi) && lws_is_final_fragment(p->wsi) &&
	    !lws_frame_is_binary(p->wsi))
		session_input(p->session, text, n);
	else
		session_close(p->session, CLOSE_PROTOCOL);
}

/* --- opening ------------------------------------------------------------------------------------------- */

static const struct transport_ops ops = {
	.wake = on_wake,
	.close = on_close,
	.pause = on_pause,
	.ping = on_ping_due,
};

static struct session *open_session(const struct peer_options *o, const struct session_options *so)
{
	if (o->denied != ERR_OK)
		return session_open_denied(o->hub, so, o->denied);
	return o->refused ? session_open_refused(o->hub, so) : session_open(o->hub, so);
}

struct peer *peer_open(struct peers *all, struct lws *wsi, const struct peer_options *o)
{
	struct peer *p = calloc(1, sizeof *p);
	struct session_options so = { .ops = &ops,
		                      .transport = p,
		                      .user = o->user,
		                      .login = o->login,
		                      .address = o->address,
		                      .hello = o->hello };

	if (p == NULL) {
		login_free(o->login);
		return NULL;
	}
	p->wsi = wsi;
	p->all = all;
	p->refused = o->refused || o->denied != ERR_OK;
	p->line = lws_loop_take(wsi, p);
	socket_init(&p->socket, lws_loop_fd(p->line), lws_get_ssl(wsi));
	p->session = open_session(o, &so);
	lws_loop_hot(p->line, p->session);
	if (p->session == NULL) {
		list_remove(&p->closing);
		free(p);
		return NULL;
	}
	if (p->refused)
		all->n_refused++;
	return p;
}
