#include "gateway/base/keys.h"

#include "broker-common/jwks.h"
#include "broker-common/log.h"
#include "gateway/base/fetch.h"
#include "gateway/base/keys_read.h"

#include <stdlib.h>

#define FETCH_MS 10000u
#define UNKNOWN_MS 60000u /* between two fetches for keys that are not known */
#define RETRY_MS 1000u    /* after a first failure; doubled with each, up to the next line */
#define RETRY_MOST_MS 60000u

struct jwt_keys {
	const struct config *config;
	struct loop *loop;
	struct metrics *metrics;
	struct keyring files, fetched;
	struct fetch *fetch; /* NULL: no URL */
	struct timer again;
	uint64_t unknown_ms; /* when a fetch for an unknown key may begin next */
	uint32_t failures;   /* in a row */
};

bool keys_configured(const struct config *c)
{
	return *c->jwt_hmac_secret_file != '\0' || *c->jwt_public_key_file != '\0' ||
		*c->jwt_jwks_file != '\0' || *c->jwt_jwks_url != '\0';
}

static void count(struct jwt_keys *k)
{
	k->metrics->keys = k->files.n + k->fetched.n;
}

/* --- fetching ------------------------------------------------------------------------------------------- */

static void fetch_later(struct jwt_keys *k)
{
	uint64_t delay = (uint64_t)k->config->jwt_jwks_refresh_s * 1000u;

	if (k->failures > 0) {
		delay = RETRY_MOST_MS;
		if (k->failures <= 6)
			delay = RETRY_MS << (k->failures - 1);
	}
	timer_set(&k->again, delay);
}

static void on_fetched(void *ctx, const char *error, struct slice body)
{
	struct jwt_keys *k = ctx;
	struct keyring fresh = { .n = 0 };
	const char *why = error;

	if (error == NULL && jwks_read(&fresh, body, false, &why)) {
		keyring_fini(&k->fetched);
		k->fetched = fresh;
		k->failures = 0;
		k->metrics->key_fetches[FETCHED_OK]++;
		log_write(LOG_INFO, "keys.fetched", LOG_NUM("keys", k->fetched.n), LOG_END);
	} else {
		k->failures++;
		k->metrics->key_fetches[FETCHED_FAILED]++;
		log_write(LOG_WARN, "keys.not_fetched", LOG_TEXT("reason", why),
		          LOG_NUM("keys", k->fetched.n), LOG_END);
	}
	count(k);
	fetch_later(k);
}

static void fetch_now(void *ctx)
{
	struct jwt_keys *k = ctx;
	const struct fetch_options o = { .url = k->config->jwt_jwks_url,
		                         .ca = k->config->jwt_jwks_ca,
		                         .most = JWKS_MAX,
		                         .timeout_ms = FETCH_MS };

	if (fetch_is_busy(k->fetch))
		return;
	if (fetch_start(k->fetch, &o, on_fetched, k)) {
		timer_stop(&k->again);
		return;
	}
	log_write(LOG_WARN, "keys.not_fetched", LOG_TEXT("reason", "out of memory"), LOG_END);
	k->failures++;
	fetch_later(k);
}

/* A token names a key that is not there: perhaps it is new. True: wait for it. Whoever makes names up
 * brings one fetch a minute about, not one for each. */
static bool await_unknown(struct jwt_keys *k)
{
	uint64_t now = loop_now_ms(k->loop);

	if (k->fetch == NULL)
		return false;
	if (fetch_is_busy(k->fetch) || k->fetched.n == 0)
		return true;
	if (now < k->unknown_ms)
		return false;
	k->unknown_ms = now + UNKNOWN_MS;
	fetch_now(k);
	return true;
}

/* --- life ------------------------------------------------------------------------------------------------- */

bool keys_check(const struct config *c, struct buf *error)
{
	struct keyring r = { .n = 0 };
	bool ok = keys_read(c, &r, error) &&
		(*c->jwt_jwks_url == '\0' || keys_url_ok(c->jwt_jwks_url, error));

	keyring_fini(&r);
	return ok;
}

struct jwt_keys *keys_open(const struct config *c, struct loop *l, struct metrics *m,
                           struct buf *error)
{
	struct jwt_keys *k = calloc(1, sizeof *k);
	bool ok = k != NULL;

	if (!ok) {
		buf_str(error, "out of memory");
		return NULL;
	}
	k->config = c;
	k->loop = l;
	k->metrics = m;
	timer_init(&k->again, l, fetch_now, k);
	ok = keys_read(c, &k->files, error);
	if (ok && *c->jwt_jwks_url != '\0') {
		ok = keys_url_ok(c->jwt_jwks_url, error);
		k->fetch = ok ? fetch_new(l) : NULL;
		if (ok && k->fetch == NULL)
			buf_str(error, "jwt_jwks_url: libcurl (libcurl.so.4) cannot be loaded");
		ok = k->fetch != NULL;
	}
	if (!ok) {
		keys_close(k);
		return NULL;
	}
	if (k->fetch != NULL)
		timer_set(&k->again, 0);
	count(k);
	return k;
}

