/*
 * What a request for a WebSocket must look like (RFC 6455 section 4.2.1), and what its URL says.
 *
 * lws lets much pass here (POST, HTTP/1.0, version 12, keys of any length), and answers nothing at
 * all to a subprotocol that it does not know.
 */
#ifndef ROOMCAST_HANDSHAKE_H
#define ROOMCAST_HANDSHAKE_H

#include "broker-common/token.h"
#include "gateway/server/http.h"

struct config;

#define HANDSHAKE_PATH "/v1/ws"
#define HANDSHAKE_SUBPROTOCOL "roomcast.v1.json"

struct handshake {
	bool hello; /* ?hello=1: a frame `hello` will come */
	struct slice
		token; /* of the header, else of the URL where that is allowed; NULL: none. In `credentials` */
	struct slice user; /* ?user=ID, where that is believed; in `name` */
	char name[TOPIC_NAME_MAX + 2];
	char credentials[TOKEN_MAX + 64];
};

/* NULL: it is right. Else what to answer; `*label` is the metric's (REFUSED_…). */
const struct http_refusal *handshake_check(struct lws *wsi, const char *upgrade,
                                           const struct config *c, struct handshake *out,
                                           int *label) must_check;

/* Parts of it, on plain text. */

/* Whether a comma-separated list holds `word`, in any case. */
bool handshake_list_has(const char *list, const char *word);

/* 16 bytes in base64. */
bool handshake_key_ok(const char *key);

/* The token of an Authorization header's value: behind `Bearer` in any case (RFC 6750). NULL: another scheme. */
struct slice handshake_bearer(struct slice value);

enum handshake_offer { OFFER_OURS, OFFER_UNKNOWN, OFFER_BROKEN };

/* The value of Sec-WebSocket-Protocol: a list of tokens (RFC 9110 section 5.6.2), of any case. */
enum handshake_offer handshake_offer(const char *list);

#endif
