#include "gateway/base/metrics.h"

#include "broker-common/version.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct metrics m;
static char *text;

static int make_zero(void **state)
{
	(void)state;
	memset(&m, 0, sizeof(m));
	return 0;
}

static int free_text(void **state)
{
	(void)state;
	free(text);
	text = NULL;
	return 0;
}

static void write_text(void)
{
	struct buf b;

	free(text);
	buf_init(&b);
	metrics_write(&m, &b);
	buf_char(&b, '\0');
	assert_false(b.failed);
	text = b.p;
}

/* The value of a series, as it stands there; NULL: there is no such line. */
static const char *find(const char *series)
{
	size_t n = strlen(series);

	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, series, n) == 0 && line[n] == ' ')
			return line + n + 1;
	}
	return NULL;
}

static void assert_value(const char *series, const char *expected)
{
	const char *value = find(series);

	if (value == NULL)
		fail_msg("no %s", series);
	if (strncmp(value, expected, strlen(expected)) != 0 || value[strlen(expected)] != '\n')
		fail_msg("%s: %.*s, not %s", series, (int)strcspn(value, "\n"), value, expected);
}

static double number(const char *series)
{
	const char *value = find(series);

	if (value == NULL)
		fail_msg("no %s", series);
	return strtod(value, NULL);
}

static void assert_line(const char *line)
{
	if (strstr(text, line) == NULL)
		fail_msg("no line: %s", line);
}

