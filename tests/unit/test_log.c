#include "tests/support/test.h"

#include <string.h>
#include <unistd.h>

#include "tests/support/alloc.h"

#include "broker-common/buf.c"
#include "broker-common/log.c"

static int ends[2]; /* of a pipe, in place of stderr */

static int setup(void **state)
{
	(void)state;
	allocs_left = ALLOCS_UNLIMITED;
	if (pipe(ends) != 0)
		return -1;
	log_setup(LOG_INFO, LOG_KV);
	log_to(ends[1]);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	log_to(STDERR_FILENO);
	close(ends[0]);
	close(ends[1]);
	return 0;
}

/* What has been logged so far; valid until the next call. */
static const char *logged(void)
{
	static char text[4096];
	ssize_t n;

	assert_int_equal(write(ends[1], "$", 1), 1); /* so that reading nothing does not wait */
	n = read(ends[0], text, sizeof(text));
	assert_true(n > 0 && text[n - 1] == '$');
	text[n - 1] = '\0';
	return text;
}

/* One line, which ends so: `ending` is what stands behind ts, level and event. */
static void assert_logged(const char *head, const char *ending)
{
	const char *line = logged(), *found = strstr(line, head);

	assert_non_null(found);
	assert_string_equal(found, ending);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void a_line_is_ts_level_event_and_the_fields(void **state)
{
	(void)state;
	log_write(LOG_WARN, "client.closed", LOG_TEXT("client", "abc"), LOG_NUM("code", 1000),
	          LOG_END);
	assert_logged("level=", "level=warn event=client.closed client=abc code=1000\n");
}

static void json_is_one_object_a_line(void **state)
{
	(void)state;
	log_setup(LOG_INFO, LOG_JSON);
	log_write(LOG_ERROR, "x", LOG_TEXT("text", "a \"b\"\n"), LOG_NUM("n", -5), LOG_END);
	assert_logged(
		"\",\"level",
		"\",\"level\":\"error\",\"event\":\"x\",\"text\":\"a \\\"b\\\"\\n\",\"n\":-5}\n");
	log_write(LOG_INFO, "y", LOG_END);
	assert_memory_equal(logged(), "{\"ts\":\"2", 8);
}

static void the_time_is_utc_with_milliseconds(void **state)
{
	struct timespec before, after;
	int year, month, day, hour, minute, second, ms, n = 0;
	const char *line;
	struct tm tm;
	long long then;

	(void)state;
	clock_gettime(CLOCK_REALTIME, &before);
	log_write(LOG_INFO, "x", LOG_END);
	clock_gettime(CLOCK_REALTIME, &after);
	line = logged();
	assert_int_equal(sscanf(line, "ts=%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &year, &month, &day,
	                        &hour, &minute, &second, &ms, &n),
	                 7);
	assert_int_equal(n, 27);
	tm = (struct tm){ .tm_year = year - 1900,
		          .tm_mon = month - 1,
		          .tm_mday = day,
		          .tm_hour = hour,
		          .tm_min = minute,
		          .tm_sec = second };
	then = (long long)timegm(&tm) * 1000 + ms;
	assert_true(then >= (long long)before.tv_sec * 1000 + before.tv_nsec / 1000000);
	assert_true(then <= (long long)after.tv_sec * 1000 + after.tv_nsec / 1000000);
}

static void values_are_quoted_where_they_must_be(void **state)
{
	(void)state;
	log_write(LOG_INFO, "x", LOG_TEXT("a", "bare-value:1.5/@"), LOG_TEXT("b", "two words"),
	          LOG_TEXT("c", "k=v"), LOG_TEXT("d", "\\"), LOG_TEXT("e", "caf\xc3\xa9"), LOG_END);
	assert_logged("event",
	              "event=x a=bare-value:1.5/@ b=\"two words\" c=\"k=v\" d=\"\\\\\" "
	              "e=\"caf\xc3\xa9\"\n");
}

static void a_value_that_is_not_there_is_empty(void **state)
{
	(void)state;
	log_write(LOG_INFO, "x", LOG_TEXT("a", NULL), LOG_TEXT("b", ""),
	          LOG_SLICE("c", ((struct slice){ NULL, 0 })), LOG_NUM("d", 0), LOG_END);
	assert_logged("event", "event=x a=\"\" b=\"\" c=\"\" d=0\n");
}

static void text_cannot_forge_a_line(void **state)
{
	static const char text[] = "x\nts=1 \x1b[2J\0\xff\" y=1";
	const struct slice s = { text, sizeof(text) - 1 };

	(void)state;
	log_write(LOG_INFO, "x", LOG_SLICE("a", s), LOG_END);
	assert_logged("event", "event=x a=\"x\\nts=1 \\u001b[2J\\u0000\xef\xbf\xbd\\\" y=1\"\n");
}

static void lines_below_the_level_are_not_written(void **state)
{
	(void)state;
	log_write(LOG_DEBUG, "debug", LOG_END);
	assert_string_equal(logged(), "");
	log_setup(LOG_ERROR, LOG_KV);
	log_write(LOG_WARN, "warn", LOG_END);
	assert_string_equal(logged(), "");
	log_setup(LOG_DEBUG, LOG_KV);
	log_write(LOG_DEBUG, "debug", LOG_END);
	assert_logged("level", "level=debug event=debug\n");
}

static void fields_of_a_line_that_is_not_wanted_are_not_evaluated(void **state)
{
	int n = 0;

	(void)state;
	log_write(LOG_DEBUG, "x", LOG_NUM("n", ++n), LOG_END);
	assert_int_equal(n, 0);
}

static void a_long_value_is_cut_and_the_line_ends_well(void **state)
{
	static char text[100000];
	const char *line;
	size_t n;

	(void)state;
	memset(text, 'x', sizeof(text));
	log_write(LOG_INFO, "x", LOG_SLICE("a", ((struct slice){ text, sizeof(text) })), LOG_END);
	line = logged();
	n = strlen(line);
	assert_in_range(n, 1000, LINE_BYTES);
	assert_string_equal(line + n - 6, "x\xe2\x80\xa6\"\n");
}

static void a_long_value_in_json_is_still_a_json_string(void **state)
{
	static char text[1500];
	const char *line;
	size_t n;

	(void)state;
	memset(text, 1, sizeof(text)); /* each becomes six bytes */
	log_setup(LOG_INFO, LOG_JSON);
	log_write(LOG_INFO, "x", LOG_SLICE("a", ((struct slice){ text, sizeof(text) })), LOG_END);
	line = logged();
	n = strlen(line);
	assert_in_range(n, 1000, LINE_BYTES);
	assert_string_equal(line + n - 12, "\\u0001\xe2\x80\xa6\"}\n");
}

static void a_value_is_not_cut_inside_a_character(void **state)
{
	static char text[5000];
	const char *line;

	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		memset(text, 'x', shift);
		for (size_t at = shift; at + 4 <= sizeof(text); at += 4)
			memcpy(text + at, "\xf0\x9f\x98\x80", 4);
		log_write(LOG_INFO, "x", LOG_SLICE("a", ((struct slice){ text, 4900 })), LOG_END);
		line = logged();
		assert_null(strstr(line, "\xef\xbf\xbd"));
		assert_non_null(strstr(line, "\xf0\x9f\x98\x80\xe2\x80\xa6\"\n"));
	}
}

