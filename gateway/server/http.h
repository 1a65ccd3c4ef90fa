/*
 * Plain HTTP answers, whole and by ourselves: lws's own status helpers speak HTTP/1.0 while a
 * request is being upgraded, which real clients do not accept.
 */
#ifndef ROOMCAST_HTTP_H
#define ROOMCAST_HTTP_H

#include "broker-common/buf.h"
#include "broker-common/err.h"

#include <stdbool.h>
#include <stdint.h>

struct lws;

struct http_reply {
	int status;
	const char *type;    /* Content-Type; NULL: application/json */
	const char *headers; /* more of them, each with its CRLF, or NULL */
	struct slice body;
	bool keep_alive;
	bool no_body; /* the answer to HEAD: only its length is told */
};

/* Send it. False: the connection cannot be used any more. */
bool http_send(struct lws *wsi, const struct http_reply *r);

/* {"error":{"code":…,"name":…,"message":…}}, and the same as a whole body. */
void http_error_object(struct buf *out, int code, const char *name, const char *message);
void http_error_body(struct buf *out, int code, const char *name, const char *message);

/* A refusal that is of HTTP only: its code is the status. One of these: */
struct http_refusal {
	int status;
	const char *name;
	const char *message;
	const char *headers; /* or NULL */
};
extern const struct http_refusal http_not_found, http_bad_request;

bool http_refuse(struct lws *wsi, const struct http_refusal *r, bool keep_alive);

/* Whether the request is for the answer's head only. Before the body, as the headers are gone then. */
bool http_is_head(struct lws *wsi);

/* Whether the request says that it is HTTP/1.0 or 1.1: lws answers without, too. */
bool http_is_http1(struct lws *wsi);

/* The request's header as text, terminated; false when it is missing, comes twice, or does not fit. `which`
 * is lws's enum lws_token_indexes. */
bool http_header(struct lws *wsi, int which, char *out, size_t room);

/* ?name=VALUE, decoded, in `out`; what does not fit is cut. NULL: not there. */
struct slice http_query(struct lws *wsi, const char *name, char *out, size_t room);

/* The peer's address without port; an IPv4 address as such. */
#define HTTP_ADDRESS_MAX 64
struct slice http_peer(struct lws *wsi, char out[HTTP_ADDRESS_MAX]);

#endif
