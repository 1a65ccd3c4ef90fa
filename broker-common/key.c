#include "broker-common/key.h"

#include "broker-common/key_inside.h"

#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#define P256_BYTES 32
#define ES256_BYTES (2 * P256_BYTES)
#define DER_MOST 80 /* bytes of such a signature as ASN.1 */

static const char *const names[KEY_ALGS] = {
	[KEY_HS256] = "HS256", [KEY_HS384] = "HS384", [KEY_HS512] = "HS512",
	[KEY_RS256] = "RS256", [KEY_ES256] = "ES256", [KEY_EDDSA] = "EdDSA",
};

enum key_alg key_alg_of(struct slice name)
{
	enum key_alg a = 0;

	while (a < KEY_ALGS && !slice_is(name, names[a]))
		a++;
	return a;
}

const char *key_alg_name(enum key_alg a)
{
	return names[a];
}

/* --- life ------------------------------------------------------------------------------------------ */

struct key *key_from_secret_bytes(struct slice secret, const char **why)
{
	struct key *k;

	if (secret.n < KEY_SECRET_MIN || secret.n > KEY_SECRET_MAX) {
		*why = secret.n > KEY_SECRET_MAX
			? "the secret is longer than 4096 bytes"
			: "the secret is shorter than 32 bytes (openssl rand -hex 32 makes one)";
		return NULL;
	}
	k = calloc(1, sizeof *k + secret.n);
	if (k == NULL) {
		*why = "out of memory";
		return NULL;
	}
	k->algs = 1u << KEY_HS256 | 1u << KEY_HS384 | 1u << KEY_HS512;
	k->secret_n = secret.n;
	memcpy(k->secret, secret.p, secret.n);
	return k;
}

struct key *key_from_secret(struct slice file, const char **why)
{
	static const char pem[] = "-----BEGIN";

	if (slice_starts(file, slice_of(pem))) {
		*why = "a PEM file is no shared secret; public keys belong into jwt_public_key_file";
		return NULL;
	}
	if (file.n > 0 && file.p[file.n - 1] == '\n')
		file.n--;
	if (file.n > 0 && file.p[file.n - 1] == '\r')
		file.n--;
	return key_from_secret_bytes(file, why);
}

void key_free(struct key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pkey);
	OPENSSL_cleanse(k->secret, k->secret_n);
	free(k->id);
	free(k);
}

bool key_name(struct key *k, struct slice id)
{
	char *copy;

	if (id.p == NULL)
		return true;
	if (id.n == 0 || id.n > KEY_ID_MAX)
		return false;
	copy = malloc(id.n);
	if (copy == NULL)
		return false;
	memcpy(copy, id.p, id.n);
	free(k->id);
	k->id = copy;
	k->id_n = id.n;
	return true;
}

struct slice key_id(const struct key *k)
{
	return (struct slice){ k->id, k->id_n };
}

bool key_narrow(struct key *k, enum key_alg a)
{
	if (!key_fits(k, a))
		return false;
	k->algs = 1u << a;
	return true;
}

bool key_fits(const struct key *k, enum key_alg a)
{
	return a < KEY_ALGS && (k->algs & 1u << a) != 0;
}

enum key_alg key_default_alg(const struct key *k)
{
	enum key_alg a = 0;

	while (!key_fits(k, a))
		a++;
	return a;
}

/* --- shared secrets ---------------------------------------------------------------------------------- */

static const EVP_MD *digest(enum key_alg a)
{
	switch (a) {
	case KEY_HS384: return EVP_sha384();
	case KEY_HS512: return EVP_sha512();
	case KEY_EDDSA: return NULL; /* has its own */
	default: return EVP_sha256();
	}
}

static bool mac(const struct key *k, enum key_alg a, struct slice text, void *out, size_t *n)
{
	unsigned int length = 0;

	if (HMAC(digest(a), k->secret, (int)k->secret_n, (const unsigned char *)text.p, text.n, out,
	         &length) == NULL)
		return false;
	*n = length;
	return true;
}

/* --- ES256: two numbers of 32 bytes in a token, ASN.1 in OpenSSL ------------------------------------------ */

static bool to_der(struct slice raw, unsigned char der[DER_MOST], size_t *n)
{
	const unsigned char *p = (const unsigned char *)raw.p;
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(p, P256_BYTES, NULL);
	BIGNUM *s = BN_bin2bn(p + P256_BYTES, P256_BYTES, NULL);
	int length = -1;

	if (sig == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
	} else {
		length = i2d_ECDSA_SIG(sig, NULL);
	}
	if (length > 0 && length <= DER_MOST)
		length = i2d_ECDSA_SIG(sig, &der);
	ECDSA_SIG_free(sig);
	*n = length > 0 ? (size_t)length : 0;
	return length > 0 && length <= DER_MOST;
}

static bool from_der(const unsigned char *der, size_t n, unsigned char *out)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
	bool ok = sig != NULL &&
		BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, P256_BYTES) == P256_BYTES &&
		BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + P256_BYTES, P256_BYTES) == P256_BYTES;

	ECDSA_SIG_free(sig);
	return ok;
}

/* --- both ----------------------------------------------------------------------------------------------- */

static bool verify_public(const struct key *k, enum key_alg a, struct slice text,
                          struct slice signature)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = c != NULL && EVP_DigestVerifyInit(c, NULL, digest(a), NULL, k->pkey) == 1 &&
		EVP_DigestVerify(c, (const unsigned char *)signature.p, signature.n,
	                         (const unsigned char *)text.p, text.n) == 1;

	EVP_MD_CTX_free(c);
	ERR_clear_error();
	return ok;
}

bool key_verify(const struct key *k, enum key_alg a, struct slice text, struct slice signature)
{
	unsigned char out[EVP_MAX_MD_SIZE], der[DER_MOST];
	size_t n = 0;

	if (!key_fits(k, a))
		return false;
	if (k->pkey == NULL)
		return mac(k, a, text, out, &n) && n == signature.n &&
			CRYPTO_memcmp(out, signature.p, n) == 0;
	if (a == KEY_ES256) {
		if (signature.n != ES256_BYTES || !to_der(signature, der, &n))
			return false;
		signature = (struct slice){ (const char *)der, n };
	}
	return verify_public(k, a, text, signature);
}

static bool sign_private(const struct key *k, enum key_alg a, struct slice text, unsigned char *out,
                         size_t *n)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok;

	*n = KEY_SIGNATURE_MAX;
	ok = c != NULL && EVP_DigestSignInit(c, NULL, digest(a), NULL, k->pkey) == 1 &&
		EVP_DigestSign(c, out, n, (const unsigned char *)text.p, text.n) == 1;
	EVP_MD_CTX_free(c);
	ERR_clear_error();
	return ok;
}

bool key_sign(const struct key *k, enum key_alg a, struct slice text, void *out, size_t *n)
{
	unsigned char der[KEY_SIGNATURE_MAX];

	if (!key_fits(k, a))
		return false;
	if (k->pkey == NULL)
		return mac(k, a, text, out, n);
	if (a != KEY_ES256)
		return sign_private(k, a, text, out, n);
	if (!sign_private(k, a, text, der, n) || !from_der(der, *n, out))
		return false;
	*n = ES256_BYTES;
	return true;
}
