#include "tools/ctl/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <wchar.h>

/* The character at `*at`, which moves behind it. A broken byte stands for itself. */
static uint32_t next(struct slice text, size_t *at)
{
	const unsigned char *p = (const unsigned char *)text.p + *at;
	size_t left = text.n - *at, n = *p < 0xc0 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
	uint32_t c = n == 1 ? *p : *p & (0x7fu >> n);

	if (n > left)
		n = 1;
	for (size_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3fu);
	*at += n;
	return c;
}

/* Zero-width marks and those that change the direction: a name could pose as another one. */
static bool is_harmful(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x200b && c <= 0x200f) ||
		(c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x2069) || c == 0xfeff;
}

void text_harmless(struct buf *b, struct slice text)
{
	for (size_t at = 0; at < text.n;) {
		size_t begin = at;
		uint32_t c = next(text, &at);

		if (is_harmful(c))
			buf_printf(b, c < 0x100 ? "\\x%02x" : "\\u%04x", c);
		else
			buf_add(b, text.p + begin, at - begin);
	}
}

/* Where the locale does not know the character, it is one column wide. */
static size_t columns(uint32_t c)
{
	int n = c < 0x80 ? 1 : wcwidth((wchar_t)c);

	return n < 0 ? 1 : (size_t)n;
}

size_t text_width(struct slice text)
{
	size_t width = 0;

	for (size_t at = 0; at < text.n;)
		width += columns(next(text, &at));
	return width;
}

size_t text_cut(struct buf *b, struct slice text, size_t width)
{
	size_t used = 0, at = 0;

	if (text_width(text) <= width) {
		buf_slice(b, text);
		return text_width(text);
	}
	if (width == 0)
		return 0;
	for (;;) {
		size_t begin = at, wide = columns(next(text, &at));

		if (used + wide > width - 1)
			break;
		buf_add(b, text.p + begin, at - begin);
		used += wide;
	}
	buf_str(b, MB_CUR_MAX > 1 ? "…" : "~");
	return used + 1;
}
