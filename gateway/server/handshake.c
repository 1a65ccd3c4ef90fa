#include "gateway/server/handshake.h"

#include "gateway/base/config.h"
#include "gateway/base/keys.h"
#include "gateway/base/metrics.h"

#include <ctype.h>
#include <libwebsockets.h>
#include <string.h>
#include <strings.h>

/* lws copies these two headers into 128 bytes, and a subprotocol's name into 64. */
#define LIST_MAX 126
#define NAME_MAX_LWS 63

static const struct http_refusal
	not_websocket = { 400, "bad_request", "only an upgrade to websocket is offered here",
	                  NULL },
	not_get = { 405, "method_not_allowed", "a WebSocket is asked for with GET",
	            "Allow: GET\r\n" },
	not_http11 = { 400, "bad_request", "a WebSocket needs HTTP/1.1", NULL },
	no_host = { 400, "bad_request", "the Host header is missing", NULL },
	no_connection = { 400, "bad_request", "the Connection header does not say Upgrade", NULL },
	bad_version = { 426, "upgrade_required", "WebSocket version 13 is needed",
	                "Sec-WebSocket-Version: 13\r\n" },
	token_in_url = { 400, "bad_request",
	                 "a token in the URL is not accepted here; use a header or hello", NULL },
	bad_key = { 400, "bad_request", "Sec-WebSocket-Key is not 16 bytes in base64", NULL },
	bad_list = { 400, "bad_request", "Sec-WebSocket-Protocol is not a list of short names",
	             NULL },
	bad_subprotocol = { 400, "bad_subprotocol",
	                    "only the subprotocol " HANDSHAKE_SUBPROTOCOL " is offered", NULL },
	bad_authorization = { 400, "bad_request", "Authorization is there twice, or too long",
	                      NULL },
	bad_user = { 400, "bad_user", "user: 1 to 200 of A-Z a-z 0-9 _ - = @ , . ; :", NULL };

/* The next item of a list without blanks around it; false at the end. */
static bool next_item(const char **at, struct slice *item)
{
	const char *p = *at;
	size_t n;

	if (p == NULL)
		return false;
	p += strspn(p, " \t");
	n = strcspn(p, ",");
	*at = p[n] == ',' ? p + n + 1 : NULL;
	while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
		n--;
	*item = (struct slice){ p, n };
	return true;
}

bool handshake_list_has(const char *list, const char *word)
{
	struct slice item;

	while (next_item(&list, &item))
		if (item.n == strlen(word) && strncasecmp(item.p, word, item.n) == 0)
			return true;
	return false;
}

bool handshake_key_ok(const char *key)
{
	size_t n = 0;

	while (isalnum((unsigned char)key[n]) || key[n] == '+' || key[n] == '/')
		n++;
	/* 16 bytes are 22 digits, and of the last one only two bits are used. */
	return n == 22 && strcmp(key + n, "==") == 0 && strchr("AQgw", key[21]) != NULL;
}

static bool is_token(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!isalnum((unsigned char)s.p[i]) && strchr("!#$%&'*+-.^_`|~", s.p[i]) == NULL)
			return false;
	return s.n > 0;
}

enum handshake_offer handshake_offer(const char *list)
{
	enum handshake_offer answer = OFFER_UNKNOWN;
	struct slice item;

	if (strlen(list) > LIST_MAX)
		return OFFER_BROKEN;
	while (next_item(&list, &item)) {
		if (!is_token(item) || item.n > NAME_MAX_LWS)
			return OFFER_BROKEN;
		if (slice_is(item, HANDSHAKE_SUBPROTOCOL))
			answer = OFFER_OURS;
	}
	return answer;
}

static const struct http_refusal *check_subprotocol(struct lws *wsi, int *label)
{
	char list[LIST_MAX + 2];

	if (lws_hdr_total_length(wsi, WSI_TOKEN_PROTOCOL) == 0)
		return NULL;
	if (lws_hdr_copy(wsi, list, sizeof list, WSI_TOKEN_PROTOCOL) < 0)
		return &bad_list;
	switch (handshake_offer(list)) {
	case OFFER_OURS: return NULL;
	case OFFER_UNKNOWN: *label = REFUSED_SUBPROTOCOL; return &bad_subprotocol;
	default: return &bad_list;
	}
}

