/*
 * Resolve: a host's name to a numeric address, without holding up the loop.
 *
 * glibc asks in a thread of its own (getaddrinfo_a); a timer looks whether it is done. What glibc
 * cannot give up any more is kept until it is, out of its asker's sight.
 */
#ifndef ROOMCAST_REDIS_RESOLVE_H
#define ROOMCAST_REDIS_RESOLVE_H

#include "gateway/base/loop.h"

#define RESOLVE_ADDRESS_MAX 64 /* bytes of a numeric address, its NUL included */

struct resolve;

/* `address`: numeric, without brackets; NULL: there is none, `reason` says why. Both borrowed. The
 * struct resolve is gone already. */
typedef void resolve_done(void *ctx, const char *address, const char *reason);

/* `done` comes once, from the loop, `timeout_ms` (more than 0) from now at the latest. Of several
 * addresses it gets the first, with `attempt` 1 the second, and so on, round and round. A numeric
 * `host` is its own answer. `host` is copied. NULL: no memory or no thread, nothing was started. */
struct resolve *resolve_start(struct loop *l, const char *host, unsigned int attempt,
                              uint64_t timeout_ms, resolve_done *done, void *ctx);

/* `done` does not come; NULL is fine. Not for one whose `done` has come. */
void resolve_cancel(struct resolve *r);

#endif
