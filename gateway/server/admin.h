/*
 * The admin vhost: metrics and health for operators, and the HTTP API (/v1/…) for backends and tools.
 *
 * With api_keys_file the API asks for a key. Without, it is only there while the listener is bound to
 * loopback, and a web page in a browser on this machine cannot reach it. Metrics and health are open.
 */
#ifndef ROOMCAST_ADMIN_H
#define ROOMCAST_ADMIN_H

#include "broker-common/buf.h"
#include "gateway/base/loop.h"

struct admin;
struct config;
struct hub;
struct lws;
struct lws_loop;
struct lws_vhost;
struct metrics;

struct admin_options {
	struct loop *loop;
	struct lws_loop *lws;
	const struct config *config; /* read afresh at each use */
	struct metrics *metrics;
	bool loopback; /* nobody outside this machine can connect */
};

/* NULL with a sentence in `error`. Nobody comes in before admin_start(). */
struct admin *admin_open(const struct admin_options *o, struct buf *error);
void admin_start(struct admin *a, struct hub *hub);

/* Read the keys again (SIGHUP). A wrong file is logged, and the old ones stay. */
void admin_reconfigure(struct admin *a);

/* lws must have closed every connection, and the hub must be closed: no answer comes any more. */
void admin_close(struct admin *a);

struct lws_vhost *admin_vhost(const struct admin *a);

/* For the listener: a new connection. Above api_max_connections the one that has been idle longest goes. */
void admin_accepted(void *admin, struct lws *wsi);

/* Whether a Host header names this machine only: 127.x.x.x, [::1], localhost, each with or without port. */
bool admin_host_is_loopback(const char *host);

#endif
