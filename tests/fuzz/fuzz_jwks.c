/*
 * Any bytes as a set of keys, as a PEM file and as a shared secret.
 */
#include "broker-common/jwks.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was taken can be used, and does not take a signature of nothing. */
static void use(const struct key *k)
{
	struct slice nothing = { "", 0 }, text = slice_of("text");

	assert(key_fits(k, key_default_alg(k)));
	for (enum key_alg a = 0; a < KEY_ALGS; a++) {
		assert(!key_verify(k, a, text, nothing));
		assert(!key_verify(k, a, text, text));
	}
}

static void read_set(struct slice text, bool secrets)
{
	struct keyring r = { .n = 0 };
	const char *why = NULL;

	if (jwks_read(&r, text, secrets, &why)) {
		assert(r.n > 0 && r.n <= KEYRING_MAX);
		for (uint32_t i = 0; i < r.n; i++) {
			use(r.keys[i]);
			assert(secrets || !key_fits(r.keys[i], KEY_HS256));
		}
	} else {
		assert(r.n == 0 && why != NULL);
	}
	keyring_fini(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *exact = malloc(size + 1); /* so that a byte too far is seen */
	struct slice text, rest;
	const char *why;
	struct key *k;

	assert(exact != NULL);
	if (size > 0)
		memcpy(exact, data, size);
	exact = realloc(exact, size > 0 ? size : 1);
	text = rest = (struct slice){ exact, size };
	read_set(text, true);
	read_set(text, false);
	k = key_from_pem(&rest, false, &why);
	assert(rest.p >= text.p && rest.n <= text.n);
	if (k != NULL)
		use(k);
	key_free(k);
	k = key_from_secret(text, &why);
	if (k != NULL)
		use(k);
	key_free(k);
	free(exact);
	return 0;
}
