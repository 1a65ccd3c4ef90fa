#include "gateway/server/ws.h"

#include "broker-common/log.h"
#include "gateway/base/config.h"
#include "gateway/base/lws_loop.h"
#include "gateway/base/metrics.h"
#include "gateway/core/login.h"
#include "gateway/core/session.h"
#include "gateway/server/demo.h"
#include "gateway/server/handshake.h"
#include "gateway/server/peer.h"

#include <assert.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* Held by each connection for life. Only what came together with a handshake is read by lws. */
#define READ_SIZE 128
#define WRITE_SIZE 65536 /* or lws answers handshakes in pieces of READ_SIZE */
#define KEPT_FOR_OPERATORS 256u
#define REFUSED_MOST 128 /* connections that are let in only to hear that there is no place */

/* What was decided before the upgrade; lws goes from there to ESTABLISHED in one call. */
struct slip {
	const struct lws *wsi;
	struct handshake handshake;
	struct login *login; /* of its token, until a session has it */
	enum err denied;     /* what is wrong with its token */
	bool refused;
};

struct ws {
	struct hub *hub;
	const struct config *config;
	struct metrics *metrics;
	struct loop *loop;
	struct lws_vhost *vhost;
	struct slip slip;
	struct peers peers;
	uint32_t handshakes; /* under way */
};

/* --- refusals ------------------------------------------------------------------------------------------ */

static const struct http_refusal admission_refusals[] = {
	[ADMIT_FULL] = { 503, "full",
	                 "this gateway has as many clients as it may have; try again later", NULL },
	[ADMIT_ADDRESS] = { 429, "too_many_connections",
	                    "too many connections from this address; close some first", NULL },
	[ADMIT_OVERLOADED] = { 503, "overloaded", "the server is short of memory; try again later",
	                       NULL },
	[ADMIT_DRAINING] = { 503, "draining", "this gateway is about to end; try again elsewhere",
	                     NULL },
	[ADMIT_TIER] = { 503, "unavailable",
	                 "this gateway cannot reach the others at the moment; try again later",
	                 NULL },
};

/* Whole seconds are all that HTTP knows, and 0 would bring them back at once. */
static int64_t retry_s(const struct config *c)
{
	return c->retry_after_ms <= 1000 ? 1 : (c->retry_after_ms + 999) / 1000;
}

static void refuse_admission(struct ws *w, struct lws *wsi, enum admission a)
{
	struct http_refusal r = admission_refusals[a];
	char retry[40];

	snprintf(retry, sizeof retry, "Retry-After: %lld\r\n", (long long)retry_s(w->config));
	r.headers = retry;
	http_refuse(wsi, &r, false);
}

static void log_refusal(struct slice address, int status, const char *name)
{
	log_write(LOG_DEBUG, "client.refused", LOG_SLICE("address", address),
	          LOG_NUM("status", status), LOG_TEXT("reason", name), LOG_END);
}

/* The request is complete, or its connection has gone. */
static void handshake_over(struct ws *w, struct lws *wsi)
{
	if (lws_get_opaque_user_data(wsi) == NULL)
		return;
	w->handshakes--;
	lws_set_opaque_user_data(wsi, NULL);
}

static const struct http_refusal bad_token = { 401, "not_authenticated",
	                                       "no valid token; connect with one",
	                                       "WWW-Authenticate: Bearer realm=\"roomcast\"\r\n" };
static const struct http_refusal old_token = {
	401, "expired", "the token has expired; get a new one",
	"WWW-Authenticate: Bearer realm=\"roomcast\", error=\"invalid_token\"\r\n"
};

static void refuse_token(struct ws *w, struct lws *wsi, enum err e)
{
	struct http_refusal later = { 503, "unavailable",
		                      "the keys of tokens are being fetched; try again later",
		                      NULL };
	char retry[40];

	if (e == ERR_UNAVAILABLE || e == ERR_INTERNAL) {
		snprintf(retry, sizeof retry, "Retry-After: %lld\r\n",
		         (long long)retry_s(w->config));
		later.headers = retry;
		http_refuse(wsi, &later, false);
	} else {
		http_refuse(wsi, e == ERR_EXPIRED ? &old_token : &bad_token, false);
	}
}

