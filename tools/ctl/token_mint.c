#include "broker-common/base64url.h"
#include "broker-common/json.h"
#include "broker-common/token.h"
#include "tools/ctl/say.h"
#include "tools/ctl/token.h"

#include <stdlib.h>

static void add_name(struct buf *b, const char *name)
{
	buf_printf(b, "%s\"%s\":", b->n > 1 ? "," : "", name);
}

/* Patterns with blanks between as a list. */
static void add_list(struct buf *b, const char *name, const char *patterns)
{
	const char *comma = "";

	if (patterns == NULL)
		return;
	add_name(b, name);
	buf_char(b, '[');
	while (*(patterns += strspn(patterns, " ")) != '\0') {
		size_t n = strcspn(patterns, " ");

		buf_str(b, comma);
		buf_json(b, (struct slice){ patterns, n });
		patterns += n;
		comma = ",";
	}
	buf_char(b, ']');
}

/* The members of an object that somebody wrote. */
static bool add_members(struct buf *b, const char *json)
{
	struct slice object = slice_of(json), key, value;
	size_t at = 0;

	if (json_check(object, &json_default_limits, NULL) != JSON_OBJECT) {
		say("--claims must be a JSON object");
		return false;
	}
	while (json_next_member(object, &at, &key, &value)) {
		buf_printf(b, "%s\"%.*s\":", b->n > 1 ? "," : "", SLICE_ARGS(key));
		buf_slice(b, value);
	}
	return true;
}

static bool write_claims(const struct token_given *g, int64_t now, struct buf *b)
{
	buf_char(b, '{');
	if (g->user != NULL) {
		add_name(b, "sub");
		buf_json(b, slice_of(g->user));
	}
	add_name(b, "iat");
	buf_i64(b, now);
	add_name(b, "exp");
	buf_i64(b, now + (int64_t)((g->expires_ms + 999) / 1000));
	add_list(b, "rooms", g->rooms);
	add_list(b, "events", g->events);
	if (g->topics != NULL) {
		if (json_check(slice_of(g->topics), &json_default_limits, NULL) == JSON_INVALID) {
			say("--topics must be JSON");
			return false;
		}
		add_name(b, "topics");
		buf_str(b, g->topics);
	}
	if (g->claims != NULL && !add_members(b, g->claims))
		return false;
	buf_char(b, '}');
	return true;
}

static void write_head(const struct token_given *g, enum key_alg a, struct buf *b)
{
	buf_printf(b, "{\"alg\":\"%s\",\"typ\":\"JWT\"", key_alg_name(a));
	if (g->kid != NULL) {
		buf_str(b, ",\"kid\":");
		buf_json(b, slice_of(g->kid));
	}
	buf_char(b, '}');
}

/* Every gateway's own eyes: better here than at its door. */
static bool is_readable(struct slice text)
{
	static struct token t;
	const char *why = NULL;

	if (token_open(&t, text, &why) && token_claims(&t, &why))
		return true;
	say("a gateway would refuse such a token: %s", why);
	return false;
}

static bool choose_alg(const struct token_given *g, const struct key *k, enum key_alg *a)
{
	*a = g->alg == NULL ? key_default_alg(k) : key_alg_of(slice_of(g->alg));
	if (key_fits(k, *a))
		return true;
	say("--alg %s does not fit this key", g->alg);
	return false;
}

bool token_mint(const struct token_given *g, const struct key *k, int64_t now, struct buf *out)
{
	unsigned char signature[KEY_SIGNATURE_MAX];
	struct buf part;
	enum key_alg a;
	size_t n;
	bool ok;

	if (!choose_alg(g, k, &a))
		return false;
	buf_init(&part);
	write_head(g, a, &part);
	base64url_encode(part.p, part.n, out);
	buf_char(out, '.');
	buf_reset(&part);
	ok = write_claims(g, now, &part);
	if (ok) {
		base64url_encode(part.p, part.n, out);
		ok = !part.failed && key_sign(k, a, buf_view(out), signature, &n);
	}
	buf_fini(&part);
	if (!ok)
		return false;
	buf_char(out, '.');
	base64url_encode(signature, n, out);
	return !out->failed && is_readable(buf_view(out));
}

void token_parts(struct slice text, struct buf *out)
{
	for (int i = 0; i < 2; i++) {
		const char *dot = memchr(text.p, '.', text.n);
		struct slice part = { text.p, (size_t)(dot - text.p) };
		char *bytes = malloc(BASE64URL_BYTES(part.n) + 1);
		size_t n = 0;

		/* What is no JSON is not shown: it could be anything. */
		if (bytes != NULL && base64url_decode(part, bytes, &n) &&
		    json_check((struct slice){ bytes, n }, &json_default_limits, NULL) !=
		            JSON_INVALID) {
			if (i > 0)
				buf_char(out, '\n');
			say_json(out, (struct slice){ bytes, n });
		}
		free(bytes);
		text = (struct slice){ dot + 1, text.n - part.n - 1 };
	}
}
