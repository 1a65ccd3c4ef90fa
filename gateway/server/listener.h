/*
 * A listener: our own listening socket, whose connections are handed to an lws vhost.
 *
 * lws's own one spins when descriptors run out and cannot be closed alone; this one pauses, and closing
 * it is how a gateway stops accepting.
 */
#ifndef ROOMCAST_LISTENER_H
#define ROOMCAST_LISTENER_H

#include "broker-common/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct listener;
struct loop;
struct lws;
struct lws_vhost;
struct sockaddr_storage;

struct listener_options {
	struct loop *loop;
	const char *address; /* "host:port", "[v6]:port"; port 0: any */
	const char *option;  /* the option's name, for errors */
	int64_t send_buffer; /* bytes in the kernel for one connection; 0: the system's own */

	/* Descriptors from this number on are turned away, so that others keep some. 0: none. */
	int highest_fd;
	uint64_t *errors; /* counts what the kernel could not hand over */

	/* Whether one more may be accepted now; asked again a moment later. May be NULL. */
	bool (*has_room)(void *ctx);

	/* lws has taken a new connection. May be NULL. */
	void (*accepted)(void *ctx, struct lws *wsi);
	void *ctx;
};

/* Bind and listen; nothing is accepted yet. NULL with one sentence in `error`. */
struct listener *listener_open(const struct listener_options *o, struct buf *error);

/* Accept from now on. False: no memory. */
bool listener_start(struct listener *l, struct lws_vhost *vhost);

/* Connections that were accepted stay. */
void listener_close(struct listener *l);

/* The address as bound, with the real port: "127.0.0.1:8000". */
const char *listener_address(const struct listener *l);

/* Whether it can be reached through the loopback alone; and whether through that too: bound to it, or to
 * any address. */
bool listener_is_loopback(const struct listener *l);
bool listener_takes_loopback(const struct listener *l);

/* 127.x.x.x, ::1, and the former as an IPv6 socket has it (::ffff:127.x.x.x). */
bool address_is_loopback(const struct sockaddr_storage *a);

#endif
