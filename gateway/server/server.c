#include "gateway/server/server.h"

#include "gateway/base/config.h"
#include "gateway/base/lws_loop.h"
#include "gateway/base/metrics.h"
#include "gateway/server/admin.h"
#include "gateway/server/api_keys.h"
#include "gateway/server/listener.h"
#include "gateway/server/peer.h"
#include "gateway/server/tls.h"
#include "gateway/server/ws.h"

#include <stdlib.h>
#include <string.h>

#define KEPT_FREE 24 /* descriptors that clients do not get: operators, the tier, files */
#define ADDRESS_MAX 64

struct server {
	struct lws_loop *lws;
	struct listener *clients, *operators;
	struct ws *ws;
	struct admin *admin; /* NULL: off */
	char address[ADDRESS_MAX], admin_address[ADDRESS_MAX];
};

static bool open_clients(struct server *s, const struct server_options *o, struct buf *error)
{
	struct ws_options wo = {
		.loop = o->loop, .lws = s->lws, .config = o->config, .metrics = o->metrics
	};
	struct listener_options lo = { .loop = o->loop,
		                       .address = o->config->listen,
		                       .option = "listen",
		                       .send_buffer = o->config->socket_send_buffer,
		                       .errors = &o->metrics->accept_errors,
		                       .has_room = ws_has_room,
		                       .accepted = ws_accepted };

	if (o->descriptors > 4 * KEPT_FREE && o->descriptors < INT32_MAX)
		lo.highest_fd = (int)o->descriptors - KEPT_FREE;
	s->ws = ws_open(&wo);
	if (s->ws == NULL) {
		buf_str(error, "out of memory");
		return false;
	}
	lo.ctx = s->ws;
	s->clients = listener_open(&lo, error);
	if (s->clients == NULL)
		return false;
	strncpy(s->address, listener_address(s->clients), ADDRESS_MAX - 1);
	return true;
}

static void on_operator(void *ctx, struct lws *wsi)
{
	struct server *s = ctx;

	admin_accepted(s->admin, wsi);
}

static bool open_operators(struct server *s, const struct server_options *o, struct buf *error)
{
	struct listener_options lo = { .loop = o->loop,
		                       .address = o->config->admin_listen,
		                       .option = "admin_listen",
		                       .send_buffer = o->config->socket_send_buffer,
		                       .errors = &o->metrics->accept_errors };
	struct admin_options ao = {
		.loop = o->loop, .lws = s->lws, .config = o->config, .metrics = o->metrics
	};

	lo.accepted = on_operator;
	lo.ctx = s;
	strcpy(s->admin_address, "off");
	if (strcmp(o->config->admin_listen, "off") == 0)
		return true;
	s->operators = listener_open(&lo, error);
	if (s->operators == NULL)
		return false;
	strncpy(s->admin_address, listener_address(s->operators), ADDRESS_MAX - 1);
	ao.loopback = listener_takes_loopback(s->operators);
	s->admin = admin_open(&ao, error);
	return s->admin != NULL;
}

struct server *server_open(const struct server_options *o, struct buf *error)
{
	struct server *s = calloc(1, sizeof *s);
	struct lws_loop_options lo = { .loop = o->loop,
		                       .readable = peer_readable,
		                       .writable = peer_writable };

	if (s == NULL) {
		buf_str(error, "out of memory");
		return NULL;
	}
	lo.tls = *o->config->tls_cert != '\0';
	lo.timeout_s = (uint32_t)(o->config->handshake_timeout_ms + 999) / 1000u;
	s->lws = lws_loop_open(&lo);
	if (s->lws == NULL) {
		buf_str(error,
		        "libwebsockets could not be started; log_level=debug shows its words");
		goto fail;
	}
	if (!open_clients(s, o, error) || !open_operators(s, o, error))
		goto fail;
	return s;

fail:
	server_close(s);
	server_free(s);
	return NULL;
}

bool server_start(struct server *s, struct hub *hub)
{
	ws_start(s->ws, hub);
	if (s->admin != NULL)
		admin_start(s->admin, hub);
	return listener_start(s->clients, ws_vhost(s->ws)) &&
		(s->admin == NULL || listener_start(s->operators, admin_vhost(s->admin)));
}

bool server_check(const struct config *c, struct buf *error, bool *unreadable)
{
	struct api_keys *keys;

	*unreadable = false;
	if (*c->tls_cert != '\0' && !tls_check(c->tls_cert, c->tls_key, error, unreadable))
		return false;
	if (*c->api_keys_file == '\0')
		return true;
	keys = api_keys_load(c->api_keys_file, error, unreadable);
	api_keys_free(keys);
	return keys != NULL;
}

void server_reconfigure(struct server *s)
{
	if (s->admin != NULL)
		admin_reconfigure(s->admin);
}

void server_stop_accepting(struct server *s)
{
	listener_close(s->clients);
	s->clients = NULL;
}

void server_close(struct server *s)
{
	if (s == NULL)
		return;
	server_stop_accepting(s);
	listener_close(s->operators);
	s->operators = NULL;
	lws_loop_close(s->lws);
	s->lws = NULL;
	ws_close(s->ws);
	s->ws = NULL;
}

void server_free(struct server *s)
{
	if (s == NULL)
		return;
	admin_close(s->admin);
	free(s);
}

const char *server_address(const struct server *s)
{
	return s->address;
}

bool server_is_loopback(const struct server *s)
{
	return listener_is_loopback(s->clients);
}

const char *server_admin_address(const struct server *s)
{
	return s->admin_address;
}
