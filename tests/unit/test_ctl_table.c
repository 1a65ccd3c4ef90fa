/* What roomcastctl shows: text, values and tables. */
#include "tests/support/test.h"

#include "tools/ctl/table.h"
#include "tools/ctl/text.h"

#include <locale.h>

#define COLUMNS_OF(columns) (columns), sizeof(columns) / sizeof((columns)[0])

static void assert_holds(struct buf *b, const char *text)
{
	buf_char(b, '\0');
	assert_false(b->failed);
	assert_string_equal(b->p, text);
	buf_fini(b);
}

static void assert_shown(const char *json, enum shape shape, const char *text)
{
	struct buf b;

	buf_init(&b);
	shape_write(&b, slice_of(json), shape);
	assert_holds(&b, text);
}

static void control_characters_are_spelled_out(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b);
	text_harmless(&b, slice_of("a\x1b[2J\x7f\xc2\x9b\xe2\x80\xae\xef\xbb\xbf\xc3\xa4 z"));
	assert_holds(&b, "a\\x1b[2J\\x7f\\x9b\\u202e\\ufeff\xc3\xa4 z");
}

static void text_cut_off_in_the_middle_of_a_character_is_taken_as_it_is(void **state)
{
	(void)state;
	assert_int_equal(text_width((struct slice){ "ab\xe2\x80", 4 }), 4);
}

static void what_is_too_wide_is_cut_and_marked(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b);
	assert_int_equal(text_cut(&b, slice_of("abcdef"), 6), 6);
	assert_int_equal(text_cut(&b, slice_of("abcdef"), 4), 4);
	assert_int_equal(text_cut(&b, slice_of("abcdef"), 1), 1);
	assert_int_equal(text_cut(&b, slice_of("abcdef"), 0), 0);
	assert_holds(&b, "abcdefabc\xe2\x80\xa6\xe2\x80\xa6");
}

static void wide_characters_take_two_columns(void **state)
{
	struct buf b;

	(void)state;
	assert_int_equal(text_width(slice_of("\xe6\xb0\xb4\xe6\xb0\xb4")), 4);
	buf_init(&b);
	assert_int_equal(text_cut(&b, slice_of("\xe6\xb0\xb4\xe6\xb0\xb4"), 3), 3);
	assert_holds(&b, "\xe6\xb0\xb4\xe2\x80\xa6");
}

static void values_are_shown_for_a_person(void **state)
{
	(void)state;
	assert_shown("0", SHAPE_BYTES, "0");
	assert_shown("1023", SHAPE_BYTES, "1023");
	assert_shown("1536", SHAPE_BYTES, "1.5K");
	assert_shown("104857600", SHAPE_BYTES, "100M");
	assert_shown("9223372036854775807", SHAPE_BYTES, "8192P");
	assert_shown("999", SHAPE_MS, "999ms");
	assert_shown("12345", SHAPE_MS, "12.3s");
	assert_shown("65000", SHAPE_MS, "1m05s");
	assert_shown("3", SHAPE_SECONDS, "3s");
	assert_shown("3660", SHAPE_SECONDS, "1h01m");
	assert_shown("90000", SHAPE_SECONDS, "1d01h");
	assert_shown("9223372036854775807", SHAPE_SECONDS, "106751991167d07h");
	assert_shown("999", SHAPE_US, "999us");
	assert_shown("1500", SHAPE_US, "1.5ms");
	assert_shown("2000000", SHAPE_US, "2.0s");
	assert_shown("true", SHAPE_YES, "yes");
	assert_shown("false", SHAPE_YES, "no");
	assert_shown("true", SHAPE_STAR, "*");
	assert_shown("false", SHAPE_STAR, "");
	assert_shown("[\"a\", \"b\"]", SHAPE_TEXT, "a, b");
	assert_shown("[1,2,3]", SHAPE_COUNT, "3");
	assert_shown("7", SHAPE_COUNT, "7");
	assert_shown("\"\\u001b\\\"\"", SHAPE_TEXT, "\\x1b\"");
	assert_shown("{\"a\":1}", SHAPE_TEXT, "{\"a\":1}");
}

