/*
 * json_check(): one pass over the text. Runs of plain characters in strings, the bulk of most
 * frames, go by many bytes at a time; levels are kept in an array, so that a deep text costs no
 * C stack.
 */
#include "broker-common/json.h"

#include <assert.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

typedef unsigned char byte;

const struct json_limits json_default_limits = { .depth = 32, .keys = 1024 };

struct scan {
	const byte *end;
	const struct json_limits *limits;
	const char *why;
	uint32_t depth;
	struct {
		uint32_t keys; /* so far */
		byte closer;
	} level[JSON_DEPTH_MAX + 1];
};

/* The calls below get `p` where something begins and answer where it ends, or NULL and `why`. */
static const byte *fail(struct scan *s, const char *why)
{
	s->why = why;
	return NULL;
}

static inline const byte *blanks(const struct scan *s, const byte *p)
{
	while (p < s->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

static inline bool is_digit(const struct scan *s, const byte *p)
{
	return p < s->end && *p >= '0' && *p <= '9';
}

/* ---- strings ---- */

/* The first byte that needs a look: a quote, a backslash, a control character or the beginning
 * of a character outside ASCII. */
static inline const byte *plain_run(const byte *p, const byte *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
	const __m128i space = _mm_set1_epi8(' ');

	for (; end - p >= 16; p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		/* Compared as signed, what is outside ASCII is less than a space as well. */
		__m128i special = _mm_or_si128(
			_mm_cmplt_epi8(v, space),
			_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)));
		unsigned int mask = (unsigned int)_mm_movemask_epi8(special);

		if (mask != 0)
			return p + __builtin_ctz(mask);
	}
#else
	const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;

	for (; end - p >= 8; p += 8) {
		uint64_t v, quote, backslash;

		/* `x - ones & ~x` has a high bit set if and only if some byte of x is 0. */
		memcpy(&v, p, sizeof(v));
		quote = v ^ ones * '"';
		backslash = v ^ ones * '\\';
		if (((v | (v - ones * ' ') | ((quote - ones) & ~quote) |
		      ((backslash - ones) & ~backslash)) &
		     high) != 0)
			break; /* which of the eight it was, the loop below finds */
	}
#endif
	while (p < end && *p >= ' ' && *p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* Characters outside ASCII, as many as follow one another (RFC 3629 section 4). */
static const byte *scan_utf8(struct scan *s, const byte *p)
{
	do {
		byte c = *p, least = 0x80, most = 0xbf; /* of the second byte */
		int more;

		if (c >= 0xc2 && c <= 0xdf) {
			more = 1;
		} else if (c >= 0xe0 && c <= 0xef) {
			more = 2;
			least = c == 0xe0 ? 0xa0 : 0x80; /* below: overlong */
			most = c == 0xed ? 0x9f : 0xbf;  /* above: a surrogate */
		} else if (c >= 0xf0 && c <= 0xf4) {
			more = 3;
			least = c == 0xf0 ? 0x90 : 0x80;
			most = c == 0xf4 ? 0x8f : 0xbf; /* above: beyond U+10FFFF */
		} else {
			return fail(s, "not UTF-8");
		}
		if (s->end - p <= more || p[1] < least || p[1] > most)
			return fail(s, "not UTF-8");
		for (int i = 2; i <= more; i++)
			if ((p[i] & 0xc0) != 0x80)
				return fail(s, "not UTF-8");
		p += 1 + more;
	} while (p < s->end && *p >= 0x80);
	return p;
}

/* The value of four hex digits, or -1. */
static int32_t hex4(const struct scan *s, const byte *p)
{
	int32_t unit = 0;

	if (s->end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		byte lower = p[i] | 0x20;

		if (p[i] >= '0' && p[i] <= '9')
			unit = unit << 4 | (p[i] - '0');
		else if (lower >= 'a' && lower <= 'f')
			unit = unit << 4 | (lower - 'a' + 10);
		else
			return -1;
	}
	return unit;
}

/* `p` stands behind the backslash. */
static const byte *scan_escape(struct scan *s, const byte *p)
{
	int32_t unit;

	if (p == s->end)
		return fail(s, "a string has no end");
	if (*p != 'u') {
		if (memchr("\"\\/bfnrt", *p, 8) == NULL)
			return fail(s, "an unknown escape in a string");
		return p + 1;
	}
	unit = hex4(s, p + 1);
	if (unit < 0)
		return fail(s, "\\u without four hex digits");
	p += 5;
	if ((unit & 0xf800) != 0xd800)
		return p;
	if (unit < 0xdc00 && s->end - p >= 6 && p[0] == '\\' && p[1] == 'u' &&
	    (hex4(s, p + 2) & 0xfffffc00) == 0xdc00)
		return p + 6;
	return fail(s, "half of a surrogate pair");
}

/* `p` stands behind the opening quote. */
static const byte *scan_string(struct scan *s, const byte *p)
{
	for (;;) {
		p = plain_run(p, s->end);
		if (p == s->end)
			return fail(s, "a string has no end");
		if (*p == '"')
			return p + 1;
		if (*p == '\\')
			p = scan_escape(s, p + 1);
		else if (*p >= 0x80)
			p = scan_utf8(s, p);
		else
			return fail(s, "a control character in a string");
		if (p == NULL)
			return NULL;
	}
}

/* ---- other scalars ---- */

static const byte *scan_number(struct scan *s, const byte *p)
{
	if (*p == '-')
		p++;
	if (!is_digit(s, p))
		return fail(s, "a number without digits");
	if (*p == '0' && is_digit(s, p + 1))
		return fail(s, "a number that begins with 0");
	while (is_digit(s, p))
		p++;
	if (p < s->end && *p == '.') {
		if (!is_digit(s, ++p))
			return fail(s, "a number without digits behind the point");
		while (is_digit(s, p))
			p++;
	}
	if (p < s->end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < s->end && (*p == '+' || *p == '-'))
			p++;
		if (!is_digit(s, p))
			return fail(s, "a number without digits in its exponent");
		while (is_digit(s, p))
			p++;
	}
	return p;
}

static const byte *scan_word(struct scan *s, const byte *p, const char *word, size_t n)
{
	if ((size_t)(s->end - p) < n || memcmp(p, word, n) != 0)
		return fail(s, "a word that is not true, false or null");
	return p + n;
}

static const byte *scan_scalar(struct scan *s, const byte *p)
{
	switch (*p) {
	case '"': return scan_string(s, p + 1);
	case 't': return scan_word(s, p, "true", 4);
	case 'f': return scan_word(s, p, "false", 5);
	case 'n': return scan_word(s, p, "null", 4);
	}
	if (*p == ']' && s->depth > 0 && s->level[s->depth].closer == ']')
		return fail(s, "trailing comma"); /* were it empty, it would be closed already */
	if (*p == '-' || (*p >= '0' && *p <= '9'))
		return scan_number(s, p);
	return fail(s, "something that is no value");
}

/* ---- arrays and objects ---- */

/* A key and its colon; `p` may stand on blanks. */
static const byte *scan_key(struct scan *s, const byte *p)
{
	p = blanks(s, p);
	if (p == s->end)
		return fail(s, "it ends too early");
	if (*p != '"')
		return fail(s, *p == '}' ? "trailing comma" : "a key that is not a string");
	if (++s->level[s->depth].keys > s->limits->keys)
		return fail(s, "too many keys in an object");
	p = scan_string(s, p + 1);
	if (p == NULL)
		return NULL;
	p = blanks(s, p);
	if (p == s->end || *p != ':')
		return fail(s, "a key without a colon");
	return p + 1;
}

/* `p` stands on `{` or `[`; the answer on its first key or value, or on its end. */
static const byte *open_level(struct scan *s, const byte *p)
{
	if (s->depth == s->limits->depth)
		return fail(s, "nested too deep");
	s->depth++;
	s->level[s->depth].keys = 0;
	s->level[s->depth].closer = *p == '{' ? '}' : ']';
	return blanks(s, p + 1);
}

/* A value has ended: close what ends with it, then go to the next value. */
static const byte *next_value(struct scan *s, const byte *p)
{
	while (s->depth > 0) {
		byte closer = s->level[s->depth].closer;

		p = blanks(s, p);
		if (p == s->end)
			return fail(s, "it ends too early");
		if (*p == ',')
			return closer == '}' ? scan_key(s, p + 1) : p + 1;
		if (*p != closer)
			return fail(s,
			            closer == '}' ? "neither , nor } behind a value"
			                          : "neither , nor ] behind a value");
		s->depth--;
		p++;
	}
	return p;
}

static const byte *scan_value(struct scan *s, const byte *p)
{
	do {
		byte closer;

		p = blanks(s, p);
		if (p == s->end)
			return fail(s, "it ends too early");
		if (*p != '{' && *p != '[') {
			p = scan_scalar(s, p);
		} else {
			p = open_level(s, p);
			if (p == NULL)
				return NULL;
			closer = s->level[s->depth].closer;
			if (p == s->end || *p != closer) {
				if (closer == '}')
					p = scan_key(s, p);
				continue;
			}
		}
		if (p != NULL)
			p = next_value(s, p);
	} while (p != NULL && s->depth > 0);
	return p;
}

enum json_type json_check(struct slice text, const struct json_limits *l, const char **why)
{
	const byte *p = text.n == 0 ? (const byte *)"" : (const byte *)text.p;
	struct scan s; /* the levels are set when they are opened */

	assert(l->depth <= JSON_DEPTH_MAX);
	s.end = p + text.n;
	s.limits = l;
	s.depth = 0;
	p = scan_value(&s, p);
	if (p != NULL) {
		p = blanks(&s, p);
		if (p == s.end)
			return json_type_of(text);
		s.why = "something behind the value";
	}
	if (why != NULL)
		*why = s.why;
	return JSON_INVALID;
}
