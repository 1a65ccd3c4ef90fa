#include "tests/support/queue.h"

static void gap(const char *topic, enum gap_reason why, uint32_t count)
{
	queue_gap(&q, LANE_NORMAL, slice_of(topic), why, count);
}

static void a_gap_stands_at_the_end_of_its_lane(void **state)
{
	(void)state;
	push("a:1", QUEUE_DISCONNECT);
	gap("a", GAP_TIER, 3);
	push("a:2", QUEUE_DISCONNECT);
	queue_gap(&q, LANE_HIGH, slice_of("b"), GAP_OVERLOAD, 1);
	assert_int_equal(q.gaps, 2);
	assert_int_equal(q.messages, 2);
	assert_take("<[\"b\"] overload 1> a:1 <[\"a\"] tier 3> a:2");
	assert_int_equal(taken, 2);
	assert_int_equal(q.gaps, 0);
	assert_null(q.lane[LANE_NORMAL]);
}

static void gaps_at_the_end_are_one_for_each_reason(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		gap("a", GAP_TIER, 1);
		gap("b", GAP_SLOW, 2);
	}
	assert_int_equal(q.gaps, 1);
	assert_take("<[\"b\"] slow 2000> <[\"a\"] tier 1000>");
}

static void a_drop_joins_gaps_of_every_reason(void **state)
{
	(void)state;
	gap("a", GAP_TIER, 1);
	push("b:1", QUEUE_DROP_OLDEST);
	gap("c", GAP_SLOW, 1);
	gap("c", GAP_TIER, 1);
	push_many("x:1", QUEUE_DISCONNECT, 4);
	assert_int_equal(q.gaps, 1);
	assert_take("<[\"c\",\"b\"] slow 2> <[\"a\",\"c\"] tier 2> x:1 x:1 x:1 x:1");
}

static void a_count_that_nobody_knows_is_left_out(void **state)
{
	(void)state;
	gap("*", GAP_TIER, 0);
	assert_int_equal(q.gaps, 1);
	assert_take("<\"*\" tier 0>");
}

static void name_topics(int n)
{
	char topic[16];

	for (int i = 0; i < n; i++) {
		snprintf(topic, sizeof(topic), "t%d", i);
		gap(topic, GAP_SLOW, 1);
	}
}

static void sixteen_topics_are_named_and_one_more_is_everything(void **state)
{
	(void)state;
	name_topics(QUEUE_GAP_TOPICS);
	name_topics(QUEUE_GAP_TOPICS); /* the same again */
	assert_take("<[\"t0\",\"t1\",\"t2\",\"t3\",\"t4\",\"t5\",\"t6\",\"t7\",\"t8\","
	            "\"t9\",\"t10\",\"t11\",\"t12\",\"t13\",\"t14\",\"t15\"] slow 32>");
	name_topics(QUEUE_GAP_TOPICS + 1);
	gap("a", GAP_SLOW, 1);
	assert_take("<\"*\" slow 18>");
}

static void everything_swallows_names(void **state)
{
	(void)state;
	gap("a", GAP_SLOW, 1);
	gap("*", GAP_SLOW, 1);
	gap("b", GAP_SLOW, 1);
	assert_take("<\"*\" slow 3>");
}

static void joined_gaps_keep_everything(void **state)
{
	(void)state;
	for (int left = 0; left < 2; left++) {
		gap(left ? "*" : "a", GAP_SLOW, 1);
		push("b:1", QUEUE_DROP_OLDEST);
		gap(left ? "a" : "*", GAP_SLOW, 1);
		push_many("x:1", QUEUE_DISCONNECT, 4);
		assert_take("<\"*\" slow 3> x:1 x:1 x:1 x:1");
	}
}

static void a_message_without_a_topic_may_have_been_anything(void **state)
{
	(void)state;
	push("no topic", QUEUE_DROP_OLDEST);
	push_many("x:1", QUEUE_DISCONNECT, 4);
	assert_take("<\"*\" slow 1> x:1 x:1 x:1 x:1");
}

static void a_name_too_long_to_keep_is_everything(void **state)
{
	char topic[257], expected[300];

	(void)state;
	memset(topic, 'a', 256);
	topic[256] = '\0';
	gap(topic, GAP_SLOW, 1);
	assert_take("<\"*\" slow 1>");
	topic[255] = '\0';
	gap(topic, GAP_SLOW, 1);
	snprintf(expected, sizeof(expected), "<[\"%s\"] slow 1>", topic);
	assert_take(expected);
}

static const char slow_a[] =
	"{\"type\":\"gap\",\"topics\":[\"a\"],\"reason\":\"slow\",\"count\":1}";

/* A message in the control lane that leaves `room` bytes of a take. */
static size_t push_answer_that_leaves(size_t room)
{
	const size_t n = MESSAGE_CHUNK - room;

	push_message(large(n, LANE_CONTROL, QUEUE_DISCONNECT), ERR_OK);
	return n + MESSAGE_CHUNK_HEAD;
}

static void a_gap_waits_for_room(void **state)
{
	size_t n = push_answer_that_leaves(2 + strlen(slow_a) - 1);

	(void)state;
	queue_gap(&q, LANE_CONTROL, slice_of("a"), GAP_SLOW, 1);
	push("a:1", QUEUE_DISCONNECT);
	assert_int_equal(take(ROOM), n);
	assert_int_equal(q.gaps, 1);
	assert_take("<[\"a\"] slow 1> a:1");
}

static void a_gap_may_be_told_in_two_takes(void **state)
{
	size_t n = push_answer_that_leaves(2 + strlen(slow_a));

	(void)state;
	queue_gap(&q, LANE_CONTROL, slice_of("a"), GAP_SLOW, 1);
	queue_gap(&q, LANE_CONTROL, slice_of("a"), GAP_TIER, 1);
	assert_int_equal(take(ROOM), n + 2 + strlen(slow_a));
	assert_memory_equal(out + n + 2, slow_a, strlen(slow_a));
	queue_gap(&q, LANE_CONTROL, slice_of("b"), GAP_TIER, 1);
	assert_int_equal(q.gaps, 1);
	assert_take("<[\"a\",\"b\"] tier 2>");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		QUEUE_TEST(a_gap_stands_at_the_end_of_its_lane),
		QUEUE_TEST(gaps_at_the_end_are_one_for_each_reason),
		QUEUE_TEST(a_drop_joins_gaps_of_every_reason),
		QUEUE_TEST(a_count_that_nobody_knows_is_left_out),
		QUEUE_TEST(sixteen_topics_are_named_and_one_more_is_everything),
		QUEUE_TEST(everything_swallows_names),
		QUEUE_TEST(joined_gaps_keep_everything),
		QUEUE_TEST(a_message_without_a_topic_may_have_been_anything),
		QUEUE_TEST(a_name_too_long_to_keep_is_everything),
		QUEUE_TEST(a_gap_waits_for_room),
		QUEUE_TEST(a_gap_may_be_told_in_two_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
