/*
 * The admin vhost: metrics and health for operators, POST /v1/publish for backends.
 *
 * Nothing here asks for a key yet. So what changes something (/v1/...) is only there while the listener
 * is bound to loopback, and a web page in a browser on this machine cannot reach it.
 */
#ifndef ROOMCAST_ADMIN_H
#define ROOMCAST_ADMIN_H

#include "gateway/base/loop.h"

struct admin;
struct config;
struct hub;
struct lws_loop;
struct lws_vhost;
struct metrics;

struct admin_options {
	struct lws_loop *lws;
	const struct config *config; /* read afresh at each use */
	struct metrics *metrics;
	bool loopback; /* nobody outside this machine can connect */
};

/* NULL: no memory. Nobody comes in before admin_start(). */
struct admin *admin_open(const struct admin_options *o);
void admin_start(struct admin *a, struct hub *hub);

/* lws must have closed every connection, and the hub must be closed: no answer comes any more. */
void admin_close(struct admin *a);

struct lws_vhost *admin_vhost(const struct admin *a);

/* Whether a Host header names this machine only: 127.x.x.x, [::1], localhost, each with or without port. */
bool admin_host_is_loopback(const char *host);

#endif
