/*
 * Keys: what the gateway knows of who may sign tokens, and whether a token holds here and now.
 *
 * From files, read again on SIGHUP, and from a JWKS document on a server (RFC 7517), which is fetched beside
 * everything else: at the start, every `jwt_jwks_refresh_s`, and when a token names a key that is not
 * known, but for that at most once a minute. What was fetched last holds until a fetch succeeds.
 */
#ifndef ROOMCAST_KEYS_H
#define ROOMCAST_KEYS_H

#include "broker-common/buf.h"
#include "broker-common/token.h"
#include "gateway/base/config.h"
#include "gateway/base/loop.h"
#include "gateway/base/metrics.h"

struct jwt_keys;

/* Whether the options name any; if not, the gateway is in open mode. */
bool keys_configured(const struct config *c);

/* Read the files. NULL with one sentence in `error`. Fetching begins when the loop runs. `c` must stay. */
struct jwt_keys *keys_open(const struct config *c, struct loop *l, struct metrics *m,
                           struct buf *error);
void keys_close(struct jwt_keys *k);

/* Whether keys_open() would take the files; false with one sentence. */
bool keys_check(const struct config *c, struct buf *error);

/* Read the files again, and fetch. What cannot be read leaves all as it was; both are logged. */
void keys_reload(struct jwt_keys *k);

/* Whether the token is signed by one of the keys, of this time, and for this server. ERR_OK: `t` holds its
 * claims. ERR_NOT_AUTHENTICATED; ERR_EXPIRED (only of a token that was right once); ERR_UNAVAILABLE: its key is
 * being fetched, or no key could be fetched yet. `*why` is for the log, and tells nothing of the token.
 * `text` must stay as long as `t` is used. */
enum err keys_verify(struct jwt_keys *k, struct slice text, struct token *t, const char **why)
	must_check;

/* When the token ends, in ms since 1970, leeway included; INT64_MAX: never. */
int64_t keys_end_ms(const struct jwt_keys *k, const struct token *t);

#endif
