#include "gateway/server/admin.h"

#include "broker-common/buf.h"
#include "gateway/base/config.h"
#include "gateway/base/lws_loop.h"
#include "gateway/base/metrics.h"
#include "gateway/core/hub.h"
#include "gateway/server/admin_core.h"
#include "gateway/server/handshake.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PUBLISH_PATH "/v1/publish"
#define IDLE_S 60       /* between two requests of a connection */
#define BODY_SPARE 4096 /* bytes of a publish's body beside its payload */
#define SKIP_MOST                                                                                  \
	(64 << 20) /* bytes of an unwanted body that are read so that the answer arrives */

static const struct http_refusal
	no_upgrade = { 400, "bad_request", "no upgrade is offered here", NULL },
	get_only = { 405, "method_not_allowed", "this page is read with GET",
	             "Allow: GET, HEAD\r\n" },
	post_only = { 405, "method_not_allowed", "publishing is done with POST",
	              "Allow: POST\r\n" },
	no_length = { 411, "length_required", "the body's Content-Length is missing", NULL },
	bad_length = { 400, "bad_request", "Content-Length is not a number", NULL },
	not_json = { 415, "unsupported_media_type", "the body must be application/json", NULL },
	from_page = { 403, "forbidden", "this is not for web pages", NULL },
	bad_host = { 403, "forbidden", "the Host header must name this machine's loopback address",
	             NULL },
	needs_key = { 403, "forbidden",
	              "publishing needs a key unless admin_listen is bound to loopback", NULL };

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

int admin_error(struct lws *wsi, enum err e, const char *detail, bool keep_alive)
{
	struct buf body;
	int answer = -1;

	buf_init(&body);
	http_error_body(&body, err_number(e), err_name(e),
	                detail != NULL ? detail : err_sentence(e));
	if (!body.failed)
		answer = admin_answer(wsi,
		                      &(struct http_reply){ .status = err_http_status(e),
		                                            .body = buf_view(&body),
		                                            .keep_alive = keep_alive });
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

/* --- publishing ------------------------------------------------------------------------------------------ */

bool admin_host_is_loopback(const char *host)
{
	struct in_addr four;
	char name[64];
	size_t n = strcspn(host, ":");
	const char *port;

	if (strncmp(host, "[::1]", 5) == 0)
		n = 5;
	port = host + n;
	if (*port == ':' && port[1 + strspn(port + 1, "0123456789")] != '\0')
		return false;
	if ((*port != ':' && *port != '\0') || n >= sizeof name)
		return false;
	memcpy(name, host, n);
	name[n] = '\0';
	if (strcmp(name, "[::1]") == 0 || strcasecmp(name, "localhost") == 0)
		return true;
	return inet_pton(AF_INET, name, &four) == 1 && ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET;
}

static bool is_json(struct lws *wsi)
{
	static const char json[] = "application/json";
	char type[128];
	size_t n = sizeof json - 1;

	return http_header(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, type, sizeof type) &&
		strncasecmp(type, json, n) == 0 && strchr(" \t;", type[n]) != NULL;
}

/* What only a browser sends, or what it can be tricked into sending. */
static const struct http_refusal *check_sender(const struct admin *a, struct lws *wsi)
{
	char host[128];

	if (!a->loopback)
		return &needs_key;
	if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) > 0)
		return &from_page;
	if (!http_header(wsi, WSI_TOKEN_HOST, host, sizeof host) || !admin_host_is_loopback(host))
		return &bad_host;
	return NULL;
}

static int start_publish(struct admin *a, struct lws *wsi, int method, int64_t length)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const struct http_refusal *wrong = check_sender(a, wsi);
	unsigned char text[LWS_PRE + sizeof go_on];

	if (wrong == NULL && method != LWSHUMETH_POST)
		wrong = &post_only;
	if (wrong == NULL && !is_json(wsi))
		wrong = &not_json;
	if (wrong != NULL)
		return admin_refuse(wsi, wrong);
	if (length > a->config->max_message_bytes)
		return admin_error(wsi, ERR_TOO_BIG, NULL, admin_may_go_on(wsi));
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_EXPECT) > 0) {
		memcpy(text + LWS_PRE, go_on, sizeof go_on - 1);
		if (lws_write(wsi, text + LWS_PRE, sizeof go_on - 1, LWS_WRITE_HTTP_HEADERS) < 0)
			return -1;
	}
	return publish_begin(a, wsi, (size_t)length);
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

