#include "broker-common/json.h"

#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>

static struct slice checked(const char *text)
{
	struct slice s = slice_of(text);

	assert_int_not_equal(json_check(s, &json_default_limits, NULL), JSON_INVALID);
	return s;
}

static void assert_slice(struct slice s, const char *expected)
{
	if (!slice_is(s, expected))
		fail_msg("'%.*s' is not '%s'", SLICE_ARGS(s), expected);
}

/* ---- walking ---- */

static void members_come_in_order_with_raw_keys_and_values(void **state)
{
	struct slice object = checked(" { \"a\" : 1 ,\"b\\\"\":\"x\\\\\",\"\":{\"c\":[1,\"}\"]} ,\n"
	                              "\"d\":[ {} , \"]\" ],\"e\":null}\t");
	struct slice key, value;
	size_t at = 0;

	(void)state;
	assert_true(json_next_member(object, &at, &key, &value));
	assert_slice(key, "a");
	assert_slice(value, "1");
	assert_true(json_next_member(object, &at, &key, &value));
	assert_slice(key, "b\\\"");
	assert_slice(value, "\"x\\\\\"");
	assert_true(json_next_member(object, &at, &key, &value));
	assert_slice(key, "");
	assert_slice(value, "{\"c\":[1,\"}\"]}");
	assert_true(json_next_member(object, &at, &key, &value));
	assert_slice(key, "d");
	assert_slice(value, "[ {} , \"]\" ]");
	assert_true(json_next_member(object, &at, &key, &value));
	assert_slice(key, "e");
	assert_slice(value, "null");
	assert_false(json_next_member(object, &at, &key, &value));
	assert_false(json_next_member(object, &at, &key, &value));
}

static void elements_come_in_order_as_they_stand(void **state)
{
	struct slice array = checked(
		"[1 ,-2.5e3,true, \"a,]\" ,[[2],\"[\"],{\"k\":\"\\\\\\\"}\"} ]");
	static const char *const expected[] = { "1",       "-2.5e3",      "true",
		                                "\"a,]\"", "[[2],\"[\"]", "{\"k\":\"\\\\\\\"}\"}" };
	struct slice value;
	size_t at = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		assert_true(json_next_element(array, &at, &value));
		assert_slice(value, expected[i]);
	}
	assert_false(json_next_element(array, &at, &value));
}

static void nothing_comes_out_of_what_is_empty_or_something_else(void **state)
{
	static const char *const texts[] = { "{}", "[]", " { } ", "[ ]", "1", "\"{\"", "null" };
	struct slice key, value;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t at = 0;

		assert_false(json_next_member(checked(texts[i]), &at, &key, &value));
		at = 0;
		assert_false(json_next_element(checked(texts[i]), &at, &value));
	}
	assert_false(json_next_member(checked("[1]"), &(size_t){ 0 }, &key, &value));
	assert_false(json_next_element(checked("{\"a\":1}"), &(size_t){ 0 }, &value));
}

/* Every cut of a text, in memory of its own: a sanitizer sees what goes beyond. */
static void walking_text_that_was_never_checked_stays_inside(void **state)
{
	static const char text[] =
		"{\"a\\\"\" : [1,{\"b\":\"\\\\\"}] , \"c\":\"d\\\\\\\"\",\"e\":tru}";

	(void)state;
	for (size_t n = 1; n < sizeof(text); n++) {
		char *copy = malloc(n);
		struct slice s = { copy, n }, key, value;
		size_t at = 0;

		assert_non_null(copy);
		memcpy(copy, text, n);
		while (json_next_member(s, &at, &key, &value)) {
			assert_true(key.p > copy && value.p > key.p + key.n);
			assert_true(value.p + value.n == copy + at && at <= n);
		}
		copy[0] = '[';
		for (at = 0; json_next_element(s, &at, &value);)
			assert_true(value.p > copy && value.p + value.n == copy + at && at <= n);
		free(copy);
	}
}

