/*
 * Tokens for trying out: made from options, and taken apart for a person.
 */
#ifndef ROOMCAST_CTL_TOKEN_H
#define ROOMCAST_CTL_TOKEN_H

#include "broker-common/buf.h"
#include "broker-common/key.h"

struct token_given {
	const char *secret_file, *key_file, *jwks_file;
	const char *alg, *kid, *user, *rooms, *events, *topics, *claims;
	uint64_t expires_ms;
};

/* A token as the options say, signed; `now` in seconds since 1970. What a gateway would not take is not made: false,
 * it has been said why. */
bool token_mint(const struct token_given *g, const struct key *k, int64_t now, struct buf *out);

/* Head and claims of a token that token_open() has taken, as lines of JSON. */
void token_parts(struct slice text, struct buf *out);

#endif
