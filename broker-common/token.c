#include "broker-common/token.h"

#include "broker-common/base64url.h"
#include "broker-common/json.h"
#include "broker-common/object.h"

#include <strings.h>

static const struct json_limits limits = { .depth = 32, .keys = 1024 };

/* Decode a part behind what `text` holds already. */
static bool decode_part(struct token *t, struct slice part, struct slice *out)
{
	size_t n;

	if (BASE64URL_BYTES(part.n) > sizeof t->text - t->text_n ||
	    !base64url_decode(part, t->text + t->text_n, &n))
		return false;
	*out = (struct slice){ t->text + t->text_n, n };
	t->text_n += n;
	return true;
}

/* --- the header ------------------------------------------------------------------------------------- */

enum { ALG, KID, TYP, CRIT, ENC, ZIP, HEAD };
static const char *const head_names[HEAD] = { "alg", "kid", "typ", "crit", "enc", "zip" };

/* "JWT", or "at+jwt" of RFC 9068; a token made for something else shall not open this door. */
static bool typ_ok(struct slice raw)
{
	struct slice typ;

	if (raw.p == NULL)
		return true;
	if (!object_text(raw, 1, 40, &typ))
		return false;
	return (typ.n == 3 && strncasecmp(typ.p, "JWT", 3) == 0) ||
		(typ.n == 6 && strncasecmp(typ.p, "at+jwt", 6) == 0);
}

static bool read_head(struct token *t, struct slice head, const char **why)
{
	struct slice m[HEAD], alg;
	const char *detail;

	*why = "its header is not JSON";
	if (json_check(head, &limits, &detail) == JSON_INVALID)
		return false;
	*why = "its header is not an object with each member once";
	if (!object_read(head, head_names, HEAD, m, &detail))
		return false;
	*why = "its alg is none of HS256, HS384, HS512, RS256, ES256, EdDSA";
	if (m[ALG].p == NULL || !object_text(m[ALG], 1, 16, &alg))
		return false;
	t->alg = key_alg_of(alg);
	if (t->alg == KEY_ALGS)
		return false;
	*why = "its kid is not a string of 1 to 200 bytes";
	if (m[KID].p != NULL && !object_text(m[KID], 1, KEY_ID_MAX, &t->key_id))
		return false;
	*why = "its typ is not JWT";
	if (!typ_ok(m[TYP]))
		return false;
	*why = "its header asks for what is not known here (crit, enc, zip)";
	return m[CRIT].p == NULL && m[ENC].p == NULL && m[ZIP].p == NULL;
}

bool token_open(struct token *t, struct slice text, const char **why)
{
	struct slice head, part = { NULL, 0 };
	const char *end = text.p + text.n, *dot, *second;

	t->text_n = 0;
	t->key_id = (struct slice){ NULL, 0 };
	*why = "it is longer than 8192 bytes";
	if (text.n > TOKEN_MAX)
		return false;
	*why = "it is not three parts in base64url";
	dot = text.n == 0 ? NULL : memchr(text.p, '.', text.n);
	second = dot == NULL ? NULL : memchr(dot + 1, '.', (size_t)(end - dot - 1));
	if (second == NULL)
		return false;
	t->signed_part = (struct slice){ text.p, (size_t)(second - text.p) };
	t->payload = (struct slice){ dot + 1, (size_t)(second - dot - 1) };
	part = (struct slice){ second + 1, (size_t)(end - second - 1) };
	if (part.n == 0 ||
	    !decode_part(t, (struct slice){ text.p, (size_t)(dot - text.p) }, &head) ||
	    !decode_part(t, part, &t->signature))
		return false;
	return read_head(t, head, why);
}

/* --- claims ------------------------------------------------------------------------------------------ */

enum { SUB, ISS, AUD, EXP, NBF, IAT, JTI, INFO, RATE, TOPICS, ROOMS, EVENTS, CLAIMS };
static const char *const claim_names[CLAIMS] = { "sub",      "iss",    "aud",   "exp",
	                                         "nbf",      "iat",    "jti",   "info",
	                                         "max_rate", "topics", "rooms", "events" };

