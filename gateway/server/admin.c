#include "gateway/server/admin.h"

#include "broker-common/buf.h"
#include "broker-common/log.h"
#include "gateway/base/config.h"
#include "gateway/base/lws_loop.h"
#include "gateway/base/metrics.h"
#include "gateway/core/hub.h"
#include "gateway/server/api.h"
#include "gateway/server/handshake.h"

#include <libwebsockets.h>
#include <stdlib.h>
#include <strings.h>

#define SKIP_MOST                                                                                  \
	(64 << 20) /* bytes of an unwanted body that are read so that the answer arrives */

static const struct http_refusal no_upgrade = { 400, "bad_request", "no upgrade is offered here",
	                                        NULL },
				 get_only = { 405, "method_not_allowed",
	                                      "this page is read with GET",
	                                      "Allow: GET, HEAD\r\n" },
				 no_length = { 411, "length_required",
	                                       "the body's Content-Length is missing", NULL },
				 bad_length = { 400, "bad_request",
	                                        "Content-Length is not a number", NULL };

/* --- answers --------------------------------------------------------------------------------------------- */

int admin_answer(struct lws *wsi, const struct http_reply *r)
{
	if (!http_send(wsi, r))
		return -1;
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* lws believes that a body follows these, but not where it ends. */
static bool has_unknown_body(struct lws *wsi)
{
	return lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) == 0 &&
		(lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI) > 0 ||
	         lws_hdr_total_length(wsi, WSI_TOKEN_PUT_URI) > 0 ||
	         lws_hdr_total_length(wsi, WSI_TOKEN_PATCH_URI) > 0);
}

bool admin_may_go_on(struct lws *wsi)
{
	char text[128];

	if (has_unknown_body(wsi))
		return false;
	if (lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_CONNECTION) > 0 &&
	    handshake_list_has(text, "close"))
		return false;
	return http_header(wsi, WSI_TOKEN_HTTP, text, sizeof text) && strcmp(text, "HTTP/1.1") == 0;
}

int admin_refuse(struct lws *wsi, const struct http_refusal *r)
{
	if (!http_refuse(wsi, r, admin_may_go_on(wsi)))
		return -1;
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

int admin_error(struct lws *wsi, enum err e, const char *detail, const char *headers,
                bool keep_alive)
{
	struct buf body;
	int answer = -1;

	buf_init(&body);
	http_error_body(&body, err_number(e), err_name(e),
	                detail != NULL ? detail : err_sentence(e));
	if (!body.failed)
		answer = admin_answer(wsi,
		                      &(struct http_reply){ .status = err_http_status(e),
		                                            .headers = headers,
		                                            .body = buf_view(&body),
		                                            .keep_alive = keep_alive,
		                                            .no_body = http_is_head(wsi) });
	buf_fini(&body);
	return answer;
}

/* --- pages ----------------------------------------------------------------------------------------------- */

struct page {
	const char *path;
	const char *type;                               /* NULL: JSON */
	int (*write)(struct admin *a, struct buf *out); /* the status */
};

static int write_metrics(struct admin *a, struct buf *out)
{
	hub_measure(a->hub);
	metrics_write(a->metrics, out);
	return 200;
}

/* Who can answer is alive. */
static int write_alive(struct admin *a, struct buf *out)
{
	(void)a;
	buf_str(out, "{\"alive\":true}\n");
	return 200;
}

static int write_ready(struct admin *a, struct buf *out)
{
	const char *reason;
	bool ready = hub_ready(a->hub, &reason);

	buf_printf(out, "{\"ready\":%s,\"reason\":", ready ? "true" : "false");
	buf_json(out, slice_of(reason));
	buf_str(out, "}\n");
	return ready ? 200 : 503;
}

static int write_health(struct admin *a, struct buf *out)
{
	hub_status(a->hub, out);
	buf_char(out, '\n');
	return 200;
}

static const struct page pages[] = {
	{ "/metrics", "text/plain; version=0.0.4; charset=utf-8", write_metrics },
	{ "/livez", NULL, write_alive },
	{ "/readyz", NULL, write_ready },
	{ "/healthz", NULL, write_health },
};

static int show(struct admin *a, struct lws *wsi, const struct page *page, int method)
{
	struct buf body;
	int answer = -1, status;

	if (method != LWSHUMETH_GET && method != LWSHUMETH_HEAD)
		return admin_refuse(wsi, &get_only);
	buf_init(&body);
	status = page->write(a, &body);
	if (!body.failed)
		answer = admin_answer(wsi,
		                      &(struct http_reply){ .status = status,
		                                            .type = page->type,
		                                            .body = buf_view(&body),
		                                            .keep_alive = admin_may_go_on(wsi),
		                                            .no_body = method == LWSHUMETH_HEAD });
	buf_fini(&body);
	return answer;
}

/* --- requests ---------------------------------------------------------------------------------------------- */

/* Bytes of body that follow; -1: nobody can tell, so the connection ends with the answer. */
static int64_t body_length(struct lws *wsi, const struct http_refusal **wrong)
{
	char text[32];

	*wrong = NULL;
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0) {
		*wrong = &no_length; /* lws does not read chunks */
		return -1;
	}
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) == 0)
		return has_unknown_body(wsi) ? -1 : 0;
	if (!http_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, text, sizeof text) ||
	    text[strspn(text, "0123456789")] != '\0' || strlen(text) > 18) {
		*wrong = &bad_length;
		return -1;
	}
	return strtoll(text, NULL, 10);
}

