/* Keys and sets of keys; the examples of RFC 7515 and RFC 8037 are the ground. */
#include "broker-common/jwks.h"
#include "broker-common/token.h"
#include "tests/support/tokens.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#define CLAIMS                                                                                       \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cn" \
	"VlfQ"
#define HS256                                                                                      \
	"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." CLAIMS                                         \
	".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define RS256                                                                                        \
	"eyJhbGciOiJSUzI1NiJ9." CLAIMS                                                               \
	".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2" \
	"Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQ" \
	"BMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6Ie" \
	"YI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
#define ES256                                                                                      \
	"eyJhbGciOiJFUzI1NiJ9." CLAIMS                                                             \
	".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
#define EDDSA                                                                                      \
	"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"                                 \
	".hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

#define OCT                                                                                          \
	"{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iP" \
	"S4hcgUuTwjAzZr1Z9CAow\"}"
#define RSA                                                                                          \
	"{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8" \
	"W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2j" \
	"Z47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmt" \
	"dVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2" \
	"PAcDTW9gb54h4FRWyuXpoQ\"}"
#define EC_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define EC_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define EC "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}"
#define OKP                                                                                        \
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"

static struct keyring ring;
static const char *why;

static bool read_set(const char *keys, bool secrets)
{
	char *text = NULL;
	bool ok;

	keyring_fini(&ring);
	assert_true(asprintf(&text, "{\"keys\":[%s]}", keys) > 0);
	ok = jwks_read(&ring, slice_of(text), secrets, &why);
	free(text);
	return ok;
}

static enum keyring_verdict verdict(const char *text)
{
	static struct token t;

	assert_true(token_open(&t, slice_of(text), &why));
	return keyring_verify(&ring, t.alg, t.key_id, t.signed_part, t.signature);
}

static void the_examples_of_the_standards_are_right(void **state)
{
	static const char *const tokens[] = { HS256, RS256, ES256, EDDSA };
	static const char *const keys[] = { OCT, RSA, EC, OKP };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_true(read_set(keys[i], true));
		for (size_t j = 0; j < 4; j++)
			assert_int_equal(verdict(tokens[j]),
			                 i == j ? KEYRING_RIGHT : KEYRING_UNKNOWN);
	}
	assert_true(read_set(OCT "," RSA "," EC "," OKP, true));
	assert_int_equal(ring.n, 4);
	for (size_t j = 0; j < 4; j++)
		assert_int_equal(verdict(tokens[j]), KEYRING_RIGHT);
}

/* Each character of a token counts: of the signature too, its last bits included. */
static void a_token_with_one_character_changed_is_not_right(void **state)
{
	static const char *const tokens[] = { HS256, RS256, ES256, EDDSA };
	static struct token t;

	(void)state;
	assert_true(read_set(OCT "," RSA "," EC "," OKP, true));
	for (size_t i = 0; i < 4; i++) {
		size_t n = strlen(tokens[i]);
		char *text = strdup(tokens[i]);

		for (size_t at = 0; at < n; at += i == 1 ? 7 : 1) {
			char was = text[at];

			text[at] = was == 'A' ? 'B' : 'A';
			if (token_open(&t, (struct slice){ text, n }, &why))
				assert_int_not_equal(keyring_verify(&ring, t.alg, t.key_id,
				                                    t.signed_part, t.signature),
				                     KEYRING_RIGHT);
			text[at] = was;
		}
		assert_int_equal(verdict(text), KEYRING_RIGHT);
		free(text);
	}
}

/* The oldest trick: sign with HMAC, and take the public key's text for the secret. */
static void a_public_key_is_never_taken_for_a_secret(void **state)
{
	static const char *const publics[] = { RSA, EC, OKP };
	struct key *forger = key_from_secret(slice_of(SECRET), &why);
	struct slice no_name = { NULL, 0 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_true(read_set(publics[i], true));
		for (enum key_alg a = KEY_HS256; a <= KEY_HS512; a++) {
			assert_false(key_fits(ring.keys[0], a));
			assert_false(key_verify(ring.keys[0], a, slice_of("x"), slice_of("y")));
			assert_int_equal(
				keyring_verify(&ring, a, no_name, slice_of("x"), slice_of("y")),
				KEYRING_UNKNOWN);
		}
	}
	assert_false(key_fits(forger, KEY_RS256) || key_fits(forger, KEY_ES256) ||
	             key_fits(forger, KEY_EDDSA));
	key_free(forger);
	assert_null(
		key_from_secret(slice_of("-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0C\n"), &why));
}

static void a_fetched_set_has_no_secrets(void **state)
{
	(void)state;
	assert_false(read_set(OCT, false));
	assert_true(read_set(OCT "," EC, false));
	assert_int_equal(ring.n, 1);
	assert_int_equal(verdict(HS256), KEYRING_UNKNOWN);
	assert_int_equal(verdict(ES256), KEYRING_RIGHT);
}

