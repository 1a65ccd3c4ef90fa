/*
 * Any bytes as a token, and as the claims of one that is signed.
 */
#include "broker-common/base64url.h"
#include "broker-common/json.h"
#include "gateway/core/grants.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_slice_of(struct slice s, const char *p, size_t n)
{
	return s.p >= p && s.p + s.n <= p + n;
}

static void check_head(const struct token *t, struct slice text)
{
	assert(t->alg < KEY_ALGS);
	assert(text.n <= TOKEN_MAX && t->text_n <= sizeof t->text);
	assert(is_slice_of(t->signed_part, text.p, text.n));
	assert(is_slice_of(t->payload, t->signed_part.p, t->signed_part.n));
	assert(t->signature.n > 0);
	assert(t->key_id.p == NULL || (t->key_id.n > 0 && t->key_id.n <= KEY_ID_MAX));
}

/* A rule allows what its pattern matches, and no more than the rules say. */
static void check_grants(const struct token *t)
{
	struct grants *g = grants_new(t);

	assert(g != NULL);
	for (uint32_t i = 0; i < t->n_rules; i++) {
		const struct token_rule *r = &t->rules[i];
		struct topic topic = { r->kind, r->pattern, r->pattern };

		assert(r->kind == TOPIC_ALL ? r->pattern.n == 0 : token_pattern_ok(r->pattern));
		for (enum grant what = 0; what < GRANTS; what++) {
			bool allowed = false;

			for (uint32_t j = 0; j < t->n_rules; j++)
				allowed |= t->rules[j].kind == topic.kind &&
					(t->rules[j].can & GRANT_BIT(what)) != 0 &&
					topic_match(t->rules[j].pattern, topic.name);
			assert(grants_allow(g, what, &topic) == allowed);
		}
		if (i == 8)
			break; /* each with each takes its time */
	}
	grants_free(g);
}

static void check_claims(const struct token *t)
{
	assert(t->n_rules <= TOKEN_RULES_MAX);
	assert(t->user.p == NULL || topic_name_ok(t->user));
	assert(t->id.n <= TOKEN_ID_MAX && t->info.n <= TOKEN_INFO_MAX);
	assert(t->max_rate <= TOKEN_RATE_MAX);
	if (t->info.p != NULL)
		assert(json_check(t->info, &json_default_limits, NULL) != JSON_INVALID);
	(void)token_is_for(t, "roomcast");
	check_grants(t);
}

static void read_token(struct slice text)
{
	static struct token t;
	const char *why = NULL;

	if (!token_open(&t, text, &why)) {
		assert(why != NULL);
		return;
	}
	check_head(&t, text);
	if (token_claims(&t, &why))
		check_claims(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *exact = malloc(size + 1); /* so that a byte too far is seen */
	struct buf b;

	assert(exact != NULL);
	if (size > 0)
		memcpy(exact, data, size);
	exact = realloc(exact, size > 0 ? size : 1);
	read_token((struct slice){ exact, size });
	buf_init(&b);
	buf_str(&b, "eyJhbGciOiJIUzI1NiJ9.");
	base64url_encode(exact, size, &b);
	buf_str(&b, ".AAAA");
	read_token(buf_view(&b));
	buf_fini(&b);
	free(exact);
	return 0;
}