static const struct page *find_page(const char *path)
{
	for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
		if (strcmp(pages[i].path, path) == 0)
			return &pages[i];
	return NULL;
}

static int route(struct admin *a, struct admin_guest *g, const char *path, int method,
                 int64_t length)
{
	const struct page *page = find_page(path);

	if (page != NULL)
		return show(a, g->wsi, page, method);
	if (api_is_path(path))
		return api_request(a, g, path, method, length);
	return admin_refuse(g->wsi, &http_not_found);
}

static int on_http(struct admin *a, struct admin_guest *g, const char *path)
{
	const struct http_refusal *wrong;
	struct lws *wsi = g->wsi;
	char *uri = NULL;
	int n = 0, answer, method = lws_http_get_uri_and_method(wsi, &uri, &n);
	int64_t length = body_length(wsi, &wrong);

	list_remove(&g->node);
	list_push(&a->guests, &g->node);
	if (!http_is_http1(wsi))
		wrong = &http_bad_request;
	if (wrong != NULL) {
		http_refuse(wsi, wrong, false);
		return -1;
	}
	if (length > SKIP_MOST) {
		admin_error(wsi, ERR_TOO_BIG, NULL, NULL, false);
		return -1;
	}
	answer = route(a, g, path, method, length);
	return length < 0 ? -1 : answer; /* behind an unknown body no next request can be found */
}

static int on_upgrade(struct lws *wsi, const char *upgrade)
{
	/* lws has refused what it does not know itself. */
	if (strcasecmp(upgrade, "websocket") == 0 || strcasecmp(upgrade, "h2c") == 0)
		http_refuse(wsi, &no_upgrade, false);
	return -1;
}

/* --- connections ------------------------------------------------------------------------------------------- */

static struct admin *admin_of(struct lws *wsi)
{
	return lws_vhost_user(lws_get_vhost(wsi));
}

/* A connection that does nothing gives way: health checks must always find an open door. */
static void make_room(struct admin *a)
{
	struct admin_guest *g;

	if (a->n_guests <= (uint64_t)a->config->api_max_connections)
		return;
	for (struct list_node *n = list_first(&a->guests); n != NULL;
	     n = list_next(&a->guests, n)) {
		g = container_of(n, struct admin_guest, node);
		if (g->call != NULL || g->leaving)
			continue;
		g->leaving = true;
		lws_set_timeout(g->wsi, PENDING_TIMEOUT_HTTP_CONTENT, LWS_TO_KILL_ASYNC);
		lws_loop_poke(a->lws);
		return;
	}
}

void admin_accepted(void *admin, struct lws *wsi)
{
	struct admin *a = admin;
	struct admin_guest *g = calloc(1, sizeof *g);

	if (g == NULL) {
		lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, LWS_TO_KILL_ASYNC);
		lws_loop_poke(a->lws);
		return;
	}
	a->n_guests++;
	make_room(a);
	g->admin = a;
	g->wsi = wsi;
	list_push(&a->guests, &g->node);
	lws_set_opaque_user_data(wsi, g);
}

