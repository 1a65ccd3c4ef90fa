/*
 * Tokens for tests: any header and claims, signed with a shared secret, however wrong they are.
 */
#ifndef ROOMCAST_TEST_TOKENS_H
#define ROOMCAST_TEST_TOKENS_H

#include "broker-common/base64url.h"
#include "broker-common/key.h"
#include "tests/support/test.h"

#define SECRET "a secret of the tests, 32 bytes!"

/* HEAD.CLAIMS.SIGNATURE in `out`, which is initialized here. `k` NULL: an empty signature. */
static inline struct slice token_write(struct buf *out, const char *head, const char *claims,
                                       const struct key *k, enum key_alg a)
{
	unsigned char signature[KEY_SIGNATURE_MAX];
	size_t n;

	buf_init(out);
	base64url_encode(head, strlen(head), out);
	buf_char(out, '.');
	base64url_encode(claims, strlen(claims), out);
	if (k != NULL) {
		assert_true(key_sign(k, a, buf_view(out), signature, &n));
		buf_char(out, '.');
		base64url_encode(signature, n, out);
	} else {
		buf_char(out, '.');
	}
	return buf_view(out);
}

#endif
