/*
 * The grammar, by a table and by trying everything where that is possible. The same tests run on
 * the portable scanner: test_json_portable.c.
 */
#include "broker-common/json.h"

#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
	struct slice text;
	const char *why; /* NULL: right */
} cases[] = {
#define RIGHT(text) { { text, sizeof(text) - 1 }, NULL },
#define WRONG(text, why) { { text, sizeof(text) - 1 }, why },
#include "tests/unit/json_cases.def"
};

/* In memory of its own, so that a sanitizer sees a byte that is read behind its end. */
static enum json_type check_why(struct slice text, const char **why)
{
	char *copy = malloc(text.n == 0 ? 1 : text.n);
	enum json_type type;

	assert_non_null(copy);
	if (text.n != 0)
		memcpy(copy, text.p, text.n);
	type = json_check((struct slice){ copy, text.n }, &json_default_limits, why);
	free(copy);
	return type;
}

static bool is_json(const char *text, size_t n)
{
	return check_why((struct slice){ text, n }, NULL) != JSON_INVALID;
}

/* ---- the grammar ---- */

static void each_case_is_taken_or_refused_with_its_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *why = "nothing was said";
		enum json_type type = check_why(cases[i].text, &why);

		if ((type == JSON_INVALID) != (cases[i].why != NULL))
			fail_msg("case %zu, %.*s: %s", i, SLICE_ARGS(cases[i].text), why);
		if (cases[i].why != NULL && strcmp(why, cases[i].why) != 0)
			fail_msg("case %zu, %.*s: %s", i, SLICE_ARGS(cases[i].text), why);
	}
}

/* A case holds as well inside of something, and no part of it that ends early is right. */
static void each_case_means_the_same_deeper_inside(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice text = cases[i].text;
		char wrapped[200];
		int n = snprintf(wrapped, sizeof(wrapped), "{\"k\":[");

		assert_true(text.n + 20 < sizeof(wrapped));
		memcpy(wrapped + n, text.p, text.n);
		memcpy(wrapped + (size_t)n + text.n, ",0]}", 4);
		/* "1," and its like are right or wrong there for other reasons. */
		if (cases[i].why == NULL || strcmp(cases[i].why, "something behind the value") != 0)
			assert_int_equal(is_json(wrapped, (size_t)n + text.n + 4),
			                 cases[i].why == NULL);
		for (size_t cut = 0; cut < (size_t)n + text.n + 4; cut++)
			assert_false(is_json(wrapped, cut));
	}
}

