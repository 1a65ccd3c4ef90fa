#include "tests/support/test.h"

#include "broker-common/utf8.h"

static bool is(const char *text)
{
	return utf8_is(slice_of(text));
}

static void text_of_every_length_is_taken(void **state)
{
	(void)state;
	assert_true(is(""));
	assert_true(is("plain"));
	assert_true(is("\xc2\x80 \xdf\xbf"));
	assert_true(is("\xe0\xa0\x80 \xef\xbf\xbf \xed\x9f\xbf \xee\x80\x80"));
	assert_true(is("\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"));
}

static void what_rfc_3629_forbids_is_refused(void **state)
{
	static const char *const wrong[] = {
		"\x80",     /* a tail alone */
		"\xc0\xaf", /* overlong, 2 bytes */
		"\xc1\xbf",
		"\xe0\x9f\xbf",     /* overlong, 3 */
		"\xf0\x8f\xbf\xbf", /* overlong, 4 */
		"\xed\xa0\x80",     /* a surrogate */
		"\xf4\x90\x80\x80", /* above U+10FFFF */
		"\xf5\x80\x80\x80",
		"\xff",
		"a\xc3",
		"a\xe2\x82",
		"a\xf0\x9f\x98", /* cut short */
		"\xc3(",
		"\xe2(\xa1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(is(wrong[i]));
}

static void a_character_is_not_read_beyond_the_end(void **state)
{
	(void)state;
	assert_false(utf8_is((struct slice){ "\xe2\x82\xac", 2 }));
	assert_int_equal(utf8_length((const unsigned char *)"\xe2\x82\xac", 3), 3);
	assert_int_equal(utf8_length((const unsigned char *)"\xe2\x82\xac", 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_of_every_length_is_taken),
		cmocka_unit_test(what_rfc_3629_forbids_is_refused),
		cmocka_unit_test(a_character_is_not_read_beyond_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
