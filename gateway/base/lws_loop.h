/*
 * libwebsockets on our loop, and at the price of bare epoll.
 *
 * What lws wants to write is put on a list and tried when the pass of the loop ends, behind
 * everything that was deferred in it; epoll hears of it only when the socket is full. So a burst of
 * messages costs a connection one send() and no epoll_ctl(). Servers ask for this with
 * lws_loop_direct() when a handshake is over.
 */
#ifndef ROOMCAST_LWS_LOOP_H
#define ROOMCAST_LWS_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct lws;
struct lws_context;
struct lws_loop;

struct lws_loop_options {
	struct loop *loop;
	uint32_t timeout_s; /* for a handshake, and between two pieces of a request's body */

	/* Something can be read (bytes or the end) from a connection of lws_loop_direct(). */
	void (*readable)(void *owner);
};

/* NULL: no memory, or lws refused; its own words are in the log at level debug. The process's limit of
 * descriptors must stand by now: lws sizes its tables by it. One at a time in a process. */
struct lws_loop *lws_loop_open(const struct lws_loop_options *o);

/* Closes every connection: the last callbacks come from inside. Never call it from a callback. */
void lws_loop_close(struct lws_loop *l);

struct lws_context *lws_loop_context(const struct lws_loop *l);

/* An lws timer was set, or reading allowed again, outside lws's own callbacks: look now. */
void lws_loop_poke(struct lws_loop *l);

/* From now on write optimistically, and tell `owner` when something can be read. */
void lws_loop_direct(struct lws_loop *l, struct lws *wsi, void *owner);

/* From a callback that got a piece of a larger message: more of it is probably there already, so
 * read on (a few times) before the loop looks at others. */
void lws_loop_read_on(struct lws_loop *l);

#endif
