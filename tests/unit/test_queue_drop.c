/* What a full queue gives up, and the gap that stands in its place. */
#include "tests/support/queue.h"

static void drop_oldest_gives_the_oldest_up_with_a_gap_in_its_place(void **state)
{
	(void)state;
	push("x:1", QUEUE_DISCONNECT);
	push("a:2", QUEUE_DROP_OLDEST);
	push("x:3", QUEUE_DISCONNECT);
	push("b:4", QUEUE_DROP_OLDEST);
	push("c:5", QUEUE_DROP_OLDEST);
	assert_int_equal(dropped, 1);
	assert_int_equal(q.messages, 4);
	assert_int_equal(q.gaps, 1);
	assert_takes("x:1 <[\"a\"] slow 1> x:3 b:4 c:5");
	assert_int_equal(taken, 4);
}

static void gaps_next_to_each_other_are_one(void **state)
{
	(void)state;
	push("a:1", QUEUE_DROP_OLDEST);
	push("a:2", QUEUE_DROP_OLDEST);
	push("b:3", QUEUE_DROP_OLDEST);
	push("x:4", QUEUE_DISCONNECT);
	for (int i = 0; i < 3; i++)
		push("y:5", QUEUE_DISCONNECT);
	assert_int_equal(q.gaps, 1);
	assert_takes("<[\"a\",\"b\"] slow 3> x:4 y:5 y:5 y:5");
}

static void a_gap_between_two_others_joins_them(void **state)
{
	(void)state;
	limits.messages = 5;
	push("x:0", QUEUE_DISCONNECT);
	push_low_first("a:1", DROP_LOW);
	push("b:2", QUEUE_DROP_OLDEST);
	push_low_first("c:3", DROP_LOW);
	push("x:4", QUEUE_DISCONNECT);
	push("x:5", QUEUE_DISCONNECT);
	push("x:6", QUEUE_DISCONNECT);
	assert_int_equal(q.gaps, 2);
	push("x:7", QUEUE_DISCONNECT);
	assert_int_equal(q.gaps, 1);
	assert_int_equal(dropped, 3);
	assert_takes("x:0 <[\"a\",\"c\",\"b\"] slow 3> x:4 x:5 x:6 x:7");
}

static void drop_newest_is_not_taken_when_it_does_not_fit(void **state)
{
	(void)state;
	push("a:1", QUEUE_DROP_OLDEST);
	push_low_first("b:2", DROP_LOW);
	push("n:3", QUEUE_DROP_NEWEST);
	push("n:4", QUEUE_DROP_NEWEST);
	push("n:5", QUEUE_DROP_NEWEST);
	push_high("h:6", QUEUE_DROP_NEWEST);
	push("n:7", QUEUE_DROP_NEWEST);
	assert_int_equal(dropped, 3);
	assert_takes("<[\"h\"] slow 1> a:1 b:2 n:3 n:4 <[\"n\"] slow 2>");
}

static void short_memory_takes_the_lowest_class_where_its_policy_allows(void **state)
{
	(void)state;
	limits.messages = 10;
	push_low_first("lo:1", DROP_LOW);
	push_low_first("no:2", DROP_NORMAL);
	push("old:3", QUEUE_DROP_OLDEST);
	push_low_first("lo:4", DROP_LOW);
	push_as("keep:5", LANE_NORMAL, QUEUE_DISCONNECT, DROP_LOW, ERR_OK);
	assert_int_equal(queue_shed(&q), 2);
	assert_int_equal(queue_shed(&q), 0);
	assert_int_equal(q.messages, 3);
	assert_takes("<[\"lo\"] overload 1> no:2 old:3 <[\"lo\"] overload 1> keep:5");
}

static void victims_go_in_the_order_of_their_policies(void **state)
{
	(void)state;
	limits.messages = 6;
	push_low_first("hi:1", DROP_HIGH);
	push_low_first("no:2", DROP_NORMAL);
	push("new:3", QUEUE_DROP_NEWEST);
	push("new:4", QUEUE_DROP_NEWEST);
	push("old:5", QUEUE_DROP_OLDEST);
	push_low_first("lo:6", DROP_LOW);
	for (uint32_t i = 1; i <= 6; i++) {
		push("x:7", QUEUE_DISCONNECT);
		assert_int_equal(dropped, i);
	}
	push_as("x:8", LANE_NORMAL, QUEUE_DISCONNECT, DROP_HIGH, ERR_QUEUE_FULL);
	assert_takes("<[\"lo\",\"old\",\"new\",\"no\",\"hi\"] slow 6> x:7 x:7 x:7 x:7 x:7 x:7");
}

