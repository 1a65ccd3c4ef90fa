#include "broker-common/envelope.h"

#include "broker-common/json.h"
#include "tests/support/test.h"

#include <stdlib.h>

static struct buf b;

static int empty_buf(void **state)
{
	(void)state;
	buf_init(&b);
	return 0;
}

static int free_buf(void **state)
{
	(void)state;
	buf_fini(&b);
	return 0;
}

/* That is all that was added, and it is one JSON object. */
static void assert_built(const char *expected)
{
	struct slice built = buf_view(&b);

	assert_false(b.failed);
	if (!slice_is(built, expected))
		fail_msg("%.*s is not %s", SLICE_ARGS(built), expected);
	assert_int_equal(json_check(built, &json_default_limits, NULL), JSON_OBJECT);
	buf_reset(&b);
}

static const struct slice none = { NULL, 0 };

/* ---- errors ---- */

static void an_error_says_its_own_sentence(void **state)
{
	(void)state;
	envelope_error(&b, none, ERR_ROOM_FULL, NULL);
	assert_built("{\"type\":\"error\",\"code\":1105,\"name\":\"room_full\",\"message\":"
	             "\"the room has as many members as it may have; try again later\"}");
}

static void an_error_carries_the_id_as_it_came(void **state)
{
	(void)state;
	envelope_error(&b, slice_of("-7"), ERR_BAD_FRAME, "x");
	assert_built(
		"{\"type\":\"error\",\"id\":-7,\"code\":1002,\"name\":\"bad_frame\",\"message\":\"x\"}");
	envelope_error(&b, slice_of("\"\\u0041\\n\""), ERR_BAD_FRAME, "x");
	assert_built(
		"{\"type\":\"error\",\"id\":\"\\u0041\\n\",\"code\":1002,\"name\":\"bad_frame\","
		"\"message\":\"x\"}");
}

static void a_detail_is_escaped(void **state)
{
	(void)state;
	envelope_error(&b, none, ERR_UNKNOWN_TYPE, "no \"x\\\"\n");
	assert_built("{\"type\":\"error\",\"code\":1003,\"name\":\"unknown_type\",\"message\":"
	             "\"no \\\"x\\\\\\\"\\n\"}");
}

static void every_error_makes_a_frame(void **state)
{
	(void)state;
	for (enum err e = ERR_OK + 1; e < ERR_COUNT; e++) {
		envelope_error(&b, none, e, NULL);
		assert_int_equal(json_check(buf_view(&b), &json_default_limits, NULL), JSON_OBJECT);
		buf_reset(&b);
	}
}

static void an_error_inside_of_results_has_no_type(void **state)
{
	(void)state;
	envelope_error_object(&b, ERR_BAD_TOPIC, "y");
	assert_built("{\"code\":1005,\"name\":\"bad_topic\",\"message\":\"y\"}");
}

/* ---- gaps and members ---- */

static void a_gap_names_its_topics_or_all_of_them(void **state)
{
	const struct slice topics[] = { slice_of("room:a"), slice_of("user:b") };

	(void)state;
	envelope_gap(&b, topics, 2, GAP_SLOW, 12);
	assert_built(
		"{\"type\":\"gap\",\"topics\":[\"room:a\",\"user:b\"],\"reason\":\"slow\",\"count\":12}");
	envelope_gap(&b, topics, 1, GAP_OVERLOAD, 1);
	assert_built(
		"{\"type\":\"gap\",\"topics\":[\"room:a\"],\"reason\":\"overload\",\"count\":1}");
	envelope_gap(&b, NULL, 0, GAP_TIER, 0);
	assert_built("{\"type\":\"gap\",\"topics\":\"*\",\"reason\":\"tier\"}");
}

static void a_member_shows_what_is_known_of_it(void **state)
{
	struct member m = { .client = slice_of("c") };

	(void)state;
	envelope_member(&b, &m);
	assert_built("{\"client\":\"c\"}");
	m.user = slice_of("u");
	envelope_member(&b, &m);
	assert_built("{\"client\":\"c\",\"user\":\"u\"}");
	m.info = slice_of("{ \"x\" : 1.0 }");
	envelope_member(&b, &m);
	assert_built("{\"client\":\"c\",\"user\":\"u\",\"info\":{ \"x\" : 1.0 }}");
}

/* ---- events ---- */

static struct parcel event(void)
{
	return (struct parcel){ .kind = PARCEL_EVENT,
		                .topic = slice_of("room:x"),
		                .event_type = slice_of("m"),
		                .payload = slice_of("{ \"n\":1.0 }"),
		                .ts_ms = 123 };
}