static void a_type_is_known_by_its_first_byte(void **state)
{
	(void)state;
	assert_int_equal(json_type_of(slice_of("null")), JSON_NULL);
	assert_int_equal(json_type_of(slice_of("true")), JSON_TRUE);
	assert_int_equal(json_type_of(slice_of("false")), JSON_FALSE);
	assert_int_equal(json_type_of(slice_of("-1")), JSON_NUMBER);
	assert_int_equal(json_type_of(slice_of("0")), JSON_NUMBER);
	assert_int_equal(json_type_of(slice_of("9")), JSON_NUMBER);
	assert_int_equal(json_type_of(slice_of("\"\"")), JSON_STRING);
	assert_int_equal(json_type_of(slice_of("[]")), JSON_ARRAY);
	assert_int_equal(json_type_of(slice_of(" \t\r\n{}")), JSON_OBJECT);
	assert_int_equal(json_type_of(slice_of("")), JSON_INVALID);
	assert_int_equal(json_type_of(slice_of("  ")), JSON_INVALID);
	assert_int_equal(json_type_of(slice_of("x")), JSON_INVALID);
	assert_int_equal(json_type_of(slice_of("/")), JSON_INVALID);
	assert_int_equal(json_type_of(slice_of(":")), JSON_INVALID);
	assert_int_equal(json_type_of((struct slice){ NULL, 0 }), JSON_INVALID);
}

/* ---- strings ---- */

static void assert_unescapes(const char *value, const char *expected, size_t n)
{
	char copy[128];
	struct slice text;

	strcpy(copy, value);
	assert_true(json_unescape(checked(copy), &text));
	assert_ptr_equal(text.p, copy + 1);
	assert_int_equal(text.n, n);
	assert_memory_equal(text.p, expected, n);
}

