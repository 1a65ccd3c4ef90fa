/*
 * What admin.c and admin_publish.c share.
 */
#ifndef ROOMCAST_ADMIN_CORE_H
#define ROOMCAST_ADMIN_CORE_H

#include "broker-common/list.h"
#include "gateway/server/admin.h"
#include "gateway/server/http.h"

struct lws;
struct publish;

struct admin {
	struct hub *hub;
	const struct config *config;
	struct metrics *metrics;
	struct lws_vhost *vhost;
	struct list publishes; /* under way */
	bool loopback;
};

/* Send an answer and end the transaction; the value is for lws. */
int admin_answer(struct lws *wsi, const struct http_reply *r);
int admin_refuse(struct lws *wsi, const struct http_refusal *r);
int admin_error(struct lws *wsi, enum err e, const char *detail, bool keep_alive);

/* Unless the client asked for the connection's end, it may go on with it. Only before the body. */
bool admin_may_go_on(struct lws *wsi);

/* A request whose headers are right: `length` bytes of body come. */
int publish_begin(struct admin *a, struct lws *wsi, size_t length);

/* lws's callbacks for a connection with a publish under way. */
int publish_body(struct publish *p, const char *piece, size_t n);
int publish_body_ends(struct publish *p);
int publish_writable(struct publish *p);
void publish_abandoned(struct publish *p); /* the connection has gone */

void publish_free_all(struct admin *a);

#endif
