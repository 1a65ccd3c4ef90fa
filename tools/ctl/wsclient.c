#include "tools/ctl/wsclient.h"

#include "broker-common/buf.h"
#include "broker-common/err.h"
#include "broker-common/list.h"
#include "tools/ctl/clock.h"
#include "tools/ctl/say.h"

#include <libwebsockets.h>
#include <netdb.h>
#include <openssl/x509_vfy.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PROTOCOL "roomcast.v1.json"
#define GOODBYE_MS 1000
#define CHUNK_BYTES 65536
#define HANDSHAKE_BYTES 16384  /* a token may be long */
#define OWN_TIMEOUTS_SECS 3600 /* of lws: the deadlines are ours */
#define ADDRESS_SECS 5         /* until the next of a host's addresses is tried */

struct queued {
	struct list_node node;
	size_t n;
	char bytes[]; /* in the outbox LWS_PRE bytes of room come first */
};

struct wsclient {
	struct lws_context *context;
	struct lws *wsi; /* NULL: not any more */
	struct lws_sorted_usec_list timer;
	char *authorization; /* or NULL */
	struct list inbox, outbox;
	struct queued *current; /* what wsclient_next() handed out */
	struct buf partial;     /* a message whose end is still to come */
	bool open, closing, ended;
	char why[512];
};

/* ---- signals ---- */

static volatile sig_atomic_t interrupted;
static struct lws_context *to_wake; /* a signal handler gets no context */

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
	if (to_wake != NULL)
		lws_cancel_service(to_wake); /* one write() to an eventfd */
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* ---- the end ---- */

/* Only the first reason counts: what follow are its consequences. */
__attribute__((format(printf, 2, 3))) static void end(struct wsclient *c, const char *format, ...)
{
	va_list arguments;

	if (c->ended)
		return;
	c->ended = true;
	va_start(arguments, format);
	vsnprintf(c->why, sizeof(c->why), format, arguments);
	va_end(arguments);
}

static const char *hint(unsigned int status)
{
	switch (status) {
	case 400: return ": it does not take this request (is the URL right?)";
	case 401: return ": the token is missing or not valid";
	case 403: return ": not allowed from here";
	case 404: return ": there is no gateway at this path";
	case 429: return ": too many connections from this address or of this user";
	case 503: return ": it is full, overloaded, or not ready";
	default: return "";
	}
}

/* What libwebsockets says of a failed connect: "conn fail: 111", "conn fail: errno 101: …", and of a bad
 * certificate, as the moment has it, OpenSSL's words ("tls: …") or its number ("… X509_V_ERR = 18 …"). */
static void end_unconnected(struct wsclient *c, struct slice detail)
{
	char text[256];
	const char *verdict;
	int number;

	snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(detail));
	verdict = strstr(text, "X509_V_ERR");
	if (sscanf(text, "conn fail: errno %d", &number) == 1 ||
	    sscanf(text, "conn fail: %d", &number) == 1)
		end(c, "cannot connect: %s", strerror(number));
	else if (verdict != NULL && sscanf(verdict, "X509_V_ERR = %d", &number) == 1)
		end(c, "TLS failed: %s", X509_verify_cert_error_string(number));
	else if (strncmp(text, "tls: ", 5) == 0)
		end(c, "TLS failed: %s", text + 5);
	else
		end(c, "cannot connect: %s", text);
}

static void end_refused(struct wsclient *c, struct lws *wsi, struct slice detail)
{
	unsigned int status = lws_http_client_http_response(wsi);
	char later[32] = "";

	if (status == 0 || status == 101) {
		end_unconnected(c, detail);
		return;
	}
	if (lws_hdr_copy(wsi, later, sizeof(later), WSI_TOKEN_HTTP_RETRY_AFTER) < 0)
		later[0] = '\0';
	end(c, "refused with HTTP status %u%s%s%s%s", status, hint(status),
	    later[0] == '\0' ? "" : "; try again in ", later, later[0] == '\0' ? "" : " s");
}

/* libwebsockets shows the codes 1012 to 1014 as 1002, but leaves the reason; it is ours. */
static int real_code(int code, struct slice reason)
{
	static const enum close_why hidden[] = { CLOSE_RESTART, CLOSE_TRY_LATER };

	for (size_t i = 0; code == 1002 && i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		if (slice_is(reason, close_reason(hidden[i])))
			return close_code(hidden[i]);
	}
	return code;
}

