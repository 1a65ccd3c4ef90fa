/*
 * Any bytes as JSON, judged twice: by json_check() and by a reader that is short, slow and
 * written straight from RFC 8259. Then everything in it is walked through.
 */
#include "broker-common/json.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the slow reader: `p` moves over what it likes ---- */

struct reader {
	const unsigned char *p, *end;
};

static bool take(struct reader *r, const char *any_of)
{
	if (r->p == r->end || *r->p == '\0' || strchr(any_of, *r->p) == NULL)
		return false;
	r->p++;
	return true;
}

static void blanks(struct reader *r)
{
	while (take(r, " \t\r\n"))
		;
}

static bool digits(struct reader *r)
{
	const unsigned char *from = r->p;

	while (take(r, "0123456789"))
		;
	return r->p > from;
}

static bool number(struct reader *r)
{
	take(r, "-");
	if (!take(r, "0") && !digits(r))
		return false;
	if (take(r, ".") && !digits(r))
		return false;
	if (!take(r, "eE"))
		return true;
	take(r, "+-");
	return digits(r);
}

static bool word(struct reader *r, const char *text)
{
	for (; *text != '\0'; text++)
		if (r->p == r->end || *r->p++ != (unsigned char)*text)
			return false;
	return true;
}

/* Behind `\u`; -1: it is none. */
static long unit(struct reader *r)
{
	char hex[5] = "";

	for (int i = 0; i < 4; i++, r->p++) {
		if (r->p == r->end || *r->p == '\0' || !strchr("0123456789abcdefABCDEF", *r->p))
			return -1;
		hex[i] = (char)*r->p;
	}
	return strtol(hex, NULL, 16);
}

static bool escape(struct reader *r)
{
	long first;

	if (take(r, "\"\\/bfnrt"))
		return true;
	if (!take(r, "u"))
		return false;
	first = unit(r);
	if (first < 0 || (first >= 0xdc00 && first <= 0xdfff))
		return false;
	if (first < 0xd800 || first > 0xdfff)
		return true;
	if (!take(r, "\\") || !take(r, "u"))
		return false;
	first = unit(r);
	return first >= 0xdc00 && first <= 0xdfff;
}

static bool character(struct reader *r)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	int more = *r->p < 0x80 ? 0 : *r->p >> 5 == 6 ? 1 : *r->p >> 4 == 14 ? 2 : 3;
	uint32_t c = *r->p;

	if (more == 3 && *r->p >> 3 != 30)
		return false;
	if (more > 0)
		c &= 63u >> more;
	r->p++;
	for (int i = 0; i < more; i++, r->p++) {
		if (r->p == r->end || *r->p >> 6 != 2)
			return false;
		c = c << 6 | (*r->p & 63);
	}
	return c >= ' ' && c >= least[more] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

static bool string(struct reader *r)
{
	if (!take(r, "\""))
		return false;
	while (!take(r, "\"")) {
		if (r->p == r->end)
			return false;
		if (take(r, "\\") ? !escape(r) : !character(r))
			return false;
	}
	return true;
}

static bool value(struct reader *r, uint32_t depth);

static bool nested(struct reader *r, uint32_t depth, const char *closer)
{
	bool object = *closer == '}';

	if (depth == 0)
		return false;
	blanks(r);
	if (take(r, closer))
		return true;
	for (uint32_t n = 0;; n++) {
		blanks(r);
		if (object && (n == json_default_limits.keys || !string(r)))
			return false;
		blanks(r);
		if (object && !take(r, ":"))
			return false;
		if (!value(r, depth - 1))
			return false;
		if (take(r, closer))
			return true;
		if (!take(r, ","))
			return false;
	}
}

static bool value(struct reader *r, uint32_t depth)
{
	bool ok;

	blanks(r);
	if (r->p == r->end)
		return false;
	switch (*r->p) {
	case '{':
		r->p++;
		ok = nested(r, depth, "}");
		break;
	case '[':
		r->p++;
		ok = nested(r, depth, "]");
		break;
	case '"': ok = string(r); break;
	case 't': ok = word(r, "true"); break;
	case 'f': ok = word(r, "false"); break;
	case 'n': ok = word(r, "null"); break;
	default: ok = number(r);
	}
	blanks(r);
	return ok;
}

/* ---- walking ---- */

/* `part` lies in `whole`, and is JSON by itself. */
static void inside(struct slice whole, struct slice part)
{
	assert(part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
	assert(json_check(part, &json_default_limits, NULL) == json_type_of(part));
}

static void use_scalar(struct slice v)
{
	char *copy = malloc(v.n);
	struct slice text;
	int64_t i;
	double d;

	assert(copy != NULL);
	memcpy(copy, v.p, v.n);
	if (json_type_of(v) == JSON_STRING && json_unescape((struct slice){ copy, v.n }, &text)) {
		char *ended = malloc(text.n + 1);

		assert(ended != NULL && text.n <= v.n - 2);
		memcpy(ended, text.p, text.n);
		ended[text.n] = '\0';
		assert(json_text_is((struct slice){ v.p + 1, v.n - 2 }, ended));
		free(ended);
	}
	if (json_int(v, &i))
		assert(json_double(v, &d) && (d >= 0) == (i >= 0));
	assert(json_double(v, &d) == (json_type_of(v) == JSON_NUMBER));
	free(copy);
}

static void walk(struct slice v)
{
	struct slice key, child;
	size_t at = 0;

	use_scalar(v);
	while (json_next_member(v, &at, &key, &child)) {
		inside(v, (struct slice){ key.p - 1, key.n + 2 });
		inside(v, child);
		walk(child);
	}
	for (at = 0; json_next_element(v, &at, &child);) {
		inside(v, child);
		walk(child);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size == 0 ? 1 : size);
	struct reader r = { (const unsigned char *)text, (const unsigned char *)text + size };
	const char *why = NULL;
	enum json_type type;

	assert(text != NULL);
	if (size != 0)
		memcpy(text, data, size);
	type = json_check((struct slice){ text, size }, &json_default_limits, &why);
	assert((type == JSON_INVALID) == (why != NULL));
	assert((type != JSON_INVALID) == (value(&r, json_default_limits.depth) && r.p == r.end));
	if (type != JSON_INVALID)
		walk((struct slice){ text, size });
	free(text);
	return 0;
}
