/*
 * libwebsockets on our loop, and then out of the way.
 *
 * lws makes the handshake. When that is over, lws_loop_take() gives the connection to an owner, who
 * reads from and writes to the socket itself; lws only keeps it, and closes it. Who wants to
 * write is put on a list that is served when the pass of the loop ends, behind everything that was
 * deferred in it; epoll hears of it only when the socket is full. So a burst of messages costs a
 * connection one send(), and no epoll_ctl().
 */
#ifndef ROOMCAST_LWS_LOOP_H
#define ROOMCAST_LWS_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct line; /* a connection, as the loop knows it */
struct lws;
struct lws_context;
struct lws_loop;

/* Requests whose heads may be incomplete at a time, over all vhosts: lws has a buffer for each. */
#define LWS_LOOP_HANDSHAKES 2048u

struct lws_loop_options {
	struct loop *loop;
	bool tls;           /* some vhost will use it */
	uint32_t timeout_s; /* for a handshake, and between two pieces of a request's body */

	/* Something can be read (bytes or the end) from a connection that was taken: read it. */
	void (*readable)(void *owner);

	/* It is its turn to write, or its full socket takes bytes again. */
	void (*writable)(void *owner);
};

/* NULL: no memory, or lws refused; its own words are in the log at level debug. The process's limit of
 * descriptors must stand by now: lws sizes its tables by it. One at a time in a process. */
struct lws_loop *lws_loop_open(const struct lws_loop_options *o);

/* Closes every connection: the last callbacks come from inside. Never call it from a callback. */
void lws_loop_close(struct lws_loop *l);

struct lws_context *lws_loop_context(const struct lws_loop *l);

/* An lws timer was set, or reading allowed again, outside lws's own callbacks: look now. */
void lws_loop_poke(struct lws_loop *l);

/* From now on it is `owner`'s, until lws's callback says that it is closed. */
struct line *lws_loop_take(struct lws *wsi, void *owner);

/* What writable() touches besides the owner: fetched into the cache in time. */
void lws_loop_hot(struct line *s, const void *hot);

int lws_loop_fd(const struct line *s);

/* Call writable() when this pass ends (at once cheap, and often called). Not while it is blocked. */
void lws_loop_write(struct line *s);

/* The socket took less than it was given: call writable() when it takes more. */
void lws_loop_write_blocked(struct line *s);

/* Stop telling the owner that something can be read, or go on. */
void lws_loop_pause(struct line *s, bool paused);

#endif