static void of_drop_newest_the_newest_goes_first(void **state)
{
	(void)state;
	push("a:1", QUEUE_DROP_NEWEST);
	push("x:2", QUEUE_DISCONNECT);
	push("b:3", QUEUE_DROP_NEWEST);
	push("x:4", QUEUE_DISCONNECT);
	push("x:5", QUEUE_DISCONNECT);
	assert_int_equal(take(ROOM),
	                 4 * 5 +
	                         strlen("{\"type\":\"gap\",\"topics\":[\"b\"],"
	                                "\"reason\":\"slow\",\"count\":1}") +
	                         2);
	push("c:1", QUEUE_DROP_NEWEST);
	push("x:2", QUEUE_DISCONNECT);
	push("d:3", QUEUE_DROP_NEWEST);
	push("x:4", QUEUE_DISCONNECT);
	push("x:5", QUEUE_DISCONNECT);
	push("x:6", QUEUE_DISCONNECT);
	assert_takes("<[\"c\"] slow 1> x:2 <[\"d\"] slow 1> x:4 x:5 x:6");
}

static void within_a_step_the_normal_lane_gives_first(void **state)
{
	(void)state;
	push_high("h:1", QUEUE_DROP_OLDEST);
	push_as("n:2", LANE_NORMAL, QUEUE_DROP_OLDEST, DROP_NORMAL, ERR_OK);
	push("x:3", QUEUE_DISCONNECT);
	push("x:4", QUEUE_DISCONNECT);
	push("x:5", QUEUE_DISCONNECT);
	push("x:6", QUEUE_DISCONNECT);
	assert_takes("<[\"h\"] slow 1> <[\"n\"] slow 1> x:3 x:4 x:5 x:6");
}

static void a_low_message_gives_way_to_none_but_its_like(void **state)
{
	(void)state;
	push("a:1", QUEUE_DROP_OLDEST);
	push_low_first("b:2", DROP_NORMAL);
	push_low_first("c:3", DROP_LOW);
	push("x:4", QUEUE_DISCONNECT);
	push_low_first("d:5", DROP_LOW); /* in the place of c:3 */
	push_low_first("e:6", DROP_LOW); /* of d:5 */
	push("x:7", QUEUE_DISCONNECT);   /* of e:6 */
	push_low_first("f:8", DROP_LOW); /* itself */
	assert_int_equal(dropped, 4);
	assert_takes("a:1 b:2 <[\"c\"] slow 1> x:4 <[\"d\",\"e\"] slow 2> x:7 <[\"f\"] slow 1>");
}

static void a_message_gives_way_before_a_higher_class_does(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		push_low_first("hi:1", DROP_HIGH);
	push_low_first("no:2", DROP_NORMAL);
	push_as("old:3", LANE_NORMAL, QUEUE_DROP_OLDEST, DROP_NORMAL, ERR_OK);
	assert_int_equal(dropped, 2);
	push_low_first("hi:4", DROP_HIGH);
	assert_int_equal(dropped, 3);
	assert_takes("<[\"hi\"] slow 1> hi:1 hi:1 hi:1 <[\"no\",\"old\"] slow 2> hi:4");
}

static void whoever_can_give_way_never_closes_a_client(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		push("x:1", QUEUE_DISCONNECT);
	push("a:2", QUEUE_DROP_OLDEST);
	push("b:3", QUEUE_DROP_NEWEST);
	push_low_first("c:4", DROP_LOW);
	push_low_first("d:5", DROP_HIGH);
	assert_int_equal(dropped, 4);
	assert_int_equal(q.messages, 4);
	assert_takes("x:1 x:1 x:1 x:1 <[\"a\",\"b\",\"c\",\"d\"] slow 4>");
}

