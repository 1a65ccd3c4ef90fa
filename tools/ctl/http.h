/*
 * Requests to one endpoint, several at a time. libcurl is known only here: it brings what a small
 * client of our own would lack (all addresses of a name, TLS, connections kept, sentences for what
 * went wrong), where libevent's evhttp tries one address only and hides why it failed.
 *
 * Answers are bounded (64 MiB) and so is the time of each; redirects and proxies are not followed,
 * as the key is for one host.
 */
#ifndef ROOMCAST_CTL_HTTP_H
#define ROOMCAST_CTL_HTTP_H

#include "broker-common/buf.h"
#include "tools/ctl/endpoint.h"

struct http;      /* opaque */
struct http_call; /* one request and its answer */

enum http_turn {
	HTTP_FINISHED, /* at least one call */
	HTTP_READABLE, /* the descriptor given */
	HTTP_TIMEOUT,
	HTTP_INTERRUPTED, /* SIGINT, SIGTERM (signals.h) */
};

/* NULL when out of memory. `e` is borrowed until http_close(). */
struct http *http_open(const struct endpoint *e);
void http_close(struct http *h); /* its calls must have been freed */

/* Begin GET `path`, or POST `body` when that has a `p`. NULL when out of memory. Copies both. */
struct http_call *http_start(struct http *h, const char *path, struct slice body);
void http_free(struct http_call *c); /* under way or not; NULL is fine */

/* Go on with all calls until something of the above has happened. `fd` may be -1; `deadline` is of
 * clock_ms(). */
enum http_turn http_turn(struct http *h, int fd, uint64_t deadline);

bool http_is_done(const struct http_call *c);

/* Of a done call. The status, or 0: there was no answer, and http_why() says why. */
int http_status(const struct http_call *c);
const char *http_why(const struct http_call *c);
bool http_not_reached(const struct http_call *c);  /* nobody answered there at all */
struct slice http_body(const struct http_call *c); /* may be written to */

#endif
