#include "tools/bench/conn.h"

#include "tools/bench/clock.h"
#include "tools/bench/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define INPUT_BYTES ((size_t)256 << 10)
#define EVENTS_PER_TURN 1024

/* A frame that is not complete waits in `rest` and goes through the input buffer again; one that is
 * longer than this is gathered piece by piece, since going through again each time would cost the
 * square of its length. */
#define REST_BYTES 4096
#define HTTP_BYTES 16384
#define MESSAGE_BYTES ((size_t)32 << 20)

static void out_of_memory(void)
{
	fprintf(stderr, "roomcast-bench: out of memory\n");
	exit(1);
}

bool net_init(struct net *n, const struct conn_events *events, SSL_CTX *trust)
{
	memset(n, 0, sizeof(*n));
	n->events = events;
	n->trust = trust;
	n->random = (uint32_t)now_ns() | 1;
	n->epoll = epoll_create1(EPOLL_CLOEXEC);
	n->input = malloc(INPUT_BYTES);
	return n->epoll >= 0 && n->input != NULL;
}

void net_fini(struct net *n)
{
	if (n->epoll >= 0)
		close(n->epoll);
	free(n->input);
	n->epoll = -1;
	n->input = NULL;
}

void conn_drop(struct conn *c)
{
	if (c->state == CONN_NONE || c->state == CONN_CLOSED)
		return;
	c->state = CONN_CLOSED;
	link_close(&c->link); /* epoll forgets it by itself */
	buf_fini(&c->out);
	buf_fini(&c->rest);
	buf_fini(&c->pieces);
	c->out_sent = 0;
}

static void lose(struct conn *c, const char *why)
{
	bool asked = c->finishing;

	if (c->state == CONN_CLOSED)
		return;
	conn_drop(c);
	c->net->events->closed(c, asked ? NULL : why);
}

static void watch(struct conn *c, bool sending)
{
	struct epoll_event e = { .events = EPOLLIN | (sending ? EPOLLOUT : 0u), .data.ptr = c };

	if (sending == c->waits_to_send)
		return;
	c->waits_to_send = sending;
	epoll_ctl(c->net->epoll, EPOLL_CTL_MOD, c->link.fd, &e);
}

bool conn_open(struct conn *c, struct net *n, const struct endpoint *to, uint32_t source)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT, .data.ptr = c };

	c->net = n;
	c->to = to;
	c->waits_to_send = true;
	buf_init(&c->out);
	buf_init(&c->rest);
	buf_init(&c->pieces);
	if (!link_open(&c->link, to, n->trust, source))
		return false;
	c->state = CONN_CONNECTING;
	epoll_ctl(n->epoll, EPOLL_CTL_ADD, c->link.fd, &e);
	return true;
}

/* ---- sending ---- */

static void random_key(struct net *n, uint8_t key[4])
{
	n->random ^= n->random << 13;
	n->random ^= n->random >> 17;
	n->random ^= n->random << 5;
	memcpy(key, &n->random, 4);
}

static uint8_t *put_frame(struct conn *c, uint8_t opcode, size_t n)
{
	uint8_t *header;

	if (!buf_reserve(&c->out, FRAME_HEADER_MAX + n))
		out_of_memory();
	header = (uint8_t *)c->out.p + c->out.n;
	c->out.n += frame_put_header(header, opcode, n, true) + 4;
	random_key(c->net, (uint8_t *)c->out.p + c->out.n - 4);
	return (uint8_t *)c->out.p + c->out.n;
}

char *conn_put(struct conn *c, size_t n)
{
	return (char *)put_frame(c, FRAME_TEXT, n);
}

void conn_put_end(struct conn *c, size_t n)
{
	uint8_t *payload = (uint8_t *)c->out.p + c->out.n;

	frame_mask(payload, n, payload - 4);
	c->out.n += n;
}

static void send_control(struct conn *c, uint8_t opcode, const void *payload, size_t n)
{
	memcpy(put_frame(c, opcode, n), payload, n);
	conn_put_end(c, n);
	conn_flush(c);
}

void conn_flush(struct conn *c)
{
	while (c->state != CONN_CLOSED && c->out_sent < c->out.n) {
		ssize_t n = link_write(&c->link, c->out.p + c->out_sent, c->out.n - c->out_sent);

		if (n < 0) {
			lose(c, link_why());
			return;
		}
		if (n == 0) {
			watch(c, true);
			return;
		}
		c->out_sent += (size_t)n;
	}
	if (c->state == CONN_CLOSED)
		return;
	buf_reset(&c->out);
	c->out_sent = 0;
	watch(c, false);
}

void conn_finish(struct conn *c)
{
	static const uint8_t normal[2] = { 1000 >> 8, 1000 & 255 };

	if (c->state != CONN_OPEN) {
		conn_drop(c);
		return;
	}
	c->finishing = true;
	send_control(c, FRAME_CLOSE, normal, sizeof(normal));
}

/* ---- receiving ---- */

static void closed_by_server(struct conn *c, const uint8_t *payload, size_t n)
{
	char why[160];

	if (n < 2)
		snprintf(why, sizeof(why), "closed by the server");
	else
		snprintf(why, sizeof(why), "closed by the server: %d %.*s",
		         payload[0] << 8 | payload[1], (int)(n - 2), payload + 2);
	lose(c, why);
}

static void take_control(struct conn *c, const struct frame *f, const uint8_t *payload)
{
	if (f->opcode == FRAME_CLOSE)
		closed_by_server(c, payload, f->payload_bytes);
	else if (f->opcode == FRAME_PING && !c->finishing)
		send_control(c, FRAME_PONG, payload, f->payload_bytes);
}

