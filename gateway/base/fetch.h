/*
 * Fetch: a small document over HTTP, without anybody waiting for it (libcurl on our loop).
 *
 * One at a time. No redirects are followed; the certificate and name of an https server are checked. Names are
 * looked up by a thread of libcurl's own, the only one in this process.
 */
#ifndef ROOMCAST_FETCH_H
#define ROOMCAST_FETCH_H

#include "broker-common/slice.h"
#include "gateway/base/loop.h"

struct fetch;

struct fetch_options {
	const char *url; /* http: or https: */
	const char *ca;  /* whom to trust (PEM file); "": whom the system trusts */
	size_t most;     /* bytes of the document */
	uint64_t timeout_ms;
};

/* From the loop, never from inside fetch_start(). `error` NULL: `body` is what came with status 200; else
 * words for a person. Both are gone afterwards. */
typedef void fetch_done(void *ctx, const char *error, struct slice body);

/* NULL: no memory, or there is no libcurl here. */
struct fetch *fetch_new(struct loop *l);
void fetch_free(struct fetch *f); /* what is under way is given up: no answer comes */

/* False: no memory, or one is under way. `o` is needed during the call only. */
bool fetch_start(struct fetch *f, const struct fetch_options *o, fetch_done *done, void *ctx);
bool fetch_is_busy(const struct fetch *f);

#endif