static void as_many_are_given_up_as_the_bytes_need(void **state)
{
	(void)state;
	limits.messages = 100;
	push("a:1", QUEUE_DROP_OLDEST);
	push("x:2", QUEUE_DISCONNECT);
	push_message(large(500, LANE_NORMAL, QUEUE_DROP_OLDEST), ERR_OK);
	push("b:4", QUEUE_DROP_OLDEST);
	push_message(large(485, LANE_NORMAL, QUEUE_DROP_OLDEST), ERR_OK); /* 5 + 504 + 5 must go */
	assert_int_equal(dropped, 2);
	assert_int_equal(q.bytes, 5 + 5 + 489);
	assert_int_equal(q.messages, 3);
}

static void nothing_is_given_up_in_vain(void **state)
{
	(void)state;
	limits.messages = 100;
	push("a:1", QUEUE_DROP_OLDEST);
	push("b:2", QUEUE_DROP_OLDEST);
	push_message(large(900, LANE_NORMAL, QUEUE_DISCONNECT), ERR_OK);
	push_message(large(200, LANE_NORMAL, QUEUE_DISCONNECT), ERR_QUEUE_FULL);
	assert_int_equal(dropped, 0);
	push_message(large(200, LANE_NORMAL, QUEUE_DROP_OLDEST), ERR_OK);
	assert_int_equal(dropped, 1); /* itself: no topic, so anything may be missing */
	assert_int_equal(q.messages, 3);
	assert_int_equal(q.bytes, 5 + 5 + 904);
	assert_int_equal(q.gaps, 1);
}

static void a_large_message_may_empty_the_queue(void **state)
{
	(void)state;
	push("a:1", QUEUE_DROP_OLDEST);
	push("a:2", QUEUE_DROP_OLDEST);
	push_message(large(2000, LANE_NORMAL, QUEUE_DISCONNECT), ERR_OK);
	assert_int_equal(dropped, 2);
	assert_int_equal(q.messages, 1);
	assert_int_equal(q.bytes, 2004);
}

static void lower_limits_hold_from_the_next_message_on(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		push("a:1", QUEUE_DROP_OLDEST);
	limits.messages = 2;
	push("a:2", QUEUE_DROP_OLDEST);
	assert_int_equal(dropped, 3);
	assert_takes("<[\"a\"] slow 3> a:1 a:2");
}

static void a_half_sent_message_is_never_given_up(void **state)
{
	struct message *m = large(2 * MESSAGE_CHUNK, LANE_NORMAL, QUEUE_DROP_OLDEST);

	(void)state;
	limits.messages = 2;
	limits.bytes = 100000;
	push_message(m, ERR_OK);
	assert_int_equal(take(ROOM), ROOM);
	push("a:1", QUEUE_DROP_OLDEST);
	push("a:2", QUEUE_DROP_OLDEST);
	assert_int_equal(q.messages, 2);
	assert_int_equal(dropped, 1);
	assert_int_equal(take(ROOM), ROOM);
	assert_takes("<[\"a\"] slow 1> a:2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		QUEUE_TEST(drop_oldest_gives_the_oldest_up_with_a_gap_in_its_place),
		QUEUE_TEST(gaps_next_to_each_other_are_one),
		QUEUE_TEST(a_gap_between_two_others_joins_them),
		QUEUE_TEST(drop_newest_is_not_taken_when_it_does_not_fit),
		QUEUE_TEST(short_memory_takes_the_lowest_class_where_its_policy_allows),
		QUEUE_TEST(victims_go_in_the_order_of_their_policies),
		QUEUE_TEST(of_drop_newest_the_newest_goes_first),
		QUEUE_TEST(within_a_step_the_normal_lane_gives_first),
		QUEUE_TEST(a_low_message_gives_way_to_none_but_its_like),
		QUEUE_TEST(a_message_gives_way_before_a_higher_class_does),
		QUEUE_TEST(whoever_can_give_way_never_closes_a_client),
		QUEUE_TEST(as_many_are_given_up_as_the_bytes_need),
		QUEUE_TEST(nothing_is_given_up_in_vain),
		QUEUE_TEST(a_large_message_may_empty_the_queue),
		QUEUE_TEST(lower_limits_hold_from_the_next_message_on),
		QUEUE_TEST(a_half_sent_message_is_never_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