/* Seconds since 1970 with or without a fraction (NumericDate); far away is as good as never. */
static bool read_time(struct slice raw, int64_t *ms)
{
	double s;

	if (raw.p == NULL)
		return true;
	if (!json_double(raw, &s))
		return false;
	if (s >= 1e14)
		*ms = INT64_MAX;
	else if (s <= -1e14)
		*ms = INT64_MIN;
	else
		*ms = (int64_t)(s * 1000);
	return true;
}

static bool audience_ok(struct slice raw)
{
	struct slice one;
	size_t at = 0;

	if (raw.p == NULL || json_type_of(raw) == JSON_STRING)
		return true;
	if (json_type_of(raw) != JSON_ARRAY)
		return false;
	while (json_next_element(raw, &at, &one))
		if (json_type_of(one) != JSON_STRING)
			return false;
	return true;
}

bool token_is_for(const struct token *t, const char *audience)
{
	struct slice one = t->audience;
	size_t at = 0;

	if (one.p == NULL)
		return false;
	if (json_type_of(one) == JSON_STRING)
		return json_text_is((struct slice){ one.p + 1, one.n - 2 }, audience);
	while (json_next_element(t->audience, &at, &one))
		if (json_text_is((struct slice){ one.p + 1, one.n - 2 }, audience))
			return true;
	return false;
}

static bool read_rate(struct slice raw, uint64_t *out)
{
	int64_t v;

	if (raw.p == NULL)
		return true;
	if (!json_int(raw, &v) || v < 1 || v > TOKEN_RATE_MAX)
		return false;
	*out = (uint64_t)v;
	return true;
}

/* Who it is for: identity and times. */
static bool read_identity(struct token *t, const struct slice *m, const char **why)
{
	*why = "its sub is no name of a user (1 to 200 of A-Z a-z 0-9 _ - = @ , . ; :)";
	if (m[SUB].p != NULL &&
	    (!object_text(m[SUB], 1, TOPIC_NAME_MAX, &t->user) || !topic_name_ok(t->user)))
		return false;
	*why = "its iss is not a string";
	if (m[ISS].p != NULL && !object_text(m[ISS], 0, TOKEN_MAX, &t->issuer))
		return false;
	*why = "its jti is not a string of 1 to 200 bytes";
	if (m[JTI].p != NULL && !object_text(m[JTI], 1, TOKEN_ID_MAX, &t->id))
		return false;
	*why = "its aud is neither a string nor a list of strings";
	if (!audience_ok(m[AUD]))
		return false;
	t->audience = m[AUD];
	*why = "its exp, nbf or iat is not a number";
	return read_time(m[EXP], &t->expires_ms) && read_time(m[NBF], &t->not_before_ms) &&
		read_time(m[IAT], &(int64_t){ 0 });
}

/* --- what it allows -------------------------------------------------------------------------------------- */

static const char *const grant_words[GRANTS] = { "join", "publish", "presence", "history" };

enum grant grant_of(struct slice word)
{
	enum grant g = 0;

	while (g < GRANTS && !slice_is(word, grant_words[g]))
		g++;
	return g;
}

const char *grant_word(enum grant g)
{
	return grant_words[g];
}

bool token_pattern_ok(struct slice pattern)
{
	if (pattern.n == 0 || pattern.n > TOPIC_NAME_MAX)
		return false;
	for (size_t i = 0; i < pattern.n; i++)
		if (pattern.p[i] != '*' && !topic_name_ok((struct slice){ pattern.p + i, 1 }))
			return false;
	return true;
}

bool token_pattern(struct slice text, struct token_rule *out)
{
	for (enum topic_kind k = 0; k < TOPIC_ALL; k++) {
		struct slice prefix = slice_of(topic_prefix(k));

		if (!slice_starts(text, prefix))
			continue;
		out->kind = k;
		out->pattern = (struct slice){ text.p + prefix.n, text.n - prefix.n };
		return token_pattern_ok(out->pattern);
	}
	out->kind = TOPIC_ALL;
	out->pattern = (struct slice){ "", 0 };
	return slice_is(text, topic_prefix(TOPIC_ALL));
}

