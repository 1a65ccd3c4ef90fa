/*
 * Walking through checked JSON, and the values in it. Nothing here checks again, yet nothing leaves
 * the slice it was given either, whatever it holds.
 */
#include "broker-common/json.h"

#include <assert.h>
#include <math.h>

enum json_type json_type_of(struct slice value)
{
	for (size_t i = 0; i < value.n; i++) {
		switch (value.p[i]) {
		case ' ':
		case '\t':
		case '\n':
		case '\r': continue;
		case '"': return JSON_STRING;
		case '{': return JSON_OBJECT;
		case '[': return JSON_ARRAY;
		case 't': return JSON_TRUE;
		case 'f': return JSON_FALSE;
		case 'n': return JSON_NULL;
		}
		if (value.p[i] == '-' || (value.p[i] >= '0' && value.p[i] <= '9'))
			return JSON_NUMBER;
		break;
	}
	return JSON_INVALID;
}

/* ---- walking ---- */

static const char *blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

/* `p` stands on the opening quote; the answer behind the closing one. */
static const char *skip_string(const char *p, const char *end)
{
	const char *from = ++p;

	while (p < end && (p = memchr(p, '"', (size_t)(end - p))) != NULL) {
		const char *slash = p;

		/* Escaped only behind an odd number of backslashes. */
		while (slash > from && slash[-1] == '\\')
			slash--;
		if ((p - slash) % 2 == 0)
			return p + 1;
		from = ++p;
	}
	return end;
}

static const char *skip_nested(const char *p, const char *end)
{
	size_t depth = 0;

	while (p < end) {
		switch (*p) {
		case '"': p = skip_string(p, end); continue;
		case '{':
		case '[': depth++; break;
		case '}':
		case ']':
			if (--depth == 0)
				return p + 1;
		}
		p++;
	}
	return end;
}

static const char *skip_value(const char *p, const char *end)
{
	if (p == end)
		return end;
	if (*p == '"')
		return skip_string(p, end);
	if (*p == '{' || *p == '[')
		return skip_nested(p, end);
	while (p<end && * p> ' ' && *p != ',' && *p != '}' && *p != ']')
		p++;
	return p;
}

/* Where the next member or element begins, or NULL when there is none. */
static const char *next(struct slice s, size_t at, char opener)
{
	const char *end = s.p + s.n, *p = blanks(s.p + at, end);

	if (p == end || *p != (at == 0 ? opener : ','))
		return NULL;
	p = blanks(p + 1, end);
	if (p == end || *p == ']' || *p == '}')
		return NULL;
	return p;
}

bool json_next_member(struct slice object, size_t *at, struct slice *key, struct slice *value)
{
	const char *end = object.p + object.n, *p = next(object, *at, '{'), *behind;

	if (p == NULL || *p != '"')
		return false;
	behind = skip_string(p, end);
	if (behind - p < 2)
		return false;
	*key = (struct slice){ p + 1, (size_t)(behind - p) - 2 };
	p = blanks(behind, end);
	if (p == end || *p != ':')
		return false;
	p = blanks(p + 1, end);
	behind = skip_value(p, end);
	*value = (struct slice){ p, (size_t)(behind - p) };
	*at = (size_t)(behind - object.p);
	return true;
}

bool json_next_element(struct slice array, size_t *at, struct slice *value)
{
	const char *end = array.p + array.n, *p = next(array, *at, '['), *behind;

	if (p == NULL)
		return false;
	behind = skip_value(p, end);
	*value = (struct slice){ p, (size_t)(behind - p) };
	*at = (size_t)(behind - array.p);
	return true;
}

/* ---- strings ---- */

/* The next four hex digits; the text has been checked. */
static uint32_t hex4(const char *p)
{
	uint32_t unit = 0;

	for (int i = 0; i < 4; i++)
		unit = unit << 4 | (((uint32_t)p[i] & 15) + (p[i] > '9' ? 9 : 0));
	return unit;
}

static size_t put_utf8(uint32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 63));
		out[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | (c >> 18 & 7));
	out[1] = (char)(0x80 | (c >> 12 & 63));
	out[2] = (char)(0x80 | (c >> 6 & 63));
	out[3] = (char)(0x80 | (c & 63));
	return 4;
}