static void the_type_of_the_value_is_told(void **state)
{
	static const struct {
		const char *text;
		enum json_type type;
	} types[] = {
		{ " null", JSON_NULL },    { "\ttrue", JSON_TRUE }, { "\nfalse", JSON_FALSE },
		{ "\r-1", JSON_NUMBER },   { "0", JSON_NUMBER },    { "9", JSON_NUMBER },
		{ " \"a\"", JSON_STRING }, { " [1]", JSON_ARRAY },  { " {} ", JSON_OBJECT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_int_equal(check_why(slice_of(types[i].text), NULL), types[i].type);
}

/* ---- strings ---- */

/* A string of `n` bytes, all of them plain but for one. */
static bool string_with(size_t n, size_t at, char c)
{
	char text[128];

	assert_true(n + 2 <= sizeof(text));
	memset(text, 'x', sizeof(text));
	text[0] = text[n + 1] = '"';
	text[1 + at] = c;
	return is_json(text, n + 2);
}

static void every_byte_is_seen_wherever_it_stands_in_a_string(void **state)
{
	(void)state;
	for (size_t n = 1; n <= 70; n++) {
		for (size_t at = 0; at < n; at++) {
			for (int c = 0; c < 256; c++) {
				bool plain = c >= ' ' && c < 0x80 && c != '"' && c != '\\';

				if (string_with(n, at, (char)c) != plain)
					fail_msg("byte %d at %zu of %zu", c, at, n);
			}
		}
	}
}

/* By the definition of RFC 3629: decode, then look at what came out. */
static bool is_character(const unsigned char *p, size_t n)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 },
				   kept[] = { 0, 0, 31, 15, 7 };
	uint32_t c = p[0] & kept[n];

	if ((p[0] & ~kept[n] & 0xff) != lead[n])
		return false;
	for (size_t i = 1; i < n; i++) {
		if (p[i] < 0x80 || p[i] > 0xbf)
			return false;
		c = c << 6 | (p[i] & 63);
	}
	return c >= least[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

static bool is_utf8(const unsigned char *p, size_t n)
{
	for (size_t at = 0, len; at < n; at += len) {
		for (len = 1; len <= 4; len++)
			if (at + len <= n && (len == 1 ? p[at] < 0x80 : is_character(p + at, len)))
				break;
		if (len > 4)
			return false;
	}
	return true;
}

/* All first bytes, and of the others those that lie at an edge of some rule. */
static void utf8_is_exactly_rfc_3629(void **state)
{
	static const unsigned char edges[] = { 0x23, 0x7f, 0x80, 0x8f, 0x90, 0x9f,
		                               0xa0, 0xbf, 0xc0, 0xc2, 0xff };
	const size_t n = sizeof(edges);
	size_t taken = 0;

	(void)state;
	for (size_t i = 0; i < 128 * n * n * n; i++) {
		unsigned char text[6] = { '"', (unsigned char)(0x80 + i / n / n / n), edges[i % n],
			                  edges[i / n % n], edges[i / n / n % n] };

		for (size_t len = 1; len <= 4; len++) {
			unsigned char behind = text[1 + len];
			bool expected = is_utf8(text + 1, len);

			text[1 + len] = '"';
			if (is_json((const char *)text, len + 2) != expected)
				fail_msg("%02x %02x %02x %02x, %zu bytes", text[1], text[2],
				         text[3], text[4], len);
			text[1 + len] = behind;
			taken += expected;
		}
	}
	assert_true(taken > 1000); /* or the reference is wrong */
}

static void an_escaped_unit_is_right_alone_or_in_a_pair(void **state)
{
	char text[32];

	(void)state;
	for (int unit = 0; unit <= 0xffff; unit++) {
		bool high = unit >= 0xd800 && unit < 0xdc00, low = unit >= 0xdc00 && unit < 0xe000;
		int n = snprintf(text, sizeof(text), "\"\\u%04X\"", (unsigned int)unit);

		assert_int_equal(is_json(text, (size_t)n), !high && !low);
		n = snprintf(text, sizeof(text), "\"\\u%04x\\udc01\"", (unsigned int)unit);
		assert_int_equal(is_json(text, (size_t)n), high);
		n = snprintf(text, sizeof(text), "\"\\ud801\\u%04x\"", (unsigned int)unit);
		assert_int_equal(is_json(text, (size_t)n), low);
	}
}

/* ---- limits ---- */

static enum json_type check_nested(uint32_t levels, uint32_t limit, char open, const char **why)
{
	struct json_limits l = { .depth = limit, .keys = 1 };
	char text[JSON_DEPTH_MAX * 8];
	size_t n = 0;

	assert_true(levels <= JSON_DEPTH_MAX + 1);
	for (uint32_t i = 0; i < levels; i++) {
		text[n++] = open;
		if (open == '{') {
			memcpy(text + n, "\"\":", 3);
			n += 3;
		}
	}
	text[n++] = '1';
	for (uint32_t i = 0; i < levels; i++)
		text[n++] = open == '{' ? '}' : ']';
	return json_check((struct slice){ text, n }, &l, why);
}

static void nesting_ends_at_the_limit(void **state)
{
	static const uint32_t limits[] = { 0, 1, 2, 32, 33, JSON_DEPTH_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		const char *why = NULL;

		assert_int_not_equal(check_nested(limits[i], limits[i], '[', &why), JSON_INVALID);
		assert_int_not_equal(check_nested(limits[i], limits[i], '{', &why), JSON_INVALID);
		assert_null(why);
		assert_int_equal(check_nested(limits[i] + 1, limits[i], '[', &why), JSON_INVALID);
		assert_string_equal(why, "nested too deep");
		assert_int_equal(check_nested(limits[i] + 1, limits[i], '{', NULL), JSON_INVALID);
	}
	assert_int_equal(json_default_limits.depth, 32);
}

static void a_million_openers_cost_no_stack(void **state)
{
	size_t n = 1000000;
	char *text = malloc(n);

	(void)state;
	assert_non_null(text);
	memset(text, '[', n);
	assert_false(is_json(text, n));
	free(text);
}

/* `objects` objects in an array, each with `keys` keys. */
static enum json_type check_keys(int objects, int keys, const char **why)
{
	char text[65536];
	int n = snprintf(text, sizeof(text), "[");

	for (int i = 0; i < objects; i++) {
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%s", i == 0 ? "{" : ",{");
		for (int k = 0; k < keys; k++)
			n += snprintf(text + n, sizeof(text) - (size_t)n, "%s\"%d\":[1,2]",
			              k == 0 ? "" : ",", k);
		n += snprintf(text + n, sizeof(text) - (size_t)n, "}");
	}
	n += snprintf(text + n, sizeof(text) - (size_t)n, "]");
	return json_check((struct slice){ text, (size_t)n }, &json_default_limits, why);
}

static void keys_are_limited_object_by_object(void **state)
{
	const char *why = NULL;

	(void)state;
	assert_int_equal(json_default_limits.keys, 1024);
	assert_int_equal(check_keys(3, 1024, &why), JSON_ARRAY);
	assert_int_equal(check_keys(1, 1025, &why), JSON_INVALID);
	assert_string_equal(why, "too many keys in an object");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case_is_taken_or_refused_with_its_reason),
		cmocka_unit_test(each_case_means_the_same_deeper_inside),
		cmocka_unit_test(the_type_of_the_value_is_told),
		cmocka_unit_test(every_byte_is_seen_wherever_it_stands_in_a_string),
		cmocka_unit_test(utf8_is_exactly_rfc_3629),
		cmocka_unit_test(an_escaped_unit_is_right_alone_or_in_a_pair),
		cmocka_unit_test(nesting_ends_at_the_limit),
		cmocka_unit_test(a_million_openers_cost_no_stack),
		cmocka_unit_test(keys_are_limited_object_by_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