static int route(struct admin *a, struct lws *wsi, const char *path, int method, int64_t length)
{
	const struct page *page = find_page(path);

	if (page != NULL)
		return show(a, wsi, page, method);
	if (strcmp(path, PUBLISH_PATH) == 0)
		return start_publish(a, wsi, method, length);
	return admin_refuse(wsi, &http_not_found);
}

static int on_http(struct admin *a, struct lws *wsi, const char *path)
{
	const struct http_refusal *wrong;
	char *uri = NULL;
	int n = 0, answer, method = lws_http_get_uri_and_method(wsi, &uri, &n);
	int64_t length = body_length(wsi, &wrong);

	if (!http_is_http1(wsi))
		wrong = &http_bad_request;
	else if (length < 0 && wrong == NULL && method == LWSHUMETH_POST &&
	         strcmp(path, PUBLISH_PATH) == 0)
		wrong = &no_length;
	if (wrong != NULL) {
		http_refuse(wsi, wrong, false);
		return -1;
	}
	if (length > SKIP_MOST) {
		admin_error(wsi, ERR_TOO_BIG, NULL, false);
		return -1;
	}
	answer = route(a, wsi, path, method, length < 0 ? 0 : length);
	return length < 0 ? -1 : answer; /* behind an unknown body no next request can be found */
}

static int on_upgrade(struct lws *wsi, const char *upgrade)
{
	/* lws has refused what it does not know itself. */
	if (strcasecmp(upgrade, "websocket") == 0 || strcasecmp(upgrade, "h2c") == 0)
		http_refuse(wsi, &no_upgrade, false);
	return -1;
}

static struct admin *admin_of(struct lws *wsi)
{
	return lws_vhost_user(lws_get_vhost(wsi));
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
	struct publish *p;

	(void)user;
	switch (reason) {
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: return on_upgrade(wsi, in);
	case LWS_CALLBACK_HTTP: return on_http(admin_of(wsi), wsi, in);
	case LWS_CALLBACK_HTTP_BODY:
		p = lws_get_opaque_user_data(wsi);
		return p == NULL ? 0 : publish_body(p, in, n);
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		p = lws_get_opaque_user_data(wsi);
		return p == NULL ? 0 : publish_body_ends(p);
	case LWS_CALLBACK_HTTP_WRITEABLE:
		p = lws_get_opaque_user_data(wsi);
		return p == NULL ? 0 : publish_writable(p);
	case LWS_CALLBACK_WSI_DESTROY:
		p = lws_get_opaque_user_data(wsi);
		if (p != NULL)
			publish_abandoned(p);
		return 0;
	default: return 0;
	}
}

/* --- life ---------------------------------------------------------------------------------------------------- */

static const struct lws_protocols protocols[] = {
	{ .name = "roomcast-admin", .callback = on_lws, .tx_packet_size = 65536 },
	{ .name = NULL },
};

struct admin *admin_open(const struct admin_options *o)
{
	static const lws_retry_bo_t no_idle_policy;
	struct admin *a = calloc(1, sizeof *a);
	struct lws_context_creation_info info = {
		.vhost_name = "admin",
		/* Neither vhost listens through lws. Were the ports equal, it would let a Host header
		 * choose between them. */
		.port = CONTEXT_PORT_NO_LISTEN,
		.protocols = protocols,
		.user = a,
		.retry_and_idle_policy = &no_idle_policy,
		.keepalive_timeout = IDLE_S,
	};

	if (a == NULL)
		return NULL;
	a->config = o->config;
	a->metrics = o->metrics;
	a->loopback = o->loopback;
	list_init(&a->publishes);
	a->vhost = lws_create_vhost(lws_loop_context(o->lws), &info);
	if (a->vhost == NULL) {
		admin_close(a);
		return NULL;
	}
	return a;
}

void admin_start(struct admin *a, struct hub *hub)
{
	a->hub = hub;
}

void admin_close(struct admin *a)
{
	if (a == NULL)
		return;
	publish_free_all(a);
	free(a);
}

struct lws_vhost *admin_vhost(const struct admin *a)
{
	return a->vhost;
}
