/*
 * Tokens: JWT (RFC 7519) as signed, compact JWS (RFC 7515), read strictly.
 *
 * Three steps, in this order: token_open() takes the text apart, the caller has the signature
 * verified by a key, token_claims() then reads what was signed. Nothing of the claims is
 * looked at before. Which algorithm counts is the key's to say (jwks.h), never the token's alone.
 */
#ifndef ROOMCAST_TOKEN_H
#define ROOMCAST_TOKEN_H

#include "broker-common/key.h"
#include "broker-common/topic.h"

#include <stdint.h>

#define TOKEN_MAX 8192      /* bytes of a token */
#define TOKEN_RULES_MAX 256 /* topics that one token names */
#define TOKEN_ID_MAX 200    /* bytes of `jti` */
#define TOKEN_INFO_MAX 1024 /* bytes of raw `info` */
#define TOKEN_RATE_MAX 100000000

/* What may be done with a topic. */
enum grant { GRANT_JOIN, GRANT_PUBLISH, GRANT_PRESENCE, GRANT_HISTORY, GRANTS };
#define GRANT_BIT(g) (1u << (g))

/* One line of `topics`, `rooms` or `events`. */
struct token_rule {
	enum topic_kind kind;
	struct slice pattern; /* of the name, with `*` for any run of bytes; empty for `all` */
	uint32_t can;         /* GRANT_BIT()s */
};

/* Slices point into `text` and the token that was given. What was not there is NULL, or what is said. */
struct token {
	/* from token_open() */
	enum key_alg alg;
	struct slice key_id;      /* `kid` */
	struct slice signed_part; /* what was signed */
	struct slice signature;
	struct slice payload; /* the claims, in base64url */

	/* from token_claims() */
	struct slice user;     /* `sub` */
	struct slice issuer;   /* `iss` */
	struct slice id;       /* `jti` */
	struct slice info;     /* raw JSON */
	struct slice audience; /* `aud`: raw JSON, a string or a list of strings */
	int64_t expires_ms;    /* `exp`, since 1970; INT64_MAX */
	int64_t not_before_ms; /* `nbf`; INT64_MIN */
	uint64_t max_rate;     /* frames a second; 0 */
	struct token_rule rules[TOKEN_RULES_MAX];
	uint32_t n_rules;

	char text[TOKEN_MAX]; /* decoded parts */
	size_t text_n;
};

/* Both: false with a `*why` for a person (static, tells nothing of the token's content). `text` must
 * stay as long as `t` is used. */
bool token_open(struct token *t, struct slice text, const char **why) must_check;
bool token_claims(struct token *t, const char **why) must_check;

/* Whether `aud` names it. */
bool token_is_for(const struct token *t, const char *audience);

/* Split "room:a.*" or "all"; false when it is no pattern of topics. */
bool token_pattern(struct slice text, struct token_rule *out);

/* 1 to 200 bytes that a name may have, and `*`. */
bool token_pattern_ok(struct slice pattern);

/* "join" and so on; GRANTS: it is none of them. */
enum grant grant_of(struct slice word);
const char *grant_word(enum grant g);

#endif
