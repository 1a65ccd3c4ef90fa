#include "gateway/base/config_rows.h"

#include "tests/support/config_case.h"
#include "tests/support/test.h"

#include <stdio.h>

/* ---- the table ---- */

static void every_default_is_within_its_bounds_and_can_be_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < CONFIG_OPTIONS; i++) {
		const struct config_row *r = &config_rows[i];

		for (size_t p = 0; p < PROFILES; p++) {
			struct buf text, why;
			int64_t back = r->preset[p];

			buf_init(&text);
			buf_init(&why);
			row_print_value(r, r->preset[p], r->text, &text);
			buf_char(&text, '\0');
			if (!row_parse(r, text.p, &back, &why) || back != r->preset[p])
				fail_msg("%s = %s", r->name, text.p);
			buf_fini(&text);
			buf_fini(&why);
		}
		if (r->kind == CONFIG_NUMBER || r->kind == CONFIG_BYTES)
			assert_true(r->most < INT64_MAX); /* what stands for "does not fit" */
	}
}

static void every_number_is_refused_outside_its_bounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < CONFIG_OPTIONS; i++) {
		const struct config_row *r = &config_rows[i];
		int64_t cases[] = { r->least - 1, r->least, r->most, r->most + 1 }, got;

		if (r->kind != CONFIG_NUMBER && r->kind != CONFIG_BYTES)
			continue;
		for (size_t n = 0; n < 4; n++) {
			char text[32];
			struct buf why;

			buf_init(&why);
			snprintf(text, sizeof(text), "%lld", (long long)cases[n]);
			if (row_parse(r, text, &got, &why) != (n == 1 || n == 2))
				fail_msg("%s = %s", r->name, text);
			assert_int_equal(why.n == 0, n == 1 || n == 2);
			buf_fini(&why);
		}
	}
}

/* ---- values ---- */

static void assert_bytes(const char *text, int64_t expected)
{
	char flag[64];
	struct config *c;

	snprintf(flag, sizeof(flag), "--memory-limit=%s", text);
	c = load(NULL, flag, NULL);
	assert_int_equal(c->memory_limit, expected);
	config_free(c);
}

static void bytes_may_end_in_a_unit(void **state)
{
	(void)state;
	assert_bytes("0", 0);
	assert_bytes("1048577", 1048577);
	assert_bytes("3K", 3 << 10);
	assert_bytes("3k", 3 << 10);
	assert_bytes("3KB", 3 << 10);
	assert_bytes("3kb", 3 << 10);
	assert_bytes("3KiB", 3 << 10);
	assert_bytes("3M", 3 << 20);
	assert_bytes("3MiB", 3 << 20);
	assert_bytes("3GB", (int64_t)3 << 30);
	assert_bytes("1024G", (int64_t)1 << 40);
}

static void assert_not_bytes(const char *text, const char *why)
{
	char flag[64], sentence[160];

	snprintf(flag, sizeof(flag), "--queue-bytes=%s", text);
	snprintf(sentence, sizeof(sentence), "flag --queue-bytes: \"%s\" is %s; allowed: 512 to 1G",
	         text, why);
	assert_refused(NULL, flag, NULL, sentence);
}

static void bytes_are_refused_when_they_are_none(void **state)
{
	(void)state;
	assert_not_bytes("", "not a number of bytes");
	assert_not_bytes("K", "not a number of bytes");
	assert_not_bytes("-1", "not a number of bytes");
	assert_not_bytes("+1", "not a number of bytes");
	assert_not_bytes("1.5M", "not a number of bytes");
	assert_not_bytes("1T", "not a number of bytes");
	assert_not_bytes("1MM", "not a number of bytes");
	assert_not_bytes("1Mi", "not a number of bytes");
	assert_not_bytes("1MiBs", "not a number of bytes");
	assert_not_bytes("1,", "not a number of bytes");
	assert_not_bytes("0x400", "not a number of bytes");
	assert_not_bytes("511", "too small");
	assert_not_bytes("2G", "too large");
	assert_not_bytes("9223372036854775807", "too large");
	assert_not_bytes("18446744073709551617", "too large");
	assert_not_bytes("9223372036854775807K", "too large");
	assert_not_bytes("17179869185G", "too large");
	assert_not_bytes("36893488147419103232G", "too large");
}

static void assert_not_number(const char *text, const char *why)
{
	char flag[64], sentence[160];

	snprintf(flag, sizeof(flag), "--max-errors=%s", text);
	snprintf(sentence, sizeof(sentence),
	         "flag --max-errors: \"%s\" is %s; allowed: 1 to 1000000", text, why);
	assert_refused(NULL, flag, NULL, sentence);
}