static void values_of_another_kind_are_shown_as_they_stand(void **state)
{
	(void)state;
	assert_shown("-5", SHAPE_MS, "-5");
	assert_shown("1.5", SHAPE_BYTES, "1.5");
	assert_shown("\"soon\"", SHAPE_MS, "soon");
	assert_shown("null", SHAPE_TEXT, "-");
	assert_shown("\"a\\u0000b\"", SHAPE_TEXT, "a\\u0000b");
}

static void a_field_may_lie_in_another_object(void **state)
{
	struct slice object = slice_of("{\"a\":{\"b\":{\"c\":7}},\"t\":true,\"s\":\"x\"}");

	(void)state;
	assert_int_equal(field_int(object, "a.b.c", -1), 7);
	assert_int_equal(field_int(object, "a.c", -1), -1);
	assert_int_equal(field_int(object, "s.c", -1), -1);
	assert_true(field_true(object, "t"));
	assert_false(field_true(object, "s"));
	assert_true(field_is(object, "s", "x"));
	assert_false(field_is(object, "t", "true"));
}

/* ---- tables ---- */

static const struct column columns[] = { { "NAME", "name", SHAPE_TEXT },
	                                 { "N", "n", SHAPE_NUMBER },
	                                 { "WHY", "why", SHAPE_TEXT } };

static void assert_table(size_t width, const char *text)
{
	const struct slice rows[] = { slice_of("{\"name\":\"short\",\"n\":1,\"why\":\"x\"}"),
		                      slice_of("{\"name\":\"a-longer-name\",\"n\":12345}") };
	struct buf b;

	buf_init(&b);
	table_write(&b, COLUMNS_OF(columns), rows, 2, width);
	assert_holds(&b, text);
}

static void a_table_is_as_wide_as_its_cells(void **state)
{
	(void)state;
	assert_table(0,
	             "NAME               N  WHY\n"
	             "short              1  x\n"
	             "a-longer-name  12345  -\n");
}

static void a_table_that_is_too_wide_cuts_text_and_never_numbers(void **state)
{
	(void)state;
	assert_table(20,
	             "NAME          N  WHY\n"
	             "short         1  x\n"
	             "a-longe\xe2\x80\xa6  12345  -\n");
}

static void columns_that_do_not_fit_are_left_out(void **state)
{
	(void)state;
	assert_table(16,
	             "NAME           N\n"
	             "short          1\n"
	             "a-longer\xe2\x80\xa6  12345\n");
}

static void one_column_fits_any_width(void **state)
{
	(void)state;
	assert_table(3, "NA\xe2\x80\xa6\nsh\xe2\x80\xa6\na-\xe2\x80\xa6\n");
}

static void one_object_has_a_line_for_each_field_that_is_there(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b);
	table_write_one(&b, COLUMNS_OF(columns),
	                slice_of("{\"why\":\"because of this\",\"name\":\"x\"}"), 12);
	assert_holds(&b, "NAME  x\nWHY   becau\xe2\x80\xa6\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_characters_are_spelled_out),
		cmocka_unit_test(text_cut_off_in_the_middle_of_a_character_is_taken_as_it_is),
		cmocka_unit_test(what_is_too_wide_is_cut_and_marked),
		cmocka_unit_test(wide_characters_take_two_columns),
		cmocka_unit_test(values_are_shown_for_a_person),
		cmocka_unit_test(values_of_another_kind_are_shown_as_they_stand),
		cmocka_unit_test(a_field_may_lie_in_another_object),
		cmocka_unit_test(a_table_is_as_wide_as_its_cells),
		cmocka_unit_test(a_table_that_is_too_wide_cuts_text_and_never_numbers),
		cmocka_unit_test(columns_that_do_not_fit_are_left_out),
		cmocka_unit_test(one_column_fits_any_width),
		cmocka_unit_test(one_object_has_a_line_for_each_field_that_is_there),
	};

	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