static void what_is_not_known_is_passed_over(void **state)
{
	static const char *const strangers[] = {
		"{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AA\",\"y\":\"AA\"}",
		"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\"}",
		"{\"kty\":\"new\"}",
		"{}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"enc\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y
		"\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"key_ops\":[\"sign\"],\"x\":\"" EC_X
		"\",\"y\":\"" EC_Y "\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES256K\",\"x\":\"" EC_X
		"\",\"y\":\"" EC_Y "\"}",
	};
	char text[2048];

	(void)state;
	for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
		assert_false(read_set(strangers[i], true));
		snprintf(text, sizeof text, "%s," OKP, strangers[i]);
		assert_true(read_set(text, true));
		assert_int_equal(ring.n, 1);
	}
	assert_true(read_set("{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"alg\":\"ES256\","
	                     "\"key_ops\":[\"sign\",\"verify\"],\"x\":\"" EC_X "\",\"y\":\"" EC_Y
	                     "\"}",
	                     true));
}

static void what_is_broken_is_refused(void **state)
{
	static const char *const broken[] = {
		"{\"kty\":\"RSA\",\"e\":\"AQAB\"}",
		"{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRl\"}", /* too short */
		"{\"kty\":\"RSA\",\"e\":\"AQ\",\"n\":\"ofgWCuLjybRl\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_X
		"\"}", /* no point */
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"AA\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":1,\"y\":2}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"}",
		"{\"kty\":\"oct\",\"k\":\"c2hvcnQ\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"HS256\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		"{\"kty\":\"oct\",\"kty\":\"OKP\",\"k\":\"c2hvcnQ\"}",
		"{\"kid\":\"\",\"kty\":\"oct\",\"k\":\"c2hvcnQ\"}",
		"{\"kid\":1,\"kty\":\"oct\",\"k\":\"c2hvcnQ\"}",
		"17",
	};
	char text[2048];

	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		snprintf(text, sizeof text, OKP ",%s", broken[i]);
		if (read_set(text, true))
			fail_msg("taken: %s", broken[i]);
		assert_int_equal(ring.n, 0); /* nothing of it stays */
		assert_non_null(why);
	}
	assert_false(jwks_read(&ring, slice_of("{\"keys\":{}}"), true, &why));
	assert_false(jwks_read(&ring, slice_of("{}"), true, &why));
	assert_false(jwks_read(&ring, slice_of("[]"), true, &why));
	assert_false(jwks_read(&ring, slice_of("{\"keys\":[]}"), true, &why));
	assert_false(jwks_read(&ring, slice_of("{\"keys\":[]} x"), true, &why));
	assert_false(jwks_read(&ring, slice_of(""), true, &why));
}

static void a_ring_has_an_end(void **state)
{
	char text[40 * sizeof OKP] = OKP;

	(void)state;
	for (int i = 1; i < KEYRING_MAX; i++)
		strcat(text, "," OKP);
	assert_true(read_set(text, true));
	assert_int_equal(ring.n, KEYRING_MAX);
	strcat(text, "," OKP);
	assert_false(read_set(text, true));
	assert_int_equal(ring.n, 0);
}

/* --- names: several keys at once ------------------------------------------------------------------------ */

static enum keyring_verdict verdict_of(const char *kid, const struct key *k)
{
	char head[128];
	struct buf b;
	enum keyring_verdict v;

	snprintf(head, sizeof head, "{\"alg\":\"HS256\"%s%s%s}", kid == NULL ? "" : ",\"kid\":\"",
	         kid == NULL ? "" : kid, kid == NULL ? "" : "\"");
	token_write(&b, head, "{}", k, KEY_HS256);
	buf_char(&b, '\0');
	v = verdict(b.p);
	buf_fini(&b);
	return v;
}

static void a_key_is_asked_for_by_its_name(void **state)
{
	struct key *old = key_from_secret(slice_of("the old secret: 32 bytes or more"), &why);
	struct key *young = key_from_secret(slice_of("the young secret: 32 bytes, more"), &why);
	struct key *stranger = key_from_secret(slice_of(SECRET), &why);

	(void)state;
	keyring_fini(&ring);
	assert_true(key_name(old, slice_of("old")) && key_name(young, slice_of("young")));
	assert_true(keyring_add(&ring, old, &why) && keyring_add(&ring, young, &why));
	assert_int_equal(verdict_of("old", old), KEYRING_RIGHT);
	assert_int_equal(verdict_of("young", young), KEYRING_RIGHT);
	assert_int_equal(verdict_of(NULL, old), KEYRING_RIGHT);
	assert_int_equal(verdict_of(NULL, young), KEYRING_RIGHT);
	assert_int_equal(verdict_of("old", young), KEYRING_WRONG);
	assert_int_equal(verdict_of("ol", old), KEYRING_UNKNOWN);
	assert_int_equal(verdict_of("older", old), KEYRING_UNKNOWN);
	assert_int_equal(verdict_of(NULL, stranger), KEYRING_WRONG);
	/* A key without a name may be the one that is meant. */
	assert_true(keyring_add(&ring, stranger, &why));
	assert_int_equal(verdict_of("any", stranger), KEYRING_RIGHT);
	assert_int_equal(verdict_of("old", stranger), KEYRING_RIGHT);
	assert_int_equal(verdict_of("any", old), KEYRING_WRONG);
}