/* What the escape at `*p` stands for, and `*p` moved behind it. Cut off: nothing. */
static size_t read_escape(const char **p, const char *end, char out[4])
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *at = *p, *simple;
	uint32_t c;

	if (end - at < 2 || (at[1] == 'u' && end - at < 6)) {
		*p = end;
		return 0;
	}
	*p = at + (at[1] == 'u' ? 6 : 2);
	if (at[1] != 'u') {
		simple = memchr(from, at[1], sizeof(from) - 1);
		out[0] = simple == NULL ? at[1] : to[simple - from];
		return 1;
	}
	c = hex4(at + 2);
	if ((c & 0xfc00) == 0xd800 && end - at >= 12) {
		c = 0x10000 + ((c & 0x3ff) << 10) + (hex4(at + 8) & 0x3ff);
		*p = at + 12;
	}
	return put_utf8(c, out);
}

bool json_unescape(struct slice value, struct slice *text)
{
	char *begin = (char *)value.p + 1, *to; /* its owner has said that it may be written */
	const char *end = begin + value.n - 2, *from, *slash;

	assert(value.n >= 2);
	*text = (struct slice){ begin, value.n - 2 };
	slash = memchr(begin, '\\', text->n);
	if (slash == NULL)
		return true;
	to = begin + (slash - begin);
	for (from = slash; from < end;) {
		char c[4];
		size_t n;

		if (*from != '\\') {
			*to++ = *from++;
			continue;
		}
		n = read_escape(&from, end, c);
		if (n == 1 && c[0] == '\0')
			return false;
		memcpy(to, c, n);
		to += n;
	}
	text->n = (size_t)(to - begin);
	return true;
}

bool json_text_is(struct slice raw, const char *text)
{
	const char *p = raw.p, *end = raw.p + raw.n;

	while (p < end) {
		char c[4] = { *p };
		size_t n = 1;

		if (*p == '\\')
			n = read_escape(&p, end, c);
		else
			p++;
		/* Byte by byte: `text` may end before the character does. */
		for (size_t i = 0; i < n; i++)
			if (c[i] == '\0' || *text++ != c[i])
				return false;
	}
	return *text == '\0';
}

/* ---- numbers ---- */

bool json_int(struct slice value, int64_t *out)
{
	bool negative = value.n > 0 && value.p[0] == '-';
	uint64_t most = (uint64_t)INT64_MAX + negative, v = 0;
	size_t i = negative;

	if (i == value.n)
		return false;
	for (; i < value.n; i++) {
		uint64_t digit = (uint64_t)(unsigned char)value.p[i] - '0';

		if (digit > 9 || v > (most - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*out = negative ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

/* Not strtod(): it needs an end that it can see, and minds the locale. */
bool json_double(struct slice value, double *out)
{
	const char *end = value.p + value.n, *p = blanks(value.p, end);
	int64_t exponent = 0, given = 0;
	uint64_t digits = 0; /* the first 19 that count */
	bool point = false, negative, down;
	double v, power = 10;

	if (json_type_of(value) != JSON_NUMBER)
		return false;
	negative = *p == '-';
	for (p += negative; p < end && (*p == '.' || (*p >= '0' && *p <= '9')); p++) {
		if (*p == '.') {
			point = true;
		} else if (digits < UINT64_MAX / 10 - 1) {
			digits = digits * 10 + (uint64_t)(*p - '0');
			exponent -= point;
		} else {
			exponent += !point;
		}
	}
	if (p < end) { /* an e, a sign, digits */
		down = ++p < end && *p == '-';
		for (; p < end; p++)
			if (*p >= '0' && *p <= '9' && given < INT64_MAX / 100)
				given = given * 10 + (*p - '0');
		exponent += down ? -given : given;
	}
	v = (double)digits;
	down = exponent < 0;
	for (uint64_t e = (uint64_t)(down ? -exponent : exponent); e != 0 && v != 0 && !isinf(v);
	     e >>= 1, power *= power)
		if (e & 1)
			v = down ? v / power : v * power;
	*out = negative ? -v : v;
	return true;
}
