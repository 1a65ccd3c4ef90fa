/*
 * Keys that sign and verify tokens (RFC 7518), on OpenSSL.
 *
 * A key is of one kind, and the kind says which algorithms it may be used with: a public key is
 * never taken for a shared secret. What is too weak is refused when it is read.
 */
#ifndef ROOMCAST_KEY_H
#define ROOMCAST_KEY_H

#include "broker-common/err.h"
#include "broker-common/slice.h"

#define KEY_SECRET_MIN 32      /* bytes of a shared secret: RFC 7518 section 3.2 */
#define KEY_SECRET_MAX 4096    /* bytes */
#define KEY_ID_MAX 200         /* bytes of `kid` */
#define KEY_SIGNATURE_MAX 1024 /* bytes: RSA with 8192 bits */

enum key_alg { KEY_HS256, KEY_HS384, KEY_HS512, KEY_RS256, KEY_ES256, KEY_EDDSA, KEY_ALGS };

/* "HS256" and so on, as `alg` has it; KEY_ALGS: it is none of them (`none` is none). */
enum key_alg key_alg_of(struct slice name);
const char *key_alg_name(enum key_alg a);

struct key;

/* Each returns NULL with a `*why` for a person (static): it cannot be read, or is too weak. */

/* A shared secret as a file has it: one line end at its end is not part of it. */
struct key *key_from_secret(struct slice file, const char **why);

/* The same, every byte of it. */
struct key *key_from_secret_bytes(struct slice secret, const char **why);

/* The first PEM block at `*pem`, which moves behind it: RSA (2048 bits and more), EC P-256 or Ed25519. With
 * `private`, a private key that is not encrypted, else a public one. */
struct key *key_from_pem(struct slice *pem, bool private, const char **why);

/* The same from numbers, big-endian. */
struct key *key_from_rsa(struct slice n, struct slice e, const char **why);
struct key *key_from_p256(struct slice x, struct slice y, const char **why);
struct key *key_from_ed25519(struct slice x, const char **why);
void key_free(struct key *k); /* what was secret is wiped */

/* The name by which tokens ask for it; NULL: none. False: too long, or no memory. */
bool key_name(struct key *k, struct slice id) must_check;
struct slice key_id(const struct key *k);

/* Use it for this algorithm only; false when it does not fit. */
bool key_narrow(struct key *k, enum key_alg a) must_check;
bool key_fits(const struct key *k, enum key_alg a);

/* What it is for when nobody says: HS256, or the only one that fits. */
enum key_alg key_default_alg(const struct key *k);

/* Whether `signature` is one of `text`. The key must fit. */
bool key_verify(const struct key *k, enum key_alg a, struct slice text, struct slice signature);

/* Sign with a secret or private key: `*n` bytes in `out` (KEY_SIGNATURE_MAX). */
bool key_sign(const struct key *k, enum key_alg a, struct slice text, void *out, size_t *n);

#endif
