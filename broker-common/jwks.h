/*
 * Keyrings: the keys that a token may be signed with, and JWKS (RFC 7517) as a way to give them.
 */
#ifndef ROOMCAST_JWKS_H
#define ROOMCAST_JWKS_H

#include "broker-common/key.h"

#include <stdint.h>

#define KEYRING_MAX 32        /* keys */
#define JWKS_MAX (256u << 10) /* bytes of a set */

struct keyring {
	struct key *keys[KEYRING_MAX];
	uint32_t n;
};

void keyring_fini(struct keyring *r);

/* Takes `k` over, also when it is refused: the ring is full. */
bool keyring_add(struct keyring *r, struct key *k, const char **why) must_check;

/* Add the keys of a set. What is of a kind, a curve, a use or an algorithm that we do not know is passed
 * over; what is broken is refused, and so is a set of which nothing is left. Shared secrets (kty `oct`) are
 * taken only with `secrets`: a set that everybody may fetch has none. False with a `*why`. */
bool jwks_read(struct keyring *r, struct slice text, bool secrets, const char **why) must_check;

enum keyring_verdict {
	KEYRING_RIGHT,   /* one of the keys has signed it */
	KEYRING_WRONG,   /* none of those that may have */
	KEYRING_UNKNOWN, /* there is no key of that name and kind */
};

/* Whether `signature` of `text` is one by a key of that name (`id` NULL: any). A key without name may be
 * the one that is meant by any. */
enum keyring_verdict keyring_verify(const struct keyring *r, enum key_alg a, struct slice id,
                                    struct slice text, struct slice signature);

#endif