static void numbers_are_digits_and_nothing_else(void **state)
{
	(void)state;
	assert_not_number("", "not a whole number");
	assert_not_number("-1", "not a whole number");
	assert_not_number("+1", "not a whole number");
	assert_not_number("1.0", "not a whole number");
	assert_not_number("1e3", "not a whole number");
	assert_not_number("1K", "not a whole number");
	assert_not_number("0x10", "not a whole number");
	assert_not_number("0", "too small");
	assert_not_number("1000001", "too large");
	assert_not_number("18446744073709551617", "too large");
	assert_not_number("99999999999999999999999999", "too large");
	assert_refused(NULL, "--max-errors -5", NULL,
	               "flag --max-errors: \"-5\" is not a whole number; allowed: 1 to 1000000");
}

static void assert_switch(const char *word, bool expected)
{
	char flag[64];
	struct config *c;

	/* each word against the default that it must change */
	snprintf(flag, sizeof(flag), "--%s=%s", expected ? "demo-page" : "allow-query-token", word);
	c = load(NULL, flag, NULL);
	assert_int_equal(expected ? c->demo_page : c->allow_query_token, expected);
	config_free(c);
}

static void switches_know_several_words(void **state)
{
	(void)state;
	assert_switch("on", true);
	assert_switch("true", true);
	assert_switch("yes", true);
	assert_switch("1", true);
	assert_switch("True", true);
	assert_switch("off", false);
	assert_switch("false", false);
	assert_switch("no", false);
	assert_switch("0", false);
	assert_refused(NULL, "--demo-page=maybe", NULL,
	               "flag --demo-page: \"maybe\" is neither on nor off; allowed: on or off");
	assert_refused(NULL, "--demo-page=", NULL,
	               "flag --demo-page: \"\" is neither on nor off; allowed: on or off");
}

static void choices_are_taken_by_name_with_hyphen_or_underscore(void **state)
{
	struct config *c = load(NULL, "--queue-policy=drop_low_first --log-level=error", NULL);

	(void)state;
	assert_int_equal(c->queue_policy, 3);
	assert_int_equal(c->log_level, 3);
	config_free(c);
	c = load(NULL, "--queue-policy=drop-oldest", NULL);
	assert_int_equal(c->queue_policy, 1);
	config_free(c);
	assert_refused(NULL, "--queue-policy=drop", NULL,
	               "flag --queue-policy: \"drop\" is none of the choices; allowed: disconnect, "
	               "drop_oldest, drop_newest or drop_low_first");
	assert_refused(NULL, "--queue-policy=drop_oldest|", NULL,
	               "flag --queue-policy: \"drop_oldest|\" is none of the choices; allowed: "
	               "disconnect, drop_oldest, drop_newest or drop_low_first");
	assert_refused(NULL, "--log-format=", NULL,
	               "flag --log-format: \"\" is none of the choices; allowed: kv or json");
	assert_refused(NULL, "--tier=kafka", NULL,
	               "flag --tier: \"kafka\" is none of the choices; allowed: memory or redis");
}

static void text_that_a_file_could_not_carry_is_refused(void **state)
{
	static const char *const bad[] = { "a\tb", "a\nb", "\x7f", " a", "a ", "a ;b", ";a" };
	static const char *const good[] = { "", "a;b", "a b", "a=b", "#", "\xc3\xa4" };
	const struct config_row *r = &config_rows[CONFIG_ROW_listen];
	int64_t unused;
	struct buf why;

	(void)state;
	buf_init(&why);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (row_parse(r, bad[i], &unused, &why))
			fail_msg("taken: '%s'", bad[i]);
	buf_reset(&why);
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (!row_parse(r, good[i], &unused, &why))
			fail_msg("refused: '%s'", good[i]);
	assert_int_equal(why.n, 0);
	buf_fini(&why);
}

static void a_strange_value_cannot_forge_the_sentence_about_it(void **state)
{
	(void)state;
	assert_refused(
		NULL, "--max-errors=\"\x1b[31m\xff\n", NULL,
		"flag --max-errors: \"\\\"\\u001b[31m\xef\xbf\xbd\\n\" is not a whole number; "
		"allowed: 1 to 1000000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_default_is_within_its_bounds_and_can_be_written),
		cmocka_unit_test(every_number_is_refused_outside_its_bounds),
		cmocka_unit_test(bytes_may_end_in_a_unit),
		cmocka_unit_test(bytes_are_refused_when_they_are_none),
		cmocka_unit_test(numbers_are_digits_and_nothing_else),
		cmocka_unit_test(switches_know_several_words),
		cmocka_unit_test(choices_are_taken_by_name_with_hyphen_or_underscore),
		cmocka_unit_test(text_that_a_file_could_not_carry_is_refused),
		cmocka_unit_test(a_strange_value_cannot_forge_the_sentence_about_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
