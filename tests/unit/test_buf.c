#include "tests/support/test.h"

#include "tests/support/alloc.h"

#include "broker-common/buf.c"

static struct buf b;

static int setup(void **state)
{
	(void)state;
	allocs_left = ALLOCS_UNLIMITED;
	buf_init(&b);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_fini(&b);
	return 0;
}

static void assert_holds(const char *text)
{
	struct slice got = buf_view(&b);

	assert_false(b.failed);
	assert_int_equal(got.n, strlen(text));
	assert_memory_equal(got.p, text, got.n);
}

static void assert_json(const char *p, size_t n, const char *json)
{
	buf_reset(&b);
	buf_json(&b, (struct slice){ p, n });
	assert_holds(json);
}

static void an_empty_buf_owns_no_memory(void **state)
{
	(void)state;
	assert_null(b.p);
	assert_int_equal(buf_view(&b).n, 0);
}

static void what_is_added_stands_in_a_row(void **state)
{
	(void)state;
	buf_str(&b, "one ");
	buf_char(&b, '2');
	buf_slice(&b, slice_of(" three"));
	buf_add(&b, " four", 2);
	assert_holds("one 2 three f");
}

static void nothing_may_be_added(void **state)
{
	(void)state;
	buf_str(&b, "");
	buf_str(&b, NULL);
	buf_slice(&b, (struct slice){ NULL, 0 });
	buf_add(&b, NULL, 0);
	assert_holds("");
}

static void it_grows_and_keeps_what_it_holds(void **state)
{
	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_char(&b, (char)('a' + i % 26));
	assert_int_equal(b.n, 100000);
	assert_true(b.cap < 2 * b.n);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(b.p[i], 'a' + i % 26);
}

static void numbers_are_written_in_full(void **state)
{
	(void)state;
	buf_u64(&b, 0);
	buf_char(&b, ' ');
	buf_u64(&b, UINT64_MAX);
	buf_char(&b, ' ');
	buf_i64(&b, -1);
	buf_char(&b, ' ');
	buf_i64(&b, INT64_MIN);
	buf_char(&b, ' ');
	buf_i64(&b, INT64_MAX);
	assert_holds("0 18446744073709551615 -1 -9223372036854775808 9223372036854775807");
}

static void printf_leaves_no_terminator_behind(void **state)
{
	(void)state;
	buf_printf(&b, "%s-%d", "a", 7);
	buf_printf(&b, "%0200d", 1);
	assert_int_equal(b.n, 203);
	assert_memory_equal(b.p, "a-7000", 6);
	assert_int_equal(b.p[202], '1');
}

static void json_escapes_quotes_backslashes_and_controls(void **state)
{
	(void)state;
	assert_json("", 0, "\"\"");
	assert_json("plain text", 10, "\"plain text\"");
	assert_json("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
	assert_json("\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"");
	assert_json("\0\x1f\x7f", 3, "\"\\u0000\\u001f\\u007f\"");
	assert_json("\xc2\x80\xc2\x9f\xc2\xa0", 6, "\"\\u0080\\u009f\xc2\xa0\"");
}

static void json_passes_utf8_as_it_is(void **state)
{
	/* the first and the last of each length, and both sides of the surrogates */
	static const char *const valid[] = { "\xc2\xa0",         "\xdf\xbf",        "\xe0\xa0\x80",
		                             "\xed\x9f\xbf",     "\xee\x80\x80",    "\xef\xbf\xbf",
		                             "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf" };
	char json[8];

	(void)state;
	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
		snprintf(json, sizeof(json), "\"%s\"", valid[i]);
		assert_json(valid[i], strlen(valid[i]), json);
	}
}

static void json_replaces_each_byte_that_is_not_utf8(void **state)
{
	/* a lone tail, overlong forms, a surrogate, above U+10FFFF, no UTF-8 byte at all */
	static const char *const invalid[] = { "\x80",
		                               "\xc1\xbf",
		                               "\xe0\x9f\xbf",
		                               "\xed\xa0\x80",
		                               "\xf0\x8f\xbf\xbf",
		                               "\xf4\x90\x80\x80",
		                               "\xf5\x80\x80\x80",
		                               "\xff\xfe" };
	char json[32];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
		n = 0;
		json[n++] = '"';
		for (size_t at = 0; at < strlen(invalid[i]); at++, n += 3)
			memcpy(json + n, "\xef\xbf\xbd", 3);
		json[n] = '"';
		json[n + 1] = '\0';
		assert_json(invalid[i], strlen(invalid[i]), json);
	}
}

static void json_replaces_a_character_that_is_cut_short(void **state)
{
	(void)state;
	assert_json("a\xf0\x9f\x98", 4, "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	assert_json("\xc3(", 2, "\"\xef\xbf\xbd(\"");
	assert_json("\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void without_memory_it_has_failed_and_stays_as_it_was(void **state)
{
	(void)state;
	buf_str(&b, "kept");
	allocs_left = 0;
	for (int i = 0; i < 100; i++)
		buf_str(&b, "lost");
	assert_true(b.failed);
	assert_int_equal(b.n, 64);
	allocs_left = ALLOCS_UNLIMITED;
	buf_char(&b, 'x');
	buf_u64(&b, 1);
	buf_printf(&b, "x");
	assert_int_equal(b.n, 64);
	assert_false(buf_reserve(&b, 0));
}

static void more_than_64_mib_has_failed(void **state)
{
	(void)state;
	assert_true(buf_reserve(&b, 64u << 20));
	assert_int_equal(b.cap, 64u << 20);
	b.n = b.cap;
	assert_true(buf_reserve(&b, 0));
	assert_false(buf_reserve(&b, 1));
	assert_true(b.failed);
	buf_reset(&b);
	assert_false(buf_reserve(&b, (64u << 20) + 1));
	buf_reset(&b);
	assert_false(buf_reserve(&b, SIZE_MAX));
}

static void reset_keeps_the_memory_and_starts_anew(void **state)
{
	char *p;

	(void)state;
	buf_str(&b, "first");
	p = b.p;
	b.failed = true;
	buf_reset(&b);
	buf_str(&b, "second");
	assert_ptr_equal(b.p, p);
	assert_holds("second");
}

static void fini_twice_is_fine(void **state)
{
	(void)state;
	buf_str(&b, "text");
	buf_fini(&b);
	buf_fini(&b);
	buf_fini(NULL);
	assert_null(b.p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_buf_owns_no_memory),
		TEST(what_is_added_stands_in_a_row),
		TEST(nothing_may_be_added),
		TEST(it_grows_and_keeps_what_it_holds),
		TEST(numbers_are_written_in_full),
		TEST(printf_leaves_no_terminator_behind),
		TEST(json_escapes_quotes_backslashes_and_controls),
		TEST(json_passes_utf8_as_it_is),
		TEST(json_replaces_each_byte_that_is_not_utf8),
		TEST(json_replaces_a_character_that_is_cut_short),
		TEST(without_memory_it_has_failed_and_stays_as_it_was),
		TEST(more_than_64_mib_has_failed),
		TEST(reset_keeps_the_memory_and_starts_anew),
		TEST(fini_twice_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