static bool add_rule(struct token *t, const struct token_rule *r, const char **why)
{
	*why = "it names more than 256 topics";
	if (t->n_rules == TOKEN_RULES_MAX)
		return false;
	t->rules[t->n_rules++] = *r;
	return true;
}

/* Words that are not known grant nothing: a newer gateway may know them. */
static bool read_can(struct slice list, uint32_t *can)
{
	struct slice raw, word;
	size_t at = 0;

	*can = 0;
	if (list.p == NULL || json_type_of(list) != JSON_ARRAY)
		return false;
	while (json_next_element(list, &at, &raw)) {
		enum grant g;

		if (!object_text(raw, 0, TOKEN_MAX, &word))
			return false;
		g = grant_of(word);
		if (g < GRANTS)
			*can |= GRANT_BIT(g);
	}
	return true;
}

static bool read_topics(struct token *t, struct slice list, const char **why)
{
	enum { MATCH, CAN, FIELDS };
	static const char *const names[FIELDS] = { "match", "can" };
	struct slice item, m[FIELDS], text;
	struct token_rule r;
	const char *detail;
	size_t at = 0;

	*why = "its topics is not a list of objects with each member once";
	if (json_type_of(list) != JSON_ARRAY)
		return false;
	while (json_next_element(list, &at, &item)) {
		*why = "its topics is not a list of objects with each member once";
		if (!object_read(item, names, FIELDS, m, &detail))
			return false;
		*why = "a match of its topics is not a topic with * for any run of characters";
		if (m[MATCH].p == NULL || !object_text(m[MATCH], 1, TOPIC_MAX, &text) ||
		    !token_pattern(text, &r))
			return false;
		*why = "a can of its topics is not a list of strings";
		if (!read_can(m[CAN], &r.can) || !add_rule(t, &r, why))
			return false;
	}
	return true;
}

/* The short forms: patterns without the prefix, for everything. */
static bool read_short(struct token *t, enum topic_kind kind, struct slice list, const char **why)
{
	struct token_rule r = { .kind = kind, .can = GRANT_BIT(GRANTS) - 1 };
	struct slice raw;
	size_t at = 0;

	*why = "its rooms or events is not a list of names with * for any run of characters";
	if (json_type_of(list) != JSON_ARRAY)
		return false;
	while (json_next_element(list, &at, &raw)) {
		*why = "its rooms or events is not a list of names with * for any run of "
		       "characters";
		if (!object_text(raw, 1, TOPIC_NAME_MAX, &r.pattern) ||
		    !token_pattern_ok(r.pattern) || !add_rule(t, &r, why))
			return false;
	}
	return true;
}

bool token_claims(struct token *t, const char **why)
{
	struct slice claims, m[CLAIMS], none = { NULL, 0 };
	const char *detail;

	t->user = t->issuer = t->id = t->info = t->audience = none;
	t->expires_ms = INT64_MAX;
	t->not_before_ms = INT64_MIN;
	t->max_rate = 0;
	t->n_rules = 0;
	*why = "it is not three parts in base64url";
	if (!decode_part(t, t->payload, &claims))
		return false;
	*why = "its claims are not JSON";
	if (json_check(claims, &limits, &detail) == JSON_INVALID)
		return false;
	*why = "its claims are not an object with each member once";
	if (!object_read(claims, claim_names, CLAIMS, m, &detail) || !read_identity(t, m, why))
		return false;
	*why = "its info is larger than 1 KiB";
	t->info = m[INFO];
	if (t->info.n > TOKEN_INFO_MAX)
		return false;
	*why = "its max_rate is not a whole number from 1 to 100000000";
	if (!read_rate(m[RATE], &t->max_rate))
		return false;
	return (m[TOPICS].p == NULL || read_topics(t, m[TOPICS], why)) &&
		(m[ROOMS].p == NULL || read_short(t, TOPIC_ROOM, m[ROOMS], why)) &&
		(m[EVENTS].p == NULL || read_short(t, TOPIC_EVENT, m[EVENTS], why));
}