void keys_close(struct jwt_keys *k)
{
	if (k == NULL)
		return;
	timer_stop(&k->again);
	fetch_free(k->fetch);
	keyring_fini(&k->files);
	keyring_fini(&k->fetched);
	free(k);
}

void keys_reload(struct jwt_keys *k)
{
	struct keyring fresh = { .n = 0 };
	struct buf error;

	buf_init(&error);
	if (keys_read(k->config, &fresh, &error)) {
		keyring_fini(&k->files);
		k->files = fresh;
		log_write(LOG_INFO, "keys.reloaded", LOG_NUM("keys", k->files.n), LOG_END);
	} else {
		log_write(LOG_WARN, "keys.not_reloaded", LOG_SLICE("error", buf_view(&error)),
		          LOG_END);
	}
	buf_fini(&error);
	if (k->fetch != NULL)
		fetch_now(k);
	count(k);
}

/* --- tokens --------------------------------------------------------------------------------------------------- */

static int64_t leeway_ms(const struct jwt_keys *k)
{
	return k->config->jwt_leeway_s * 1000;
}

int64_t keys_end_ms(const struct jwt_keys *k, const struct token *t)
{
	return t->expires_ms > INT64_MAX - leeway_ms(k) ? INT64_MAX : t->expires_ms + leeway_ms(k);
}

static enum err check_signature(struct jwt_keys *k, const struct token *t, const char **why)
{
	enum keyring_verdict a = keyring_verify(&k->files, t->alg, t->key_id, t->signed_part,
	                                        t->signature);
	enum keyring_verdict b = KEYRING_UNKNOWN;

	if (a != KEYRING_RIGHT)
		b = keyring_verify(&k->fetched, t->alg, t->key_id, t->signed_part, t->signature);
	if (a == KEYRING_RIGHT || b == KEYRING_RIGHT)
		return ERR_OK;
	if (a == KEYRING_UNKNOWN && b == KEYRING_UNKNOWN && await_unknown(k)) {
		*why = "its key is being fetched";
		return ERR_UNAVAILABLE;
	}
	*why = a == KEYRING_UNKNOWN && b == KEYRING_UNKNOWN ? "there is no key for its alg and kid"
							    : "its signature is wrong";
	return ERR_NOT_AUTHENTICATED;
}

/* For whom and by whom: what names others is not for us, also when we were told nothing (RFC 7519
 * section 4.1.3). */
static bool is_for_us(const struct config *c, const struct token *t, const char **why)
{
	*why = "its iss is not jwt_issuer";
	if (*c->jwt_issuer != '\0' && !slice_is(t->issuer, c->jwt_issuer))
		return false;
	*why = *c->jwt_audience == '\0' ? "it has an aud, and jwt_audience is not set"
					: "its aud is not jwt_audience";
	return *c->jwt_audience == '\0' ? t->audience.p == NULL : token_is_for(t, c->jwt_audience);
}

static enum err check_time(const struct jwt_keys *k, const struct token *t, const char **why)
{
	int64_t now = (int64_t)(loop_wall_us(k->loop) / 1000u);

	*why = "it has expired";
	if (keys_end_ms(k, t) <= now)
		return ERR_EXPIRED;
	*why = "its nbf is still to come";
	return t->not_before_ms > now + leeway_ms(k) ? ERR_NOT_AUTHENTICATED : ERR_OK;
}

static enum err verify(struct jwt_keys *k, struct slice text, struct token *t, const char **why)
{
	enum err e;

	if (!token_open(t, text, why))
		return ERR_NOT_AUTHENTICATED;
	e = check_signature(k, t, why);
	if (e != ERR_OK)
		return e;
	if (!token_claims(t, why) || !is_for_us(k->config, t, why))
		return ERR_NOT_AUTHENTICATED;
	return check_time(k, t, why);
}

enum err keys_verify(struct jwt_keys *k, struct slice text, struct token *t, const char **why)
{
	enum err e = verify(k, text, t, why);

	k->metrics->tokens[e == ERR_OK                    ? TOKENS_ACCEPTED
	                           : e == ERR_EXPIRED     ? TOKENS_EXPIRED
	                           : e == ERR_UNAVAILABLE ? TOKENS_NO_KEY
	                                                  : TOKENS_REFUSED]++;
	return e;
}
