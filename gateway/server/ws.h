/*
 * The clients' vhost: who may come in, the WebSocket's callbacks, and the demo page.
 */
#ifndef ROOMCAST_WS_H
#define ROOMCAST_WS_H

#include "gateway/base/loop.h"

struct config;
struct hub;
struct lws;
struct lws_loop;
struct lws_vhost;
struct metrics;
struct ws;

struct ws_options {
	struct loop *loop;
	struct lws_loop *lws;
	const struct config *config; /* read afresh at each use */
	struct metrics *metrics;
};

/* NULL: no memory. Nobody comes in before ws_start(). */
struct ws *ws_open(const struct ws_options *o);
void ws_start(struct ws *w, struct hub *hub);
void ws_close(struct ws *w); /* lws must have closed every connection */

struct lws_vhost *ws_vhost(const struct ws *w);

/* For the listener: lws has taken a connection. */
bool ws_has_room(void *ws);
void ws_accepted(void *ws, struct lws *wsi);

#endif