static void an_event_has_its_fields_in_one_order(void **state)
{
	struct parcel p = event();
	size_t at;

	(void)state;
	envelope_event(&b, &p, &at);
	assert_built("{\"type\":\"event\",\"topic\":\"room:x\",\"event_type\":\"m\",\"ts\":123,"
	             "\"payload\":{ \"n\":1.0 }}");
	p.from.client = slice_of("c");
	envelope_event(&b, &p, &at);
	assert_built("{\"type\":\"event\",\"topic\":\"room:x\",\"event_type\":\"m\",\"ts\":123,"
	             "\"from\":{\"client\":\"c\"},\"payload\":{ \"n\":1.0 }}");
	p.from.user = slice_of("u");
	p.id = slice_of("a\"b");
	envelope_event(&b, &p, &at);
	assert_built("{\"type\":\"event\",\"topic\":\"room:x\",\"event_type\":\"m\",\"ts\":123,"
	             "\"from\":{\"client\":\"c\",\"user\":\"u\"},\"id\":\"a\\\"b\","
	             "\"payload\":{ \"n\":1.0 }}");
}

static void a_user_without_a_client_is_not_shown(void **state)
{
	struct parcel p = event();
	size_t at;

	(void)state;
	p.from.user = slice_of("u");
	envelope_event(&b, &p, &at);
	assert_built("{\"type\":\"event\",\"topic\":\"room:x\",\"event_type\":\"m\",\"ts\":123,"
	             "\"payload\":{ \"n\":1.0 }}");
}

static void the_topic_is_where_it_is_said_to_be(void **state)
{
	struct parcel p = event();
	size_t at, before = 4;

	(void)state;
	buf_str(&b, "1234"); /* counted from what was appended */
	envelope_event(&b, &p, &at);
	assert_memory_equal(b.p + before + at, "room:x\"", 7);
}

static void every_time_is_written_in_full(void **state)
{
	static const struct {
		int64_t ts;
		const char *text;
	} times[] = { { 0, "\"ts\":0," },
		      { 9, "\"ts\":9," },
		      { 1700000000123, "\"ts\":1700000000123," },
		      { -1, "\"ts\":-1," },
		      { INT64_MAX, "\"ts\":9223372036854775807," },
		      { INT64_MIN, "\"ts\":-9223372036854775808," } };
	struct parcel p = event();
	size_t at;

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		p.ts_ms = times[i].ts;
		envelope_event(&b, &p, &at);
		buf_char(&b, '\0');
		assert_non_null(strstr(b.p, times[i].text));
		buf_reset(&b);
	}
}

static void a_large_payload_goes_through_whole(void **state)
{
	struct parcel p = event();
	size_t n = 1 << 20, at;
	char *payload = malloc(n);

	(void)state;
	assert_non_null(payload);
	memset(payload, 'x', n);
	payload[0] = payload[n - 1] = '"';
	p.payload = (struct slice){ payload, n };
	envelope_event(&b, &p, &at);
	assert_int_equal(json_check(buf_view(&b), &json_default_limits, NULL), JSON_OBJECT);
	assert_memory_equal(b.p + b.n - 1 - n, payload, n);
	free(payload);
}

/* 64 MiB is what a buffer holds. */
static void a_buffer_that_has_no_room_fails_and_says_so(void **state)
{
	struct parcel p = event();
	size_t at, n;

	(void)state;
	p.payload.n = (size_t)65 << 20; /* never read */
	buf_str(&b, "before");
	n = b.n;
	envelope_event(&b, &p, &at);
	assert_true(b.failed);
	assert_int_equal(b.n, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define with_buf(test) cmocka_unit_test_setup_teardown(test, empty_buf, free_buf)
		with_buf(an_error_says_its_own_sentence),
		with_buf(an_error_carries_the_id_as_it_came),
		with_buf(a_detail_is_escaped),
		with_buf(every_error_makes_a_frame),
		with_buf(an_error_inside_of_results_has_no_type),
		with_buf(a_gap_names_its_topics_or_all_of_them),
		with_buf(a_member_shows_what_is_known_of_it),
		with_buf(an_event_has_its_fields_in_one_order),
		with_buf(a_user_without_a_client_is_not_shown),
		with_buf(the_topic_is_where_it_is_said_to_be),
		with_buf(every_time_is_written_in_full),
		with_buf(a_large_payload_goes_through_whole),
		with_buf(a_buffer_that_has_no_room_fails_and_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