static void every_series_is_there_from_the_start(void **state)
{
	(void)state;
	write_text();
#define COUNTER(name, help) assert_value("roomcast_" #name "_total", "0");
#define GAUGE(name, help) assert_value("roomcast_" #name, "0");
#define GAUGE_MS(name, help) assert_value("roomcast_" #name, "0.000");
#define BY_ERROR(name, help) assert_value("roomcast_" #name "_total{name=\"internal\"}", "0");
#define BY_CLOSE(name, help)                                                                       \
	assert_value("roomcast_" #name "_total{reason=\"normal\",code=\"1000\"}", "0");
#define BY_LABEL(name, label, values, help)                                                        \
	assert_line("# TYPE roomcast_" #name "_total counter\nroomcast_" #name "_total{" #label    \
	            "=\"");
#define HISTOGRAM(name, help)                                                                      \
	assert_value("roomcast_" #name "_count", "0");                                             \
	assert_value("roomcast_" #name "_sum", "0.000000");                                        \
	assert_value("roomcast_" #name "_bucket{le=\"+Inf\"}", "0");
#include "gateway/base/metrics.def"
	assert_value("roomcast_build_info{version=\"" ROOMCAST_VERSION "\"}", "1");
}

enum {
	FAMILIES = 6 /* build_info, and five of the process */
#define COUNTER(name, help) +1
#define GAUGE(name, help) +1
#define GAUGE_MS(name, help) +1
#define BY_ERROR(name, help) +1
#define BY_CLOSE(name, help) +1
#define BY_LABEL(name, label, values, help) +1
#define HISTOGRAM(name, help) +1
#include "gateway/base/metrics.def"
};

static void every_family_has_help_and_type_and_its_lines_together(void **state)
{
	char family[128] = "", kind[32];
	int families = 0;

	(void)state;
	write_text();
	for (char *line = text, *end; *line != '\0'; line = end + 1) {
		char name[128] = "";

		end = strchr(line, '\n');
		assert_non_null(end); /* also the last one ends */
		if (sscanf(line, "# HELP %127s %*1s", name) == 1) {
			char again[128] = "";

			snprintf(family, sizeof(family), "%s", name);
			line = end + 1;
			assert_int_equal(sscanf(line, "# TYPE %127s %31s", again, kind), 2);
			assert_string_equal(again, family);
			end = strchr(line, '\n');
			families++;
			continue;
		}
		assert_int_equal(sscanf(line, "%127[a-z0-9_]", name), 1);
		if (strcmp(name, family) == 0 ||
		    (strcmp(kind, "histogram") == 0 && strncmp(name, family, strlen(family)) == 0))
			continue;
		fail_msg("%s stands under %s", name, family);
	}
	assert_int_equal(families, FAMILIES);
}

static void counters_and_gauges_show_what_was_counted(void **state)
{
	(void)state;
	m.deliveries = UINT64_MAX;
	m.connections = 17;
	write_text();
	assert_value("roomcast_deliveries_total", "18446744073709551615");
	assert_value("roomcast_connections", "17");
	assert_line(
		"# HELP roomcast_deliveries_total messages for clients' queues, those given up at once included\n"
		"# TYPE roomcast_deliveries_total counter\n");
	assert_line("# HELP roomcast_connections clients connected now\n"
	            "# TYPE roomcast_connections gauge\n");
}

static void errors_and_closes_are_counted_by_name(void **state)
{
	(void)state;
	m.errors[ERR_BAD_JSON] = 1;
	m.errors[ERR_COUNT - 1] = 2;
	m.connections_closed[CLOSE_NORMAL] = 3;
	m.connections_closed[CLOSE_RATE_LIMIT] = 4;
	write_text();
	assert_value("roomcast_errors_total{name=\"bad_json\"}", "1");
	assert_value("roomcast_errors_total{name=\"internal\"}", "2");
	assert_null(strstr(text, "name=\"ok\""));
	assert_value("roomcast_connections_closed_total{reason=\"normal\",code=\"1000\"}", "3");
	assert_value("roomcast_connections_closed_total{reason=\"rate_limit\",code=\"4029\"}", "4");
}

/* The positions in metrics.h are written by hand next to the table. */
static void labels_stand_at_their_positions(void **state)
{
	static const char *const refused[] = {
		[REFUSED_FULL] = "full",
		[REFUSED_ADDRESS] = "address",
		[REFUSED_OVERLOADED] = "overloaded",
		[REFUSED_DRAINING] = "draining",
		[REFUSED_SUBPROTOCOL] = "subprotocol",
		[REFUSED_BAD_REQUEST] = "bad_request",
		[REFUSED_TIMEOUT] = "timeout",
	};
	static const char *const dropped[] = {
		[DROPPED_SLOW] = "slow",
		[DROPPED_OVERLOAD] = "overload",
		[DROPPED_TOO_BIG] = "too_big",
	};
	char series[128], value[16];

	(void)state;
	for (size_t i = 0; i < METRICS_LABELS_MAX; i++) {
		m.connections_refused[i] = 10 + i;
		m.messages_dropped[i] = 20 + i;
	}
	write_text();
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		snprintf(series, sizeof(series),
		         "roomcast_connections_refused_total{reason=\"%s\"}", refused[i]);
		snprintf(value, sizeof(value), "%zu", 10 + i);
		assert_value(series, value);
	}
	for (size_t i = 0; i < sizeof(dropped) / sizeof(*dropped); i++) {
		snprintf(series, sizeof(series), "roomcast_messages_dropped_total{reason=\"%s\"}",
		         dropped[i]);
		snprintf(value, sizeof(value), "%zu", 20 + i);
		assert_value(series, value);
	}
	assert_null(strstr(text, "reason=\"\""));
}

static void note_counter(void *ctx, const char *name, uint64_t value)
{
	buf_printf(ctx, "%s=%d ", name, (int)value);
}

static void counters_are_told_by_name_and_labels_are_added(void **state)
{
	struct buf b;

	(void)state;
	m.frames_received = 7;
	m.connections = 9; /* a gauge */
	m.messages_dropped[DROPPED_SLOW] = 2;
	m.messages_dropped[DROPPED_TOO_BIG] = 3;
	m.errors[ERR_BAD_JSON] = 4;
	m.errors[ERR_INTERNAL] = 5;
	m.connections_closed[CLOSE_RATE_LIMIT] = 6;
	buf_init(&b);
	metrics_each_counter(&m, note_counter, &b);
	buf_char(&b, '\0');
	assert_non_null(strstr(b.p, "frames_received=7 "));
	assert_non_null(strstr(b.p, "messages_dropped=5 "));
	assert_non_null(strstr(b.p, " errors=9 "));
	assert_non_null(strstr(b.p, "connections_closed=6 "));
	assert_non_null(strstr(b.p, "reloads=0 "));
	assert_null(strstr(b.p, "connections="));
	assert_null(strstr(b.p, "seconds"));
	buf_fini(&b);
}

static void a_duration_is_in_the_bucket_that_just_holds_it(void **state)
{
	static const struct {
		uint64_t us;
		unsigned int bucket;
	} cases[] = {
		{ 0, 0 },         { 1, 0 },         { 2, 1 },         { 3, 2 },
		{ 4, 2 },         { 5, 3 },         { 1024, 10 },     { 1025, 11 },
		{ 67108864, 26 }, { 67108865, 27 }, { 1u << 31, 27 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct histogram h = { .sum_us = 5 };

		histogram_add(&h, cases[i].us);
		for (unsigned int b = 0; b <= HISTOGRAM_BUCKETS; b++)
			assert_int_equal(h.bucket[b], b == cases[i].bucket);
		assert_int_equal(h.sum_us, 5 + cases[i].us);
	}
}

static void a_histogram_is_cumulative_and_in_seconds(void **state)
{
	(void)state;
	histogram_add(&m.publish_queued_seconds, 1);
	histogram_add(&m.publish_queued_seconds, 3);
	histogram_add(&m.publish_queued_seconds, 4);
	histogram_add(&m.publish_queued_seconds, 67108864);
	histogram_add(&m.publish_queued_seconds, 100000000);
	write_text();
#define BUCKET(le) "roomcast_publish_queued_seconds_bucket{le=\"" le "\"}"
	assert_line("# TYPE roomcast_publish_queued_seconds histogram\n" BUCKET("1e-06") " 1\n");
	assert_value(BUCKET("2e-06"), "1");
	assert_value(BUCKET("4e-06"), "3");
	assert_value(BUCKET("0.000128"), "3");
	assert_value(BUCKET("33.554432"), "3");
	assert_value(BUCKET("67.108864"), "4");
	assert_value(BUCKET("+Inf"), "5");
	assert_value("roomcast_publish_queued_seconds_count", "5");
	assert_value("roomcast_publish_queued_seconds_sum", "167.108872");
	assert_value("roomcast_publish_written_seconds_count", "0");
}

static void the_process_shows_memory_descriptors_and_time(void **state)
{
	double fds, cpu, started, now = (double)time(NULL);
	int fd;

	(void)state;
	write_text();
	fds = number("process_open_fds");
	cpu = number("process_cpu_seconds_total");
	started = number("process_start_time_seconds");
	assert_true(number("process_resident_memory_bytes") > 100000);
	assert_true(fds >= 3 && fds <= number("process_max_fds"));
	assert_true(started <= now + 1 && started > now - 600);

	fd = dup(2);
	while (clock() < (clock_t)((cpu + 0.02) * CLOCKS_PER_SEC))
		continue;
	write_text();
	assert_true(number("process_open_fds") == fds + 1);
	assert_true(number("process_cpu_seconds_total") >= cpu + 0.01);
	assert_true(number("process_start_time_seconds") == started);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_series_is_there_from_the_start),
		cmocka_unit_test(every_family_has_help_and_type_and_its_lines_together),
		cmocka_unit_test_setup(counters_and_gauges_show_what_was_counted, make_zero),
		cmocka_unit_test_setup(errors_and_closes_are_counted_by_name, make_zero),
		cmocka_unit_test_setup(labels_stand_at_their_positions, make_zero),
		cmocka_unit_test_setup(counters_are_told_by_name_and_labels_are_added, make_zero),
		cmocka_unit_test(a_duration_is_in_the_bucket_that_just_holds_it),
		cmocka_unit_test_setup(a_histogram_is_cumulative_and_in_seconds, make_zero),
		cmocka_unit_test(the_process_shows_memory_descriptors_and_time),
	};

	return cmocka_run_group_tests(tests, NULL, free_text);
}