static void gather(struct conn *c, const void *bytes, size_t n, size_t wire_bytes, bool ends)
{
	buf_add(&c->pieces, bytes, n);
	c->pieces_wire += wire_bytes;
	if (c->pieces.failed)
		out_of_memory();
	if (c->pieces.n > MESSAGE_BYTES) {
		lose(c, "a message over 32 MiB");
		return;
	}
	if (!ends)
		return;
	c->net->events->message(c, c->pieces.p, c->pieces.n, c->pieces_wire);
	buf_fini(&c->pieces); /* thousands of connections, and the next long message is far away */
	buf_init(&c->pieces);
	c->pieces_wire = 0;
}

static void take_frame(struct conn *c, const struct frame *f, const uint8_t *payload)
{
	size_t n = f->payload_bytes;

	if (f->opcode >= FRAME_CLOSE)
		take_control(c, f, payload);
	else if (f->last && f->opcode != FRAME_MORE)
		c->net->events->message(c, (const char *)payload, n, f->header_bytes + n);
	else
		gather(c, payload, n, f->header_bytes + n, f->last);
}

static const char *wrong_with(const struct frame *f)
{
	if (f->masked || f->reserved)
		return "broken frame: masked, or of an extension that was not offered";
	if (f->opcode >= FRAME_CLOSE && (f->payload_bytes > 125 || !f->last))
		return "broken frame: a control frame that is too long";
	return NULL;
}

/* The rest of a long frame: as much of it as `n` bytes hold. */
static size_t take_piece(struct conn *c, const uint8_t *p, size_t n)
{
	if (n > c->piece_left)
		n = c->piece_left;
	c->piece_left -= n;
	gather(c, p, n, n, c->piece_left == 0 && c->piece_ends);
	return n;
}

static void keep(struct conn *c, const uint8_t *p, size_t n)
{
	buf_add(&c->rest, p, n);
	if (c->rest.failed)
		out_of_memory();
}

static void take(struct conn *c, const uint8_t *p, size_t n)
{
	const uint8_t *end = p + n;
	struct frame f;

	if (c->piece_left > 0)
		p += take_piece(c, p, n);
	while (p < end && c->state == CONN_OPEN) {
		size_t have = (size_t)(end - p);

		if (!frame_parse(p, have, &f)) {
			keep(c, p, have);
			return;
		}
		if (wrong_with(&f) != NULL) {
			lose(c, wrong_with(&f));
			return;
		}
		if (f.payload_bytes <= have - f.header_bytes) {
			take_frame(c, &f, p + f.header_bytes);
			p += f.header_bytes + f.payload_bytes;
		} else if (f.payload_bytes <= REST_BYTES) {
			keep(c, p, have);
			return;
		} else {
			c->piece_left = f.payload_bytes - (have - f.header_bytes);
			c->piece_ends = f.last;
			gather(c, p + f.header_bytes, have - f.header_bytes, have, false);
			return;
		}
	}
}

/* The HTTP answer to the upgrade; what stands behind it are frames already. */
static void take_answer(struct conn *c, const uint8_t *p, size_t n)
{
	const uint8_t *end = memmem(p, n, "\r\n\r\n", 4);
	size_t length;

	if (end == NULL && n < HTTP_BYTES) {
		keep(c, p, n);
		return;
	}
	length = end == NULL ? n : (size_t)(end - p) + 4;
	if (memmem(p, length, " 101 ", 5) == NULL ||
	    memmem(p, length, ENDPOINT_ACCEPT, strlen(ENDPOINT_ACCEPT)) == NULL) {
		char why[128];
		const uint8_t *line = memchr(p, '\r', n);

		snprintf(why, sizeof(why), "no WebSocket there: %.*s",
		         line == NULL ? 0 : (int)(line - p), p);
		lose(c, why);
		return;
	}
	c->state = CONN_OPEN;
	c->net->events->opened(c);
	if (c->state == CONN_OPEN)
		take(c, p + length, n - length);
}

/* One fill of the input buffer; whether there is more that epoll will not tell of. */
static bool read_some(struct conn *c)
{
	struct net *net = c->net;
	size_t had = c->rest.n;
	ssize_t n;

	if (had > 0)
		memcpy(net->input, c->rest.p, had);
	n = link_read(&c->link, net->input + had, INPUT_BYTES - had);
	if (n < 0)
		lose(c, link_why());
	if (n <= 0)
		return false;
	net->read_ns = now_ns();
	buf_reset(&c->rest);
	if (c->state == CONN_UPGRADING)
		take_answer(c, net->input, had + (size_t)n);
	else
		take(c, net->input, had + (size_t)n);
	return c->state != CONN_CLOSED && link_holds_more(&c->link);
}

static void on_connecting(struct conn *c)
{
	switch (link_proceed(&c->link)) {
	case LINK_FAILED: lose(c, link_why()); break;
	case LINK_WAITS: watch(c, false); break; /* from now on TLS waits for the server only */
	case LINK_READY:
		c->state = CONN_UPGRADING;
		buf_slice(&c->out, buf_view(&c->to->request));
		conn_flush(c);
		break;
	}
}

int net_turn(struct net *n, int timeout_ms)
{
	struct epoll_event event[EVENTS_PER_TURN];
	int count = epoll_wait(n->epoll, event, EVENTS_PER_TURN, timeout_ms);

	for (int i = 0; i < count; i++) {
		struct conn *c = event[i].data.ptr;

		/* A connection may have been closed by what happened to another one in this turn. */
		if (c->state == CONN_CONNECTING) {
			on_connecting(c);
			continue;
		}
		if (c->state != CONN_CLOSED && (event[i].events & EPOLLOUT))
			conn_flush(c);
		if (c->state != CONN_CLOSED && (event[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
			while (read_some(c))
				;
	}
	return count > 0 ? count : 0;
}