static bool can_tell(const struct ws *w)
{
	return w->slip.handshake.hello && w->peers.n_refused < REFUSED_MOST;
}

/* Whether there is a place; what is decided stands in the slip. */
static bool is_admitted(struct ws *w, struct lws *wsi, struct slice address)
{
	struct slip *slip = &w->slip;
	enum admission a = session_admit(w->hub, address);

	slip->refused = a != ADMIT_OK;
	if (!slip->refused)
		return true;
	w->metrics->connections_refused[admission_label(a)]++;
	log_refusal(address, admission_refusals[a].status, admission_refusals[a].name);
	if (can_tell(w))
		return true;
	refuse_admission(w, wsi, a);
	return false;
}

/* Whether its token opens the door. Looked at last: it costs most. */
static bool is_authenticated(struct ws *w, struct lws *wsi, struct slice address)
{
	struct slip *slip = &w->slip;

	login_free(slip->login);
	slip->login = NULL;
	slip->denied = ERR_OK;
	if (slip->refused)
		return true;
	slip->denied = login_admit(w->hub, slip->handshake.token, address, slip->handshake.hello,
	                           &slip->login);
	if (slip->denied == ERR_OK)
		return true;
	w->metrics->connections_refused[REFUSED_UNAUTHENTICATED]++;
	log_refusal(address, err_http_status(slip->denied), err_name(slip->denied));
	if (can_tell(w))
		return true;
	refuse_token(w, wsi, slip->denied);
	return false;
}

/* 0: let it in. -1: it has been answered, lws hangs up. */
static int on_upgrade(struct ws *w, struct lws *wsi, const char *upgrade)
{
	char text[HTTP_ADDRESS_MAX];
	struct slice address = http_peer(wsi, text);
	const struct http_refusal *wrong;
	int label;

	handshake_over(w, wsi);
	if (strcasecmp(upgrade, "websocket") != 0 && strcasecmp(upgrade, "h2c") != 0)
		return -1; /* lws has refused it already */
	wrong = handshake_check(wsi, upgrade, w->config, &w->slip.handshake, &label);
	if (wrong != NULL) {
		w->metrics->connections_refused[label]++;
		log_refusal(address, wrong->status, wrong->name);
		http_refuse(wsi, wrong, false);
		return -1;
	}
	w->slip.wsi = wsi;
	return is_admitted(w, wsi, address) && is_authenticated(w, wsi, address) ? 0 : -1;
}

static int on_established(struct ws *w, struct lws *wsi)
{
	char text[HTTP_ADDRESS_MAX];
	struct slip *slip = &w->slip;
	struct peer_options o = { .hub = w->hub,
		                  .user = slip->handshake.user,
		                  .address = http_peer(wsi, text),
		                  .login = slip->login,
		                  .hello = slip->handshake.hello && !slip->refused &&
		                          slip->denied == ERR_OK,
		                  .refused = slip->refused,
		                  .denied = slip->denied };
	struct peer *p;

	assert(slip->wsi == wsi);
	slip->wsi = NULL;
	slip->login = NULL;
	p = peer_open(&w->peers, wsi, &o);
	if (p == NULL) {
		log_write(LOG_ERROR, "client.no_memory", LOG_SLICE("address", o.address), LOG_END);
		return -1;
	}
	lws_set_wsi_user(wsi, p);
	return 0;
}

/* --- plain requests -------------------------------------------------------------------------------------- */

static const struct http_refusal upgrade_required = {
	426, "upgrade_required", "this is for WebSockets: connect with a WebSocket client",
	"Upgrade: websocket\r\n"
};

/* Always ends with the connection: clients come here for WebSockets. */
static int on_http(struct ws *w, struct lws *wsi, const char *path)
{
	bool get = lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0;

	handshake_over(w, wsi);
	if (!http_is_http1(wsi))
		http_refuse(wsi, &http_bad_request, false);
	else if (get && w->config->demo_page && strcmp(path, "/") == 0)
		demo_send(wsi);
	else if (get && strcmp(path, HANDSHAKE_PATH) == 0)
		http_refuse(wsi, &upgrade_required, false);
	else
		http_refuse(wsi, &http_not_found, false);
	return -1;
}

/* --- handshakes that take too long ------------------------------------------------------------------------- */

