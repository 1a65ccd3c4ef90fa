#include "broker-common/utf8.h"

static bool is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

size_t utf8_length(const unsigned char *s, size_t n)
{
	if (n >= 2 && s[0] >= 0xc2 && s[0] <= 0xdf && is_tail(s[1]))
		return 2;
	if (n >= 3 && s[0] >= 0xe0 && s[0] <= 0xef && is_tail(s[1]) && is_tail(s[2])) {
		if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f))
			return 0;
		return 3;
	}
	if (n >= 4 && s[0] >= 0xf0 && s[0] <= 0xf4 && is_tail(s[1]) && is_tail(s[2]) &&
	    is_tail(s[3])) {
		if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
			return 0;
		return 4;
	}
	return 0;
}

bool utf8_is(struct slice text)
{
	const unsigned char *s = (const unsigned char *)text.p;
	size_t at = 0, length;

	while (at < text.n) {
		length = s[at] < 0x80 ? 1 : utf8_length(s + at, text.n - at);
		if (length == 0)
			return false;
		at += length;
	}
	return true;
}