static void a_line_without_room_for_more_fields_says_so(void **state)
{
	static char text[600];
	struct log_field fields[8];
	const char *line;

	(void)state;
	memset(text, 'x', sizeof(text));
	for (int i = 0; i < 7; i++)
		fields[i] = LOG_SLICE("key", ((struct slice){ text, sizeof(text) }));
	fields[7] = LOG_END;
	log_fields(LOG_INFO, "x", fields);
	line = logged();
	assert_in_range(strlen(line), 1800, LINE_BYTES);
	assert_string_equal(line + strlen(line) - 10, " cut=true\n");
	log_setup(LOG_INFO, LOG_JSON);
	log_fields(LOG_INFO, "x", fields);
	line = logged();
	assert_in_range(strlen(line), 1800, LINE_BYTES);
	assert_string_equal(line + strlen(line) - 13, ",\"cut\":true}\n");
}

static void once_it_has_logged_it_needs_no_more_memory(void **state)
{
	static char text[3000];

	(void)state;
	log_write(LOG_INFO, "first", LOG_END);
	logged();
	allocs_left = 0;
	memset(text, 1, sizeof(text));
	log_write(LOG_INFO, "x", LOG_SLICE("a", ((struct slice){ text, 1900 })), LOG_END);
	assert_non_null(strstr(logged(), "event=x a=\"\\u0001"));
}

static void a_log_that_cannot_be_written_is_lost_and_counted(void **state)
{
	const char *text;

	(void)state;
	log_to(-1);
	log_write(LOG_INFO, "lost", LOG_END);
	log_to(ends[1]);
	log_write(LOG_INFO, "kept", LOG_END);
	text = logged();
	assert_non_null(strstr(text, "level=warn event=log.lost lines=1\n"));
	assert_non_null(strstr(text, "event=kept\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void a_reader_that_stops_does_not_stop_us(void **state)
{
	char text[65536];
	int both[2], lines = 0;
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(both), 0);
	log_to(both[1]);
	log_setup(LOG_INFO, LOG_KV);
	for (int i = 0; i < 5000; i++) /* far more than the pipe holds */
		log_write(LOG_INFO, "some.event", LOG_NUM("i", i), LOG_END);
	n = read(both[0], text, sizeof text);
	assert_true(n > 0);
	log_write(LOG_INFO, "after.all", LOG_END);
	n = read(both[0], text, sizeof text - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "level=warn event=log.lost lines="));
	assert_non_null(strstr(text, "event=after.all"));
	for (const char *p = text; (p = strstr(p, "\n")) != NULL; p++)
		lines++;
	assert_true(lines >= 2);
	log_to(STDERR_FILENO);
	close(both[0]);
	close(both[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_is_ts_level_event_and_the_fields),
		TEST(json_is_one_object_a_line),
		TEST(the_time_is_utc_with_milliseconds),
		TEST(values_are_quoted_where_they_must_be),
		TEST(a_value_that_is_not_there_is_empty),
		TEST(text_cannot_forge_a_line),
		TEST(lines_below_the_level_are_not_written),
		TEST(fields_of_a_line_that_is_not_wanted_are_not_evaluated),
		TEST(a_long_value_is_cut_and_the_line_ends_well),
		TEST(a_long_value_in_json_is_still_a_json_string),
		TEST(a_value_is_not_cut_inside_a_character),
		TEST(a_line_without_room_for_more_fields_says_so),
		TEST(once_it_has_logged_it_needs_no_more_memory),
		TEST(a_log_that_cannot_be_written_is_lost_and_counted),
		cmocka_unit_test(a_reader_that_stops_does_not_stop_us),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
