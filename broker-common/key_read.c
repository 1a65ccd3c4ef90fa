/*
 * Public and private keys, from PEM or from their numbers.
 */
#include "broker-common/key_inside.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdlib.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX (KEY_SIGNATURE_MAX * 8)

static bool is_p256(const EVP_PKEY *p)
{
	char group[32];
	size_t n = 0;

	return EVP_PKEY_get_group_name(p, group, sizeof group, &n) == 1 &&
		strcmp(group, "prime256v1") == 0;
}

/* Which algorithms it is for; 0 with a `*why`. */
static uint32_t algs_of(const EVP_PKEY *p, const char **why)
{
	switch (EVP_PKEY_get_base_id(p)) {
	case EVP_PKEY_RSA:
		if (EVP_PKEY_get_bits(p) >= RSA_BITS_MIN && EVP_PKEY_get_bits(p) <= RSA_BITS_MAX)
			return 1u << KEY_RS256;
		*why = "an RSA key must have 2048 to 8192 bits";
		return 0;
	case EVP_PKEY_EC:
		if (is_p256(p))
			return 1u << KEY_ES256;
		*why = "of EC keys only those on P-256 are known (ES256)";
		return 0;
	case EVP_PKEY_ED25519: return 1u << KEY_EDDSA;
	default: break;
	}
	*why = "not an RSA, EC P-256 or Ed25519 key";
	return 0;
}

/* Takes `p` over, also when it fails. */
static struct key *wrap(EVP_PKEY *p, const char *broken, const char **why)
{
	struct key *k = NULL;
	uint32_t algs = 0;

	*why = broken;
	if (p != NULL)
		algs = algs_of(p, why);
	if (algs != 0) {
		*why = "out of memory";
		k = calloc(1, sizeof *k);
	}
	if (k == NULL) {
		EVP_PKEY_free(p);
	} else {
		k->pkey = p;
		k->algs = algs;
	}
	ERR_clear_error();
	return k;
}

/* --- PEM --------------------------------------------------------------------------------------------- */

/* A key with a pass phrase is no use to a server: nobody is there to be asked. */
static int no_phrase(char *out, int room, int writing, void *ctx)
{
	(void)out, (void)room, (void)writing, (void)ctx;
	return -1;
}

static bool holds(struct slice text, const char *words)
{
	return memmem(text.p, text.n, words, strlen(words)) != NULL;
}

/* The bytes up to the end of the first block: what stands behind it stays for the next call. */
static struct slice first_block(struct slice *pem)
{
	static const char end[] = "-----END ";
	struct slice block = *pem;
	const char *p = memmem(pem->p, pem->n, end, sizeof end - 1);

	if (p != NULL)
		p = memchr(p, '\n', (size_t)(pem->p + pem->n - p));
	if (p != NULL)
		block.n = (size_t)(p + 1 - pem->p);
	*pem = (struct slice){ pem->p + block.n, pem->n - block.n };
	return block;
}

struct key *key_from_pem(struct slice *pem, bool private, const char **why)
{
	struct slice block = first_block(pem);
	BIO *b;
	EVP_PKEY *p = NULL;

	if (!private && holds(block, "PRIVATE KEY-----")) {
		*why = "a private key; only the public one belongs here (openssl pkey -pubout)";
		return NULL;
	}
	if (block.n > INT_MAX) {
		*why = "too large for a key";
		return NULL;
	}
	b = BIO_new_mem_buf(block.p, (int)block.n);
	if (b != NULL && private)
		p = PEM_read_bio_PrivateKey(b, NULL, no_phrase, NULL);
	else if (b != NULL)
		p = PEM_read_bio_PUBKEY(b, NULL, no_phrase, NULL);
	BIO_free(b);
	return wrap(p,
	            private ? "no private key without a pass phrase (PEM) in it"
	                    : "no public key (PEM, BEGIN PUBLIC KEY) in it",
	            why);
}

/* --- numbers ------------------------------------------------------------------------------------------ */

/* Frees what it is given. A point that is not on its curve is refused here. */
static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *builder)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *p = NULL;

	if (params == NULL || c == NULL || EVP_PKEY_fromdata_init(c) != 1 ||
	    EVP_PKEY_fromdata(c, &p, EVP_PKEY_PUBLIC_KEY, params) != 1)
		p = NULL;
	EVP_PKEY_CTX_free(c);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	return p;
}

static BIGNUM *number(struct slice s)
{
	return BN_bin2bn((const unsigned char *)s.p, (int)s.n, NULL);
}

struct key *key_from_rsa(struct slice n, struct slice e, const char **why)
{
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	BIGNUM *modulus = NULL, *exponent = NULL;
	EVP_PKEY *p = NULL;

	/* Even what is only looked at must not take long: larger ones are refused anyway. */
	if (n.n <= RSA_BITS_MAX / 8 && e.n <= 8) {
		modulus = number(n);
		exponent = number(e);
	}
	if (b != NULL && modulus != NULL && exponent != NULL &&
	    BN_num_bits(modulus) >= RSA_BITS_MIN && BN_is_odd(exponent) && !BN_is_one(exponent) &&
	    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
	    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
		p = from_params("RSA", b);
	else
		OSSL_PARAM_BLD_free(b);
	BN_free(modulus);
	BN_free(exponent);
	return wrap(p, "not an RSA key of 2048 to 8192 bits", why);
}

struct key *key_from_p256(struct slice x, struct slice y, const char **why)
{
	unsigned char point[65] = { 4 }; /* not compressed */
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	EVP_PKEY *p = NULL;

	if (b != NULL && x.n == 32 && y.n == 32) {
		memcpy(point + 1, x.p, 32);
		memcpy(point + 33, y.p, 32);
	}
	if (b != NULL && x.n == 32 && y.n == 32 &&
	    OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) == 1)
		p = from_params("EC", b);
	else
		OSSL_PARAM_BLD_free(b);
	return wrap(p, "not a point on P-256", why);
}

struct key *key_from_ed25519(struct slice x, const char **why)
{
	EVP_PKEY *p = NULL;

	if (x.n == 32)
		p = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)x.p,
		                                x.n);
	return wrap(p, "not an Ed25519 key", why);
}