static void escapes_become_the_bytes_they_stand_for(void **state)
{
	(void)state;
	assert_unescapes("\"\"", "", 0);
	assert_unescapes("\"plain\"", "plain", 5);
	assert_unescapes("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
	assert_unescapes("\"a\\nb\"", "a\nb", 3);
	assert_unescapes("\"\\u0041\\u006A\\u006a\"", "Ajj", 3);
	assert_unescapes("\"\\\\u0041\"", "\\u0041", 6);
	assert_unescapes("\"\\u007f\\u0080\\u07ff\"", "\x7f\xc2\x80\xdf\xbf", 5);
	assert_unescapes("\"\\u0800\\uFFFF\"", "\xe0\xa0\x80\xef\xbf\xbf", 6);
	assert_unescapes("\"\\ud7ff\\ue000\"", "\xed\x9f\xbf\xee\x80\x80", 6);
	assert_unescapes("\"\\ud800\\udc00\"", "\xf0\x90\x80\x80", 4);
	assert_unescapes("\"\\uDBFF\\uDFFF!\"", "\xf4\x8f\xbf\xbf!", 5);
	assert_unescapes("\"\xc3\xa9\\u00e9\xe2\x82\xac\"", "\xc3\xa9\xc3\xa9\xe2\x82\xac", 7);
}

static void text_with_nul_is_refused(void **state)
{
	char first[] = "\"\\u0000\"", inside[] = "\"a\\u0000b\"",
	     not_one[] = "\"\\u0001\\\\u0000\"";
	struct slice text;

	(void)state;
	assert_false(json_unescape(checked(first), &text));
	assert_false(json_unescape(checked(inside), &text));
	assert_true(json_unescape(checked(not_one), &text));
	assert_slice(text, "\x01\\u0000");
}

static void text_is_compared_with_its_escapes_resolved(void **state)
{
	(void)state;
	assert_true(json_text_is(slice_of(""), ""));
	assert_true(json_text_is(slice_of("type"), "type"));
	assert_true(json_text_is(slice_of("t\\u0079pe"), "type"));
	assert_true(json_text_is(slice_of("\\u0074\\u0079\\u0070\\u0065"), "type"));
	assert_true(json_text_is(slice_of("a\\/\\n\\\"\\\\"), "a/\n\"\\"));
	assert_true(json_text_is(slice_of("\\ud83d\\ude00\xc3\xa9"), "\xf0\x9f\x98\x80\xc3\xa9"));
	assert_false(json_text_is(slice_of(""), "a"));
	assert_false(json_text_is(slice_of("a"), ""));
	assert_false(json_text_is(slice_of("typ"), "type"));
	assert_false(json_text_is(slice_of("types"), "type"));
	assert_false(json_text_is(slice_of("Type"), "type"));
	assert_false(json_text_is(slice_of("type\\u0000"), "type"));
	assert_false(json_text_is(slice_of("\\u0000"), ""));
	assert_false(json_text_is(slice_of("\\ud83d\\ude00"), "\xf0\x9f"));
	assert_false(json_text_is(slice_of("\\"), "\\"));
	assert_false(json_text_is(slice_of("\\u00"), "u00"));
}

/* ---- numbers ---- */

static void assert_int(const char *text, int64_t expected)
{
	int64_t v = 77;

	assert_true(json_int(slice_of(text), &v));
	assert_true(v == expected);
}

static void integers_are_read_to_their_last_digit(void **state)
{
	static const char *const others[] = { "9223372036854775808",
		                              "-9223372036854775809",
		                              "18446744073709551617",
		                              "99999999999999999999999999",
		                              "1.0",
		                              "1e3",
		                              "1E3",
		                              "-",
		                              "",
		                              "\"1\"",
		                              "null",
		                              "[1]" };
	int64_t v;

	(void)state;
	assert_int("0", 0);
	assert_int("-0", 0);
	assert_int("7", 7);
	assert_int("-12", -12);
	assert_int("9007199254740993", INT64_C(9007199254740993)); /* no double holds it */
	assert_int("9223372036854775807", INT64_MAX);
	assert_int("-9223372036854775808", INT64_MIN);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(json_int(slice_of(others[i]), &v));
}

static double number(const char *text)
{
	double v = -77;

	if (!json_double(checked(text), &v))
		fail_msg("%s", text);
	return v;
}

static void other_numbers_are_near_enough_to_compare(void **state)
{
	static const char *const texts[] = { "0",
		                             "-0",
		                             "1",
		                             "-1",
		                             "0.5",
		                             "0.1",
		                             "-0.25",
		                             "3.14159",
		                             "1e3",
		                             "1E+3",
		                             "25e-2",
		                             "1e22",
		                             "123456789.125",
		                             "0.999999999999",
		                             "1.0000001",
		                             "1e308",
		                             "1e-300",
		                             "5e-324",
		                             "2.2250738585072014e-308",
		                             "0.0000000000000000000000000001e28",
		                             "1234567890123456789012345678901234567890",
		                             "1e0000000000000001",
		                             "-1.5e-9" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		double exact = strtod(texts[i], NULL);

		assert_true(fabs(number(texts[i]) - exact) <= fabs(exact) * 1e-15);
	}
	assert_true(number("0.1") == 0.1);
	assert_true(number(" 1 ") == 1);
}

static void numbers_beyond_a_double_are_infinite_or_zero(void **state)
{
	static char zeros[4096];

	(void)state;
	assert_true(number("1e309") == (double)INFINITY);
	assert_true(number("-1e999999999999999999999999") == -(double)INFINITY);
	assert_true(number("1e-999999999999999999999999") == 0);
	assert_true(number("0e999999999999999999999999") == 0);
	assert_true(number("1e-400") == 0);
	/* A long way from the point and back. */
	memset(zeros, '0', sizeof(zeros) - 1);
	zeros[1] = '.';
	memcpy(zeros + 3001, "1e3001", 7);
	assert_true(number(zeros) > 9.99 && number(zeros) < 10.01);
}

static void what_is_no_number_has_no_value(void **state)
{
	double v;

	(void)state;
	assert_false(json_double(slice_of("\"1\""), &v));
	assert_false(json_double(slice_of("null"), &v));
	assert_false(json_double(slice_of("[1]"), &v));
	assert_false(json_double(slice_of(""), &v));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_come_in_order_with_raw_keys_and_values),
		cmocka_unit_test(elements_come_in_order_as_they_stand),
		cmocka_unit_test(nothing_comes_out_of_what_is_empty_or_something_else),
		cmocka_unit_test(walking_text_that_was_never_checked_stays_inside),
		cmocka_unit_test(a_type_is_known_by_its_first_byte),
		cmocka_unit_test(escapes_become_the_bytes_they_stand_for),
		cmocka_unit_test(text_with_nul_is_refused),
		cmocka_unit_test(text_is_compared_with_its_escapes_resolved),
		cmocka_unit_test(integers_are_read_to_their_last_digit),
		cmocka_unit_test(other_numbers_are_near_enough_to_compare),
		cmocka_unit_test(numbers_beyond_a_double_are_infinite_or_zero),
		cmocka_unit_test(what_is_no_number_has_no_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
