#include "broker-common/base64url.h"

/* 1 to 64 for a digit, 0 for what is none. */
static const uint8_t values[256] = {
	['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,
	['H'] = 8,  ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14,
	['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21,
	['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28,
	['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35,
	['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
	['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49,
	['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
	['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['-'] = 63,
	['_'] = 64,
};

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

bool base64url_decode(struct slice text, void *out, size_t *n)
{
	uint8_t *to = out;
	uint32_t bits = 0, have = 0;

	*n = 0;
	if (text.n % 4 == 1)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		uint32_t v = values[(unsigned char)text.p[i]];

		if (v == 0)
			return false;
		bits = bits << 6 | (v - 1);
		have += 6;
		if (have >= 8) {
			have -= 8;
			to[(*n)++] = (uint8_t)(bits >> have);
		}
	}
	return (bits & ((1u << have) - 1)) == 0;
}

void base64url_encode(const void *bytes, size_t n, struct buf *out)
{
	const uint8_t *from = bytes;
	uint32_t bits = 0, have = 0;

	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | from[i];
		for (have += 8; have >= 6; have -= 6)
			buf_char(out, digits[bits >> (have - 6) & 63]);
	}
	if (have > 0)
		buf_char(out, digits[bits << (6 - have) & 63]);
}
