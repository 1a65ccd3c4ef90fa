/*
 * Connections: RFC 6455 clients on one epoll. They know nothing of rooms.
 *
 * What is sent is gathered and leaves with conn_flush(), so that a burst costs one call. Reading is
 * the bench's hot path: frames are looked at where the kernel put them, in one buffer that all
 * connections share, and only what is cut off at its end is kept for the connection.
 */
#ifndef ROOMCAST_BENCH_CONN_H
#define ROOMCAST_BENCH_CONN_H

#include "broker-common/buf.h"
#include "tools/bench/link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn;

/* Called from net_turn() only, with one exception: conn_flush() may find the connection lost. */
struct conn_events {
	void (*opened)(struct conn *c);
	/* One message. `wire_bytes`: its length with all its frame headers. */
	void (*message)(struct conn *c, const char *text, size_t n, size_t wire_bytes);
	/* Nothing follows. `why` NULL: as conn_finish() asked. */
	void (*closed)(struct conn *c, const char *why);
};

struct net {
	const struct conn_events *events;
	SSL_CTX *trust; /* NULL: plain endpoints only */
	int epoll;
	uint32_t random;  /* state of the masking keys */
	uint8_t *input;   /* shared by all */
	uint64_t read_ns; /* when the bytes that are being looked at were taken from the kernel */
};

enum conn_state { CONN_NONE, CONN_CONNECTING, CONN_UPGRADING, CONN_OPEN, CONN_CLOSED };

struct conn {
	struct link link;
	enum conn_state state;
	bool finishing;     /* we sent a close frame */
	bool waits_to_send; /* epoll will tell */
	bool piece_ends;    /* the frame of `piece_left` is the last of its message */
	struct net *net;
	const struct endpoint *to;
	struct buf out; /* not sent yet, from out_sent on */
	size_t out_sent;
	struct buf rest;     /* the beginning of a frame or of the HTTP answer */
	struct buf pieces;   /* the beginning of a message that comes in pieces */
	size_t pieces_wire;  /* their length with headers */
	uint64_t piece_left; /* of a long frame: bytes to come */
};

/* `trust` is borrowed. False: no memory or no epoll. */
bool net_init(struct net *n, const struct conn_events *events, SSL_CTX *trust);
void net_fini(struct net *n);

/* Handle what has happened, after waiting at most `timeout_ms` for it; how many things it was. */
int net_turn(struct net *n, int timeout_ms);

/* `c` is zeroed memory that stays until net_fini(). False: link_why(), no event follows. */
bool conn_open(struct conn *c, struct net *n, const struct endpoint *to, uint32_t source);

/* Room for a text message of `n` bytes; fill all of it, then conn_put_end(). */
char *conn_put(struct conn *c, size_t n);
void conn_put_end(struct conn *c, size_t n);

/* Send what was put; what the kernel does not take follows by itself. */
void conn_flush(struct conn *c);

static inline size_t conn_unsent(const struct conn *c)
{
	return c->out.n - c->out_sent;
}

/* Say goodbye: close frame, and then closed() when the server has answered it. */
void conn_finish(struct conn *c);

/* Drop it without an event; twice is fine. */
void conn_drop(struct conn *c);

#endif
