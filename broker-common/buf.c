#include "broker-common/buf.h"

#include "broker-common/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_CAP 64u
#define LARGEST_CAP (64u << 20) /* no frame comes near it: what asks for more is a mistake */

void buf_init(struct buf *b)
{
	*b = (struct buf){ NULL, 0, 0, false };
}

void buf_fini(struct buf *b)
{
	if (b == NULL)
		return;
	free(b->p);
	buf_init(b);
}

void buf_reset(struct buf *b)
{
	b->n = 0;
	b->failed = false;
}

static bool grow(struct buf *b, size_t n)
{
	size_t cap = b->cap == 0 ? FIRST_CAP : b->cap;
	char *p;

	if (n > LARGEST_CAP - b->n)
		goto fail;
	while (cap < b->n + n)
		cap *= 2;
	p = realloc(b->p, cap);
	if (p == NULL)
		goto fail;
	b->p = p;
	b->cap = cap;
	return true;

fail:
	b->failed = true;
	return false;
}

bool buf_reserve(struct buf *b, size_t n)
{
	if (b->failed)
		return false;
	if (b->p != NULL && n <= b->cap - b->n)
		return true;
	return grow(b, n);
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	if (n == 0 || !buf_reserve(b, n))
		return;
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

void buf_str(struct buf *b, const char *text)
{
	buf_slice(b, slice_of(text));
}

void buf_slice(struct buf *b, struct slice s)
{
	buf_add(b, s.p, s.n);
}

void buf_char(struct buf *b, char c)
{
	if (buf_reserve(b, 1))
		b->p[b->n++] = c;
}

void buf_u64(struct buf *b, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	buf_add(b, digits + at, sizeof(digits) - at);
}

void buf_i64(struct buf *b, int64_t v)
{
	if (v >= 0) {
		buf_u64(b, (uint64_t)v);
		return;
	}
	buf_char(b, '-');
	buf_u64(b, 0 - (uint64_t)v); /* the smallest number has no positive twin */
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0)
		b->failed = true;
	if (n < 0 || !buf_reserve(b, (size_t)n + 1))
		return;
	va_start(args, format);
	vsnprintf(b->p + b->n, (size_t)n + 1, format, args);
	va_end(args);
	b->n += (size_t)n; /* the terminator stays outside */
}

static void add_escaped(struct buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char code[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	switch (c) {
	case '"': buf_str(b, "\\\""); break;
	case '\\': buf_str(b, "\\\\"); break;
	case '\b': buf_str(b, "\\b"); break;
	case '\f': buf_str(b, "\\f"); break;
	case '\n': buf_str(b, "\\n"); break;
	case '\r': buf_str(b, "\\r"); break;
	case '\t': buf_str(b, "\\t"); break;
	default: buf_add(b, code, sizeof(code));
	}
}

/* Add the first character of `s`, one that does not stand for itself or is not ASCII; its bytes. */
static size_t add_special(struct buf *b, const unsigned char *s, size_t n)
{
	size_t length;

	if (s[0] < 0x80) {
		add_escaped(b, s[0]);
		return 1;
	}
	length = utf8_length(s, n);
	if (length == 0) {
		buf_str(b, "\xef\xbf\xbd"); /* U+FFFD */
		return 1;
	}
	if (s[0] == 0xc2 && s[1] < 0xa0)
		add_escaped(b, s[1]); /* U+0080 to U+009F: controls as well, to a terminal */
	else
		buf_add(b, s, length);
	return length;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void buf_json(struct buf *b, struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t at = 0, plain;

	buf_char(b, '"');
	while (at < s.n) {
		for (plain = at; plain < s.n && is_plain(p[plain]);)
			plain++;
		buf_add(b, p + at, plain - at);
		at = plain;
		if (at < s.n)
			at += add_special(b, p + at, s.n - at);
	}
	buf_char(b, '"');
}

struct slice buf_view(const struct buf *b)
{
	return (struct slice){ b->p, b->n };
}