static void end_closed(struct wsclient *c, const unsigned char *p, size_t n)
{
	struct slice reason = { (const char *)p + 2, n - 2 };

	if (n < 2)
		end(c, "the gateway closed the connection without a code");
	else
		end(c, "the gateway closed the connection: %d%s%.*s",
		    real_code(p[0] << 8 | p[1], reason), reason.n == 0 ? "" : " ",
		    SLICE_ARGS(reason));
}

/* ---- what libwebsockets calls ---- */

static struct queued *queued_new(struct slice text, size_t before)
{
	struct queued *p = malloc(sizeof(*p) + before + text.n + 1);

	if (p == NULL)
		return NULL;
	p->n = text.n;
	memcpy(p->bytes + before, text.p, text.n);
	return p;
}

static int on_received(struct wsclient *c, struct lws *wsi, const void *p, size_t n)
{
	struct queued *whole;

	if (lws_frame_is_binary(wsi)) {
		end(c, "the gateway sent a binary message, which this protocol does not have");
		return -1;
	}
	buf_add(&c->partial, p, n);
	if (c->partial.failed) {
		end(c, "the gateway sent a message larger than there is room for");
		return -1;
	}
	if (lws_remaining_packet_payload(wsi) > 0 || !lws_is_final_fragment(wsi))
		return 0;
	whole = queued_new(buf_view(&c->partial), 0);
	buf_reset(&c->partial);
	if (whole == NULL) {
		end(c, "out of memory");
		return -1;
	}
	list_push(&c->inbox, &whole->node);
	return 0;
}

static int on_writable(struct wsclient *c, struct lws *wsi)
{
	struct list_node *node = list_shift(&c->outbox);
	struct queued *p;
	int sent;

	if (node == NULL) {
		if (!c->closing)
			return 0;
		lws_close_reason(wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
		return -1;
	}
	p = container_of(node, struct queued, node);
	sent = lws_write(wsi, (unsigned char *)p->bytes + LWS_PRE, p->n, LWS_WRITE_TEXT);
	free(p);
	if (!list_is_empty(&c->outbox) || c->closing)
		lws_callback_on_writable(wsi);
	return sent < 0 ? -1 : 0;
}

static int add_authorization(const struct wsclient *c, struct lws *wsi, unsigned char **p, size_t n)
{
	if (c->authorization == NULL)
		return 0;
	return lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_AUTHORIZATION,
	                                    (const unsigned char *)c->authorization,
	                                    (int)strlen(c->authorization), p, *p + n) != 0
		? -1
		: 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t n)
{
	struct wsclient *c = user;

	switch (reason) {
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER: return add_authorization(c, wsi, in, n);
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		c->open = true;
		lws_callback_on_writable(wsi);
		return 0;
	case LWS_CALLBACK_CLIENT_RECEIVE: return on_received(c, wsi, in, n);
	case LWS_CALLBACK_CLIENT_WRITEABLE: return on_writable(c, wsi);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: end_closed(c, in, n); return 0;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		end_refused(c, wsi, in == NULL ? slice_of("no answer") : (struct slice){ in, n });
		c->wsi = NULL;
		return 0;
	case LWS_CALLBACK_CLIENT_CLOSED:
		end(c, "the connection broke");
		c->wsi = NULL;
		return 0;
	default: return 0;
	}
}

static const struct lws_protocols protocols[] = {
	{ .name = PROTOCOL, .callback = on_event, .rx_buffer_size = CHUNK_BYTES },
	LWS_PROTOCOL_LIST_TERM,
};

/* ---- open, close ---- */

/* libwebsockets would ask for a missing name again and again until its time is over. */
static bool host_exists(const char *host)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	int error = getaddrinfo(host, NULL, &hints, &found);

	if (error != 0) {
		say("cannot find the host '%s': %s", host, gai_strerror(error));
		return false;
	}
	freeaddrinfo(found);
	return true;
}

static bool set_authorization(struct wsclient *c, const char *token)
{
	return token == NULL || asprintf(&c->authorization, "Bearer %s", token) >= 0;
}

static struct lws_context *context_new(void)
{
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.protocols = protocols,
		.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
		.fd_limit_per_thread = 16,
		.pt_serv_buf_size = HANDSHAKE_BYTES,
		.timeout_secs = OWN_TIMEOUTS_SECS,
		.connect_timeout_secs = ADDRESS_SECS,
	};

	/* It would send everything through that proxy, loopback too, as it knows no exceptions. */
	unsetenv("http_proxy");
	lws_set_log_level(0, NULL); /* what matters comes by callback */
	return lws_create_context(&info);
}

