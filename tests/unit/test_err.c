#include "broker-common/err.h"

#include "tests/support/test.h"

#include <string.h>

static bool is_snake(const char *text)
{
	return text[0] != '\0' &&
		strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(text);
}

static void every_error_has_a_number_and_a_name_of_its_own(void **state)
{
	(void)state;
	assert_int_equal(ERR_OK, 0);
	for (enum err e = ERR_OK + 1; e < ERR_COUNT; e++) {
		assert_in_range(err_number(e), 1000, 1999);
		assert_true(is_snake(err_name(e)));
		for (enum err other = ERR_OK; other < e; other++) {
			assert_string_not_equal(err_name(e), err_name(other));
			if (other != ERR_OK)
				assert_int_not_equal(err_number(e), err_number(other));
		}
	}
}

/* It is put into a frame as it stands, and shown to a person. */
static void every_error_has_a_sentence_that_prints(void **state)
{
	(void)state;
	for (enum err e = ERR_OK + 1; e < ERR_COUNT; e++) {
		const char *s = err_sentence(e);

		assert_in_range(strlen(s), 10, 160);
		for (; *s != '\0'; s++)
			assert_true(*s >= ' ' && *s <= '~' && *s != '"' && *s != '\\');
	}
}

static void every_error_has_an_http_status(void **state)
{
	(void)state;
	assert_int_equal(err_http_status(ERR_OK), 200);
	for (enum err e = ERR_OK + 1; e < ERR_COUNT; e++)
		assert_in_range(err_http_status(e), 400, 599);
	assert_int_equal(err_http_status(ERR_BAD_JSON), 400);
	assert_int_equal(err_http_status(ERR_TOO_BIG), 413);
	assert_int_equal(err_http_status(ERR_UNAVAILABLE), 503);
}

static void only_what_no_correct_client_sends_counts_towards_max_errors(void **state)
{
	static const char *const counted[] = { "bad_json",      "bad_frame", "unknown_type",
		                               "missing_field", "bad_topic", "bad_payload",
		                               "too_big",       "forbidden" };

	(void)state;
	assert_false(err_in_budget(ERR_OK));
	for (enum err e = ERR_OK + 1; e < ERR_COUNT; e++) {
		bool expected = false;

		for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++)
			expected = expected || strcmp(err_name(e), counted[i]) == 0;
		assert_int_equal(err_in_budget(e), expected);
	}
}

/* Clients of earlier versions know these. */
static void numbers_on_the_wire_never_change(void **state)
{
	(void)state;
	assert_int_equal(err_number(ERR_BAD_JSON), 1001);
	assert_int_equal(err_number(ERR_FORBIDDEN), 1008);
	assert_int_equal(err_number(ERR_NOT_AUTHENTICATED), 1101);
	assert_int_equal(err_number(ERR_RATE_LIMITED), 1106);
	assert_int_equal(err_number(ERR_UNAVAILABLE), 1201);
	assert_int_equal(err_number(ERR_INTERNAL), 1299);
	assert_int_equal(close_code(CLOSE_RESTART), 1012);
	assert_int_equal(close_code(CLOSE_TOO_SLOW), 4009);
	assert_int_equal(close_code(CLOSE_RATE_LIMIT), 4029);
}

static void a_number_tells_its_error_and_others_tell_none(void **state)
{
	static const uint32_t none[] = { 0, 1, 1000, 1009, 1298, 1300, UINT32_MAX };

	(void)state;
	for (enum err e = ERR_OK + 1; e < ERR_COUNT; e++)
		assert_int_equal(err_of_number((uint32_t)err_number(e)), e);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(err_of_number(none[i]), ERR_OK);
}

/* RFC 6455 section 7.4: 1004, 1005, 1006 and 1015 are never sent. */
static void every_close_has_a_code_that_may_be_sent_and_a_label(void **state)
{
	(void)state;
	for (enum close_why w = 0; w < CLOSE_COUNT; w++) {
		int code = close_code(w);

		assert_true((code >= 1000 && code <= 1014) || (code >= 4000 && code <= 4999));
		assert_true(code < 1004 || code > 1006);
		assert_true(is_snake(close_label(w)));
		for (enum close_why other = 0; other < w; other++) {
			assert_int_not_equal(code, close_code(other));
			assert_string_not_equal(close_label(w), close_label(other));
		}
	}
}

/* RFC 6455 section 5.5: a control frame holds 125 bytes, two of them are the code. */
static void every_reason_fits_a_close_frame(void **state)
{
	(void)state;
	for (enum close_why w = 0; w < CLOSE_COUNT; w++)
		assert_in_range(strlen(close_reason(w)), 1, 123);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_has_a_number_and_a_name_of_its_own),
		cmocka_unit_test(every_error_has_a_sentence_that_prints),
		cmocka_unit_test(every_error_has_an_http_status),
		cmocka_unit_test(only_what_no_correct_client_sends_counts_towards_max_errors),
		cmocka_unit_test(numbers_on_the_wire_never_change),
		cmocka_unit_test(a_number_tells_its_error_and_others_tell_none),
		cmocka_unit_test(every_close_has_a_code_that_may_be_sent_and_a_label),
		cmocka_unit_test(every_reason_fits_a_close_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
