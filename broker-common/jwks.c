#include "broker-common/jwks.h"

#include "broker-common/base64url.h"
#include "broker-common/json.h"
#include "broker-common/object.h"

#include <openssl/crypto.h>
#include <stdlib.h>

void keyring_fini(struct keyring *r)
{
	for (uint32_t i = 0; i < r->n; i++)
		key_free(r->keys[i]);
	r->n = 0;
}

bool keyring_add(struct keyring *r, struct key *k, const char **why)
{
	if (r->n == KEYRING_MAX) {
		key_free(k);
		*why = "more than 32 keys";
		return false;
	}
	r->keys[r->n++] = k;
	return true;
}

enum keyring_verdict keyring_verify(const struct keyring *r, enum key_alg a, struct slice id,
                                    struct slice text, struct slice signature)
{
	enum keyring_verdict v = KEYRING_UNKNOWN;

	for (uint32_t i = 0; i < r->n; i++) {
		const struct key *k = r->keys[i];

		if (!key_fits(k, a) ||
		    (id.p != NULL && key_id(k).p != NULL && !slice_eq(key_id(k), id)))
			continue;
		if (key_verify(k, a, text, signature))
			return KEYRING_RIGHT;
		v = KEYRING_WRONG;
	}
	return v;
}

/* --- one key of a set (RFC 7517 section 4, RFC 7518 section 6, RFC 8037) ------------------------------------ */

enum { KTY, CRV, USE, OPS, ALG, KID, N, E, X, Y, K, MEMBERS };
static const char *const members[MEMBERS] = { "kty", "crv", "use", "key_ops", "alg", "kid",
	                                      "n",   "e",   "x",   "y",       "k" };

static bool is_text(struct slice value, const char *text)
{
	return json_type_of(value) == JSON_STRING &&
		json_text_is((struct slice){ value.p + 1, value.n - 2 }, text);
}

static bool may_verify(const struct slice *m)
{
	struct slice op;
	size_t at = 0;

	if (m[USE].p != NULL && !is_text(m[USE], "sig"))
		return false;
	if (m[OPS].p == NULL)
		return true;
	while (json_next_element(m[OPS], &at, &op))
		if (is_text(op, "verify"))
			return true;
	return false;
}

/* Decoded where it stands: it only becomes shorter. */
static bool bytes_of(struct slice value, struct slice *out)
{
	struct slice text;
	size_t n;

	if (value.p == NULL || !object_text(value, 1, SIZE_MAX, &text) ||
	    !base64url_decode(text, (char *)text.p, &n))
		return false;
	*out = (struct slice){ text.p, n };
	return true;
}

/* False: of a kind that we do not know. */
static bool is_known(const struct slice *m, bool secrets)
{
	if (!may_verify(m))
		return false;
	if (is_text(m[KTY], "RSA"))
		return true;
	if (is_text(m[KTY], "EC"))
		return is_text(m[CRV], "P-256");
	if (is_text(m[KTY], "OKP"))
		return is_text(m[CRV], "Ed25519");
	return secrets && is_text(m[KTY], "oct");
}

static struct key *make(const struct slice *m, const char **why)
{
	struct slice a, b;

	*why = "a member of a key is missing or not base64url";
	if (is_text(m[KTY], "RSA"))
		return bytes_of(m[N], &a) && bytes_of(m[E], &b) ? key_from_rsa(a, b, why) : NULL;
	if (is_text(m[KTY], "EC"))
		return bytes_of(m[X], &a) && bytes_of(m[Y], &b) ? key_from_p256(a, b, why) : NULL;
	if (is_text(m[KTY], "OKP"))
		return bytes_of(m[X], &a) ? key_from_ed25519(a, why) : NULL;
	return bytes_of(m[K], &a) ? key_from_secret_bytes(a, why) : NULL;
}

static bool read_key(struct keyring *r, struct slice object, bool secrets, const char **why)
{
	struct slice m[MEMBERS], alg = { NULL, 0 }, kid = { NULL, 0 };
	struct key *k;

	if (!object_read(object, members, MEMBERS, m, why))
		return false;
	*why = "kid of a key is not a string of 1 to 200 bytes";
	if (m[KID].p != NULL && !object_text(m[KID], 1, KEY_ID_MAX, &kid))
		return false;
	*why = "alg of a key is not a string";
	if (m[ALG].p != NULL && !object_text(m[ALG], 0, SIZE_MAX, &alg))
		return false;
	if (!is_known(m, secrets) || (alg.p != NULL && key_alg_of(alg) == KEY_ALGS))
		return true;
	k = make(m, why);
	if (k == NULL)
		return false;
	*why = "alg of a key does not fit its kty";
	if (!key_name(k, kid) || (alg.p != NULL && !key_narrow(k, key_alg_of(alg)))) {
		key_free(k);
		return false;
	}
	return keyring_add(r, k, why);
}

static bool read_set(struct keyring *r, struct slice text, bool secrets, const char **why)
{
	static const char *const names[] = { "keys" };
	struct slice list, key;
	uint32_t had = r->n;
	size_t at = 0;

	*why = "not JSON";
	if (json_check(text, &json_default_limits, why) == JSON_INVALID ||
	    !object_read(text, names, 1, &list, why))
		return false;
	*why = "no list `keys`";
	if (list.p == NULL || json_type_of(list) != JSON_ARRAY)
		return false;
	while (json_next_element(list, &at, &key))
		if (!read_key(r, key, secrets, why))
			return false;
	*why = "no key that could be used (RSA, EC P-256, Ed25519)";
	return r->n > had;
}

bool jwks_read(struct keyring *r, struct slice text, bool secrets, const char **why)
{
	uint32_t had = r->n;
	char *copy;
	bool ok;

	*why = "larger than 256 KiB";
	if (text.n > JWKS_MAX)
		return false;
	*why = "out of memory";
	copy = malloc(text.n + 1);
	if (copy == NULL)
		return false;
	memcpy(copy, text.p, text.n);
	ok = read_set(r, (struct slice){ copy, text.n }, secrets, why);
	while (!ok && r->n > had)
		key_free(r->keys[--r->n]);
	OPENSSL_cleanse(copy, text.n);
	free(copy);
	return ok;
}