/* --- files ------------------------------------------------------------------------------------------------- */

static char *pem_of(EVP_PKEY *p, bool private)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *text, *copy;
	long n;

	if (private)
		PEM_write_bio_PrivateKey(b, p, NULL, NULL, 0, NULL, NULL);
	else
		PEM_write_bio_PUBKEY(b, p);
	n = BIO_get_mem_data(b, &text);
	copy = malloc((size_t)n + 1); /* not strndup(): it is not terminated, which ASan minds */
	if (copy != NULL) {
		memcpy(copy, text, (size_t)n);
		copy[n] = '\0';
	}
	BIO_free(b);
	EVP_PKEY_free(p);
	return copy;
}

static struct key *key_of(const char *pem, bool private)
{
	struct slice s = slice_of(pem);

	return key_from_pem(&s, private, &why);
}

static void signs_and_verifies(EVP_PKEY *pair, enum key_alg a)
{
	char *private, *public;
	unsigned char signature[KEY_SIGNATURE_MAX];
	struct key *signer, *reader;
	size_t n;

	EVP_PKEY_up_ref(pair);
	private = pem_of(pair, true);
	public = pem_of(pair, false);
	signer = key_of(private, true);
	reader = key_of(public, false);
	assert_non_null(signer);
	assert_non_null(reader);
	assert_int_equal(key_default_alg(reader), a);
	for (int i = 0; i < 50; i++) { /* numbers of ES256 with leading zeros among them */
		char text[32];

		snprintf(text, sizeof text, "text %d", i);
		assert_true(key_sign(signer, a, slice_of(text), signature, &n));
		assert_true(key_verify(reader, a, slice_of(text),
		                       (struct slice){ (char *)signature, n }));
		assert_false(key_verify(reader, a, slice_of("other"),
		                        (struct slice){ (char *)signature, n }));
		assert_false(key_verify(reader, a, slice_of(text),
		                        (struct slice){ (char *)signature, n - 1 }));
		if (a == KEY_RS256 && i == 2)
			break; /* slow */
	}
	assert_null(key_of(private, false)); /* a gateway does not want it */
	assert_null(key_of(public, true));
	key_free(signer);
	key_free(reader);
	free(private);
	free(public);
}

static void keys_of_each_kind_sign_and_verify(void **state)
{
	(void)state;
	signs_and_verifies(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048), KEY_RS256);
	signs_and_verifies(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), KEY_ES256);
	signs_and_verifies(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), KEY_EDDSA);
}

static void weak_and_strange_keys_are_refused(void **state)
{
	char *weak = pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024), false);
	char *other = pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"), false);
	char *ed448 = pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), false);

	(void)state;
	assert_null(key_of(weak, false));
	assert_string_equal(why, "an RSA key must have 2048 to 8192 bits");
	assert_null(key_of(other, false));
	assert_null(key_of(ed448, false));
	assert_null(key_of("", false));
	assert_null(key_of("-----BEGIN PUBLIC KEY-----\n", false));
	assert_null(key_of("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", false));
	free(weak);
	free(other);
	free(ed448);
}

static void a_line_end_is_not_part_of_a_secret(void **state)
{
	static const char *const same[] = { SECRET, SECRET "\n", SECRET "\r\n" };
	static const char *const others[] = { SECRET "\n\n", SECRET " ", " " SECRET };
	unsigned char signature[KEY_SIGNATURE_MAX];
	struct key *k = key_from_secret(slice_of(SECRET), &why), *b;
	size_t n;

	(void)state;
	assert_true(key_sign(k, KEY_HS512, slice_of("x"), signature, &n));
	assert_int_equal(n, 64);
	for (size_t i = 0; i < 6; i++) {
		b = key_from_secret(slice_of(i < 3 ? same[i] : others[i - 3]), &why);
		assert_non_null(b);
		assert_int_equal(key_verify(b, KEY_HS512, slice_of("x"),
		                            (struct slice){ (char *)signature, n }),
		                 i < 3);
		key_free(b);
	}
	key_free(k);
	assert_null(key_from_secret(slice_of("31 bytes are not enough, alas!!\n"), &why));
	assert_null(key_from_secret(slice_of(""), &why));
}

static int forget(void **state)
{
	(void)state;
	keyring_fini(&ring);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_examples_of_the_standards_are_right, forget),
		cmocka_unit_test_teardown(a_token_with_one_character_changed_is_not_right, forget),
		cmocka_unit_test_teardown(a_public_key_is_never_taken_for_a_secret, forget),
		cmocka_unit_test_teardown(a_fetched_set_has_no_secrets, forget),
		cmocka_unit_test_teardown(what_is_not_known_is_passed_over, forget),
		cmocka_unit_test_teardown(what_is_broken_is_refused, forget),
		cmocka_unit_test_teardown(a_ring_has_an_end, forget),
		cmocka_unit_test_teardown(a_key_is_asked_for_by_its_name, forget),
		cmocka_unit_test(keys_of_each_kind_sign_and_verify),
		cmocka_unit_test(weak_and_strange_keys_are_refused),
		cmocka_unit_test(a_line_end_is_not_part_of_a_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