static bool begin(struct wsclient *c, const struct url *url, bool insecure)
{
	static const lws_retry_bo_t no_pings = { 0 }; /* client.c asks whether the gateway lives */
	struct lws_client_connect_info info = {
		.context = c->context,
		.address = url->host,
		.port = url->port,
		.path = url->path,
		.host = url->named,
		.protocol = PROTOCOL,
		.alpn = "http/1.1",
		.userdata = c,
		.pwsi = &c->wsi,
		.ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT, /* a token is for one host */
		.retry_and_idle_policy = &no_pings,
	};

	if (url->secure)
		info.ssl_connection |= LCCSCF_USE_SSL;
	if (insecure)
		info.ssl_connection |= LCCSCF_ALLOW_SELFSIGNED |
			LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK | LCCSCF_ALLOW_EXPIRED |
			LCCSCF_ALLOW_INSECURE;
	if (lws_client_connect_via_info(&info) == NULL)
		end(c, "cannot connect"); /* unless on_event() knew why */
	return true;
}

static void empty(struct list *l)
{
	struct list_node *n;

	while ((n = list_shift(l)) != NULL)
		free(container_of(n, struct queued, node));
}

static void destroy(struct wsclient *c)
{
	to_wake = NULL;
	if (c->context != NULL)
		lws_context_destroy(c->context);
	empty(&c->inbox);
	empty(&c->outbox);
	buf_fini(&c->partial);
	free(c->current);
	free(c->authorization);
	free(c);
}

struct wsclient *wsclient_open(const struct url *url, const char *token, bool insecure)
{
	struct wsclient *c;

	catch_signals();
	if (!host_exists(url->host))
		return NULL;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		goto no_memory;
	list_init(&c->inbox);
	list_init(&c->outbox);
	buf_init(&c->partial);
	c->context = context_new();
	if (c->context == NULL || !set_authorization(c, token) || !begin(c, url, insecure))
		goto free_client;
	to_wake = c->context;
	return c;

free_client:
	destroy(c);
no_memory:
	say("out of memory");
	return NULL;
}

static void on_timer(struct lws_sorted_usec_list *timer)
{
	(void)timer; /* having come is enough: the wait is over */
}

static void wait_once(struct wsclient *c, uint64_t deadline)
{
	uint64_t now = clock_ms();

	if (deadline != 0)
		lws_sul_schedule(c->context, 0, &c->timer, on_timer,
		                 deadline <= now ? 1 : (lws_usec_t)(deadline - now) * 1000);
	if (lws_service(c->context, 0) < 0)
		end(c, "libwebsockets gave up");
	lws_sul_cancel(&c->timer);
}

void wsclient_close(struct wsclient *c)
{
	uint64_t deadline = clock_ms() + GOODBYE_MS;

	if (c == NULL)
		return;
	c->closing = true;
	if (c->open && c->wsi != NULL)
		lws_callback_on_writable(c->wsi);
	while (c->open && c->wsi != NULL && clock_ms() < deadline) {
		empty(&c->inbox);
		wait_once(c, deadline);
	}
	destroy(c);
}

/* ---- messages ---- */

bool wsclient_send(struct wsclient *c, struct slice text)
{
	struct queued *p = queued_new(text, LWS_PRE);

	if (p == NULL)
		return false;
	list_push(&c->outbox, &p->node);
	if (c->open && c->wsi != NULL)
		lws_callback_on_writable(c->wsi);
	return true;
}

enum wsclient_got wsclient_next(struct wsclient *c, uint64_t deadline, struct slice *text)
{
	struct list_node *node;

	free(c->current);
	c->current = NULL;
	for (;;) {
		if (interrupted)
			return WSCLIENT_INTERRUPTED;
		if (deadline != 0 && clock_ms() >= deadline)
			return WSCLIENT_TIMEOUT;
		node = list_shift(&c->inbox);
		if (node != NULL)
			break;
		if (c->ended)
			return WSCLIENT_ENDED;
		wait_once(c, deadline);
	}
	c->current = container_of(node, struct queued, node);
	*text = (struct slice){ c->current->bytes, c->current->n };
	return WSCLIENT_TEXT;
}

const char *wsclient_why(const struct wsclient *c)
{
	return c->why;
}