static void guest_gone(struct admin *a, struct admin_guest *g)
{
	lws_set_opaque_user_data(g->wsi, NULL);
	if (g->call != NULL)
		api_call_abandoned(g->call);
	list_remove(&g->node);
	a->n_guests--;
	free(g);
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
	struct admin_guest *g = lws_get_opaque_user_data(wsi);

	(void)user;
	if (g == NULL)
		return reason == LWS_CALLBACK_HTTP ? -1 : 0;
	switch (reason) {
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: return on_upgrade(wsi, in);
	case LWS_CALLBACK_HTTP: return on_http(admin_of(wsi), g, in);
	case LWS_CALLBACK_HTTP_BODY: return g->call == NULL ? 0 : api_call_body(g->call, in, n);
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		return g->call == NULL ? 0 : api_call_body_ends(g->call);
	case LWS_CALLBACK_HTTP_WRITEABLE: return g->call == NULL ? 0 : api_call_writable(g->call);
	case LWS_CALLBACK_WSI_DESTROY: guest_gone(admin_of(wsi), g); return 0;
	default: return 0;
	}
}

/* --- keys ---------------------------------------------------------------------------------------------------- */

/* False with a sentence: the file is wrong, and what was in force stays. */
static bool load_keys(struct admin *a, struct buf *error)
{
	const char *path = a->config->api_keys_file;
	struct api_keys *fresh = NULL;
	bool unreadable, had = a->keys != NULL;

	if (*path != '\0') {
		fresh = api_keys_load(path, error, &unreadable);
		if (fresh == NULL)
			return false;
	}
	api_keys_free(a->keys);
	a->keys = fresh;
	if (fresh == NULL && a->loopback && (had || a->hub == NULL))
		log_write(LOG_INFO, "api.open", LOG_TEXT("to", "everybody on this machine"),
		          LOG_END);
	return true;
}

void admin_reconfigure(struct admin *a)
{
	struct buf error;

	buf_init(&error);
	if (!load_keys(a, &error))
		log_write(LOG_WARN, "api.keys_not_reloaded", LOG_SLICE("error", buf_view(&error)),
		          LOG_END);
	buf_fini(&error);
}

/* --- life ---------------------------------------------------------------------------------------------------- */

static const struct lws_protocols protocols[] = {
	{ .name = "roomcast-admin", .callback = on_lws, .tx_packet_size = 65536 },
	{ .name = NULL },
};

static struct lws_vhost *make_vhost(struct admin *a)
{
	static const lws_retry_bo_t no_idle_policy;
	struct lws_context_creation_info info = {
		.vhost_name = "admin",
		/* Neither vhost listens through lws. Were the ports equal, it would let a Host header
		 * choose between them. */
		.port = CONTEXT_PORT_NO_LISTEN,
		.protocols = protocols,
		.user = a,
		.retry_and_idle_policy = &no_idle_policy,
		.keepalive_timeout = (int)((a->config->api_idle_ms + 999) / 1000),
	};

	return lws_create_vhost(lws_loop_context(a->lws), &info);
}

struct admin *admin_open(const struct admin_options *o, struct buf *error)
{
	struct admin *a = calloc(1, sizeof *a);

	if (a == NULL) {
		buf_str(error, "out of memory");
		return NULL;
	}
	a->loop = o->loop;
	a->lws = o->lws;
	a->config = o->config;
	a->metrics = o->metrics;
	a->loopback = o->loopback;
	list_init(&a->guests);
	list_init(&a->calls);
	if (!load_keys(a, error))
		goto fail;
	a->vhost = make_vhost(a);
	if (a->vhost != NULL)
		return a;
	buf_str(error, "out of memory");
fail:
	admin_close(a);
	return NULL;
}

void admin_start(struct admin *a, struct hub *hub)
{
	a->hub = hub;
}

void admin_close(struct admin *a)
{
	if (a == NULL)
		return;
	api_call_free_all(a);
	api_keys_free(a->keys);
	free(a);
}

struct lws_vhost *admin_vhost(const struct admin *a)
{
	return a->vhost;
}