static int timeout_s(const struct ws *w)
{
	return (int)((w->config->handshake_timeout_ms + 999) / 1000);
}

/* Until a request is complete, lws's pointer for us holds the time at which the connection came. */
/* Whoever opens connections and says nothing must not take the operators' place, too. */
bool ws_has_room(void *ws)
{
	const struct ws *w = ws;

	return w->handshakes < LWS_LOOP_HANDSHAKES - KEPT_FOR_OPERATORS;
}

void ws_accepted(void *ws, struct lws *wsi)
{
	struct ws *w = ws;

	w->handshakes++;
	lws_set_opaque_user_data(wsi, (void *)(uintptr_t)(loop_now_ms(w->loop) | 1u));
	lws_set_timeout(wsi, PENDING_TIMEOUT_HOLDING_AH, timeout_s(w));
	lws_loop_poke(w->peers.lws);
}

static void on_destroy(struct ws *w, struct lws *wsi)
{
	uint64_t came = (uintptr_t)lws_get_opaque_user_data(wsi);

	handshake_over(w, wsi);
	/* lws's timer began a little before `came` was read. */
	if (came != 0 && loop_now_ms(w->loop) + 100 >= came + (uint64_t)timeout_s(w) * 1000u)
		w->metrics->connections_refused[REFUSED_TIMEOUT]++;
}

/* --- lws ----------------------------------------------------------------------------------------------------- */

static struct ws *ws_of(struct lws *wsi)
{
	return lws_vhost_user(lws_get_vhost(wsi));
}

/* Often called for nothing but lws's own book-keeping. */
static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
	switch (reason) {
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: return on_upgrade(ws_of(wsi), wsi, in);
	case LWS_CALLBACK_HTTP: return on_http(ws_of(wsi), wsi, in);
	case LWS_CALLBACK_ESTABLISHED: return on_established(ws_of(wsi), wsi);
	case LWS_CALLBACK_WSI_DESTROY: on_destroy(ws_of(wsi), wsi); return 0;
	case LWS_CALLBACK_CLOSED:
		lws_set_wsi_user(wsi, NULL);
		if (user != NULL)
			peer_gone(user);
		return 0;
	case LWS_CALLBACK_RECEIVE:
		if (user != NULL)
			peer_early(user, in, n);
		return 0;
	default: return 0;
	}
}

/* lws answers HTTP through the first protocol, and names it to WebSocket clients that asked for it. */
static const struct lws_protocols protocols[] = {
	{ .name = HANDSHAKE_SUBPROTOCOL,
	  .callback = on_lws,
	  .rx_buffer_size = READ_SIZE,
	  .tx_packet_size = WRITE_SIZE },
	{ .name = NULL },
};

struct ws *ws_open(const struct ws_options *o)
{
	static const lws_retry_bo_t no_idle_policy;
	struct ws *w = calloc(1, sizeof *w);
	struct lws_context_creation_info info = {
		.vhost_name = "clients",
		.port = CONTEXT_PORT_NO_LISTEN_SERVER, /* must not be the admin vhost's: see there */
		.protocols = protocols,
		.user = w,
		.retry_and_idle_policy = &no_idle_policy,
		.timeout_secs_ah_idle = (unsigned int)(o->config->handshake_timeout_ms + 999) /
			1000,
	};

	if (w == NULL)
		return NULL;
	if (*o->config->tls_cert != '\0') {
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
		info.ssl_cert_filepath = o->config->tls_cert;
		info.ssl_private_key_filepath = o->config->tls_key;
		info.ssl_options_set = SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1;
	}
	w->config = o->config;
	w->metrics = o->metrics;
	w->loop = o->loop;
	peers_init(&w->peers, o->lws, o->loop, o->config, o->metrics);
	w->vhost = lws_create_vhost(lws_loop_context(o->lws), &info);
	if (w->vhost == NULL) {
		ws_close(w);
		return NULL;
	}
	return w;
}

void ws_start(struct ws *w, struct hub *hub)
{
	w->hub = hub;
}

void ws_close(struct ws *w)
{
	if (w == NULL)
		return;
	login_free(w->slip.login);
	peers_fini(&w->peers);
	free(w);
}

struct lws_vhost *ws_vhost(const struct ws *w)
{
	return w->vhost;
}