static const struct http_refusal *check_headers(struct lws *wsi)
{
	char text[LIST_MAX + 2];

	if (!http_header(wsi, WSI_TOKEN_HTTP, text, sizeof text) || strcmp(text, "HTTP/1.1") != 0)
		return &not_http11;
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HOST) == 0)
		return &no_host;
	if (lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_CONNECTION) <= 0 ||
	    !handshake_list_has(text, "upgrade"))
		return &no_connection;
	if (!http_header(wsi, WSI_TOKEN_VERSION, text, sizeof text) || strcmp(text, "13") != 0)
		return &bad_version;
	if (!http_header(wsi, WSI_TOKEN_KEY, text, sizeof text) || !handshake_key_ok(text))
		return &bad_key;
	return NULL;
}

struct slice handshake_bearer(struct slice value)
{
	static const char scheme[] = "bearer";
	const struct slice none = { NULL, 0 };
	size_t n = sizeof scheme - 1;

	if (value.n < n || strncasecmp(value.p, scheme, n) != 0 ||
	    (value.n > n && value.p[n] != ' ' && value.p[n] != '\t'))
		return none;
	value = (struct slice){ value.p + n, value.n - n };
	while (value.n > 0 && (*value.p == ' ' || *value.p == '\t'))
		value = (struct slice){ value.p + 1, value.n - 1 };
	while (value.n > 0 && (value.p[value.n - 1] == ' ' || value.p[value.n - 1] == '\t'))
		value.n--;
	return value;
}

/* A header first, then the URL. Two tokens would leave open which one counts. */
static const struct http_refusal *read_token(struct lws *wsi, struct handshake *out)
{
	out->token = (struct slice){ NULL, 0 };
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_AUTHORIZATION) > 0) {
		if (!http_header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, out->credentials,
		                 sizeof out->credentials))
			return &bad_authorization;
		out->token = handshake_bearer(slice_of(out->credentials));
	}
	if (out->token.p == NULL) /* where it is not allowed, it has been refused */
		out->token = http_query(wsi, "token", out->credentials, sizeof out->credentials);
	return NULL;
}

static const struct http_refusal *read_query(struct lws *wsi, const struct config *c,
                                             struct handshake *out)
{
	char hello[4], token[2];

	if (!c->allow_query_token && http_query(wsi, "token", token, sizeof token).p != NULL)
		return &token_in_url;

	out->hello = slice_is(http_query(wsi, "hello", hello, sizeof hello), "1");
	out->user = out->token = (struct slice){ NULL, 0 };
	if (!c->allow_user_param)
		return NULL;
	/* There is room for one byte more than a name may have: what is cut is no name. */
	out->user = http_query(wsi, "user", out->name, sizeof out->name);
	return out->user.p == NULL || topic_name_ok(out->user) ? NULL : &bad_user;
}

const struct http_refusal *handshake_check(struct lws *wsi, const char *upgrade,
                                           const struct config *c, struct handshake *out,
                                           int *label)
{
	const struct http_refusal *wrong;
	char *path = NULL;
	int n = 0, method;

	*label = REFUSED_BAD_REQUEST;
	if (strcasecmp(upgrade, "websocket") != 0)
		return &not_websocket;
	method = lws_http_get_uri_and_method(wsi, &path, &n);
	if (method != LWSHUMETH_GET)
		return &not_get;
	if (path == NULL || strcmp(path, HANDSHAKE_PATH) != 0)
		return &http_not_found;
	wrong = check_headers(wsi);
	if (wrong == NULL)
		wrong = check_subprotocol(wsi, label);
	if (wrong == NULL)
		wrong = read_query(wsi, c, out);
	if (wrong == NULL && keys_configured(c))
		wrong = read_token(wsi, out);
	return wrong;
}
