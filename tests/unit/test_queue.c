/* Order, bounds, takes; what a full queue gives up is test_queue_drop.c. */
#include "tests/support/queue.h"

/* ---- order and bounds ---- */

static void an_empty_queue_has_nothing_to_send_and_owns_nothing(void **state)
{
	(void)state;
	assert_false(queue_has_output(&q));
	assert_int_equal(take(ROOM), 0);
	push("a:1", QUEUE_DISCONNECT);
	assert_true(queue_has_output(&q));
	assert_takes("a:1");
	for (int lane = 0; lane < LANES; lane++)
		assert_null(q.lane[lane]);
}

static void messages_come_in_the_order_of_lanes_then_of_arrival(void **state)
{
	(void)state;
	push_as("n:1", LANE_NORMAL, QUEUE_DISCONNECT, DROP_HIGH, ERR_OK);
	push_high("h:1", QUEUE_DISCONNECT);
	push_as("n:2", LANE_NORMAL, QUEUE_DISCONNECT, DROP_HIGH, ERR_OK);
	push_answer("c1");
	push_high("h:2", QUEUE_DISCONNECT);
	push_answer("c2");
	assert_takes("c1 c2 h:1 h:2 n:1 n:2");
	assert_int_equal(taken, 6);
}

static void the_smallest_birth_is_reported(void **state)
{
	static const uint64_t born[] = { 70, 0, 50, 60 };

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct message *m = message_of("a:1", LANE_NORMAL, QUEUE_DISCONNECT, DROP_NORMAL);

		m->born_us = born[i];
		push_message(m, ERR_OK);
	}
	assert_takes("a:1 a:1 a:1 a:1");
	assert_int_equal(oldest_us, 50);
	assert_int_equal(taken, 4);
}

static void push_born(uint64_t born_us, enum lane lane, enum queue_policy policy)
{
	struct message *m = message_of("a:1", lane, policy, DROP_NORMAL);

	m->born_us = born_us;
	push_message(m, ERR_OK);
}

static void the_age_of_what_waits_is_that_of_the_oldest_lane(void **state)
{
	(void)state;
	assert_true(queue_oldest_us(&q) == UINT64_MAX);
	push_answer("c1"); /* of no known birth */
	assert_true(queue_oldest_us(&q) == UINT64_MAX);
	push_born(500, LANE_HIGH, QUEUE_DISCONNECT);
	assert_int_equal(queue_oldest_us(&q), 500);
	push_born(400, LANE_NORMAL, QUEUE_DROP_OLDEST);
	push_born(700, LANE_NORMAL, QUEUE_DROP_OLDEST);
	assert_int_equal(queue_oldest_us(&q), 400);
	limits.messages = 3;
	push_born(800, LANE_NORMAL, QUEUE_DROP_OLDEST); /* a gap stands where 400 stood */
	assert_int_equal(queue_oldest_us(&q), 500);
	take(sizeof out);
	assert_true(queue_oldest_us(&q) == UINT64_MAX);
	queue_gap(&q, LANE_NORMAL, slice_of("a"), GAP_TIER, 1); /* nothing but a gap */
	assert_true(queue_oldest_us(&q) == UINT64_MAX);
}

static void what_is_half_sent_still_waits(void **state)
{
	struct message *m = large(2 * MESSAGE_CHUNK, LANE_NORMAL, QUEUE_DISCONNECT);

	(void)state;
	limits.bytes = 100000;
	m->born_us = 300;
	push_message(m, ERR_OK);
	push_born(200, LANE_HIGH, QUEUE_DISCONNECT);
	take(ROOM);
	take(ROOM);
	assert_int_equal(queue_oldest_us(&q), 300);
}

static void many_more_messages_than_slots_keep_their_order(void **state)
{
	struct seen_frame frame;
	size_t at = 0, n;
	char text[16];

	(void)state;
	limits.messages = 1000;
	limits.bytes = 100000;
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "a:%d", i);
		push(text, QUEUE_DISCONNECT);
	}
	n = take(ROOM);
	for (int i = 0; i < 1000; i++) {
		assert_true(next_frame(out, n, &at, &frame));
		snprintf(text, sizeof(text), "a:%d", i);
		assert_true(slice_is(frame.text, text));
	}
	assert_int_equal(at, n);
}

static void only_whole_frames_are_taken(void **state)
{
	(void)state;
	limits.bytes = 100000;
	push_message(large(10000, LANE_NORMAL, QUEUE_DISCONNECT), ERR_OK);
	push_message(large(10000, LANE_NORMAL, QUEUE_DISCONNECT), ERR_OK);
	assert_int_equal(take(ROOM), 10004);
	assert_int_equal(q.messages, 1);
	assert_int_equal(q.bytes, 10004);
	assert_int_equal(take(ROOM), 10004);
	assert_int_equal(take(ROOM), 0);
}

static void a_full_queue_refuses_and_stays_as_it_was(void **state)
{
	(void)state;
	push("a:1", QUEUE_DISCONNECT);
	push("a:2", QUEUE_DISCONNECT);
	push_high("b:3", QUEUE_DISCONNECT);
	push("a:4", QUEUE_DISCONNECT);
	push_as("a:5", LANE_NORMAL, QUEUE_DISCONNECT, DROP_HIGH, ERR_QUEUE_FULL);
	push_as("b:5", LANE_HIGH, QUEUE_DISCONNECT, DROP_HIGH, ERR_QUEUE_FULL);
	assert_int_equal(q.messages, 4);
	assert_int_equal(dropped, 0);
	assert_takes("b:3 a:1 a:2 a:4");
}

static void bytes_are_bounded_to_the_last_one(void **state)
{
	(void)state;
	push_message(large(996, LANE_NORMAL, QUEUE_DISCONNECT), ERR_OK); /* 1000 on the wire */
	push_as("a:1", LANE_NORMAL, QUEUE_DISCONNECT, DROP_HIGH, ERR_QUEUE_FULL);
	queue_clear_data(&q);
	push_message(large(991, LANE_NORMAL, QUEUE_DISCONNECT), ERR_OK);
	push_as("a:1", LANE_NORMAL, QUEUE_DISCONNECT, DROP_HIGH, ERR_OK);
	assert_int_equal(q.bytes, 1000);
}

static void an_empty_queue_takes_any_one_message(void **state)
{
	(void)state;
	push_message(large(5000, LANE_NORMAL, QUEUE_DISCONNECT), ERR_OK);
	assert_int_equal(q.bytes, 5004);
	push_as("a:1", LANE_HIGH, QUEUE_DISCONNECT, DROP_HIGH, ERR_QUEUE_FULL);
	push_message(large(5000, LANE_CONTROL, QUEUE_DISCONNECT), ERR_OK);
	push_as("c", LANE_CONTROL, QUEUE_DISCONNECT, DROP_HIGH, ERR_QUEUE_FULL);
	assert_int_equal(take(ROOM), 10008);
	assert_int_equal(q.messages + q.control_messages, 0);
}

static void control_has_a_limit_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		push("a:1", QUEUE_DISCONNECT);
	push_answer("c1");
	push_answer("c2");
	push_answer("c3");
	push_as("c4", LANE_CONTROL, QUEUE_DROP_OLDEST, DROP_LOW, ERR_QUEUE_FULL);
	assert_int_equal(q.control_messages, 3);
	assert_int_equal(q.control_bytes, 12);
	assert_int_equal(q.messages, 4);
	assert_takes("c1 c2 c3 a:1 a:1 a:1 a:1");
	assert_int_equal(q.control_messages, 0);
	assert_int_equal(q.control_bytes, 0);
	push_message(large(300, LANE_CONTROL, QUEUE_DISCONNECT), ERR_OK);
	push_message(large(5000, LANE_CONTROL, QUEUE_DISCONNECT), ERR_OK); /* below: any size */
	push_as("", LANE_CONTROL, QUEUE_DISCONNECT, DROP_NORMAL, ERR_QUEUE_FULL);
}

/* ---- large messages ---- */

static void a_large_message_goes_on_and_nothing_comes_between(void **state)
{
	struct seen_frame frame;
	size_t at = 0, n;

	(void)state;
	limits.bytes = 100000;
	push_message(large(2 * MESSAGE_CHUNK + 100, LANE_NORMAL, QUEUE_DISCONNECT), ERR_OK);
	assert_int_equal(take(ROOM), ROOM);
	push_answer("c1");
	push_high("h:1", QUEUE_DISCONNECT);
	assert_int_equal(q.messages, 2);
	assert_int_equal(q.bytes, 2 * ROOM + 102 + 5);
	n = take(ROOM);
	assert_true(next_frame(out, n, &at, &frame));
	assert_int_equal(frame.opcode, 0);
	assert_false(frame.fin);
	assert_int_equal(at, n);
	assert_int_equal(taken, 0);
	n = take(ROOM);
	at = 0;
	assert_true(next_frame(out, n, &at, &frame));
	assert_true(frame.fin && frame.text.n == 100);
	assert_true(next_frame(out, n, &at, &frame));
	assert_true(slice_is(frame.text, "c1"));
	assert_true(next_frame(out, n, &at, &frame));
	assert_true(slice_is(frame.text, "h:1"));
	assert_int_equal(at, n);
	assert_int_equal(taken, 3);
	assert_int_equal(q.bytes, 0);
}

static void fragments_are_taken_one_by_one_however_much_fits(void **state)
{
	(void)state;
	push_message(large(3 * MESSAGE_CHUNK, LANE_NORMAL, QUEUE_DISCONNECT), ERR_OK);
	assert_int_equal(take(3 * ROOM), ROOM);
	assert_int_equal(take(3 * ROOM), ROOM);
	assert_int_equal(q.messages, 1);
	assert_int_equal(take(3 * ROOM), ROOM);
	assert_int_equal(q.messages, 0);
}

/* ---- held, cleared ---- */

static void a_held_queue_gives_control_only(void **state)
{
	(void)state;
	push("a:1", QUEUE_DISCONNECT);
	queue_gap(&q, LANE_NORMAL, slice_of("a"), GAP_TIER, 1);
	q.held = true;
	assert_false(queue_has_output(&q));
	assert_int_equal(take(ROOM), 0);
	push_answer("c1");
	assert_true(queue_has_output(&q));
	assert_int_equal(take(ROOM), 4);
	assert_false(queue_has_output(&q));
	q.held = false;
	assert_true(queue_has_output(&q));
	assert_takes("a:1 <[\"a\"] tier 1>");
}

static void a_held_queue_finishes_what_is_half_sent(void **state)
{
	(void)state;
	push_message(large(2 * MESSAGE_CHUNK, LANE_NORMAL, QUEUE_DISCONNECT), ERR_OK);
	take(ROOM);
	q.held = true;
	assert_true(queue_has_output(&q));
	assert_int_equal(take(ROOM), ROOM);
	assert_false(queue_has_output(&q));
	assert_int_equal(q.messages, 0);
}

static void clearing_keeps_control_and_what_is_half_sent(void **state)
{
	(void)state;
	limits.bytes = 100000;
	push_message(large(MESSAGE_CHUNK + 1, LANE_NORMAL, QUEUE_DISCONNECT), ERR_OK);
	take(ROOM);
	push_answer("c1");
	push("a:1", QUEUE_DROP_OLDEST);
	push_high("h:2", QUEUE_DISCONNECT);
	queue_gap(&q, LANE_HIGH, slice_of("a"), GAP_TIER, 1);
	queue_gap(&q, LANE_CONTROL, slice_of("kept"), GAP_TIER, 1);
	assert_int_equal(queue_clear_data(&q), 2);
	assert_int_equal(q.messages, 1);
	assert_int_equal(q.bytes, ROOM + 3);
	assert_int_equal(q.gaps, 1);
	assert_takes("x c1 <[\"kept\"] tier 1>");
	assert_int_equal(queue_clear_data(&q), 0);
}

static void fini_drops_everything_and_may_be_repeated(void **state)
{
	(void)state;
	limits.bytes = 100000;
	push_message(large(MESSAGE_CHUNK + 1, LANE_NORMAL, QUEUE_DISCONNECT), ERR_OK);
	take(ROOM);
	push_answer("c1");
	push("a:1", QUEUE_DROP_OLDEST);
	queue_gap(&q, LANE_HIGH, slice_of("a"), GAP_TIER, 1);
	queue_fini(&q);
	assert_int_equal(budget.used, 0);
	assert_int_equal(q.messages, 0);
	queue_fini(&q);
	queue_fini(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		QUEUE_TEST(an_empty_queue_has_nothing_to_send_and_owns_nothing),
		QUEUE_TEST(messages_come_in_the_order_of_lanes_then_of_arrival),
		QUEUE_TEST(the_smallest_birth_is_reported),
		QUEUE_TEST(the_age_of_what_waits_is_that_of_the_oldest_lane),
		QUEUE_TEST(what_is_half_sent_still_waits),
		QUEUE_TEST(many_more_messages_than_slots_keep_their_order),
		QUEUE_TEST(only_whole_frames_are_taken),
		QUEUE_TEST(a_full_queue_refuses_and_stays_as_it_was),
		QUEUE_TEST(bytes_are_bounded_to_the_last_one),
		QUEUE_TEST(an_empty_queue_takes_any_one_message),
		QUEUE_TEST(control_has_a_limit_of_its_own),
		QUEUE_TEST(a_large_message_goes_on_and_nothing_comes_between),
		QUEUE_TEST(fragments_are_taken_one_by_one_however_much_fits),
		QUEUE_TEST(a_held_queue_gives_control_only),
		QUEUE_TEST(a_held_queue_finishes_what_is_half_sent),
		QUEUE_TEST(clearing_keeps_control_and_what_is_half_sent),
		QUEUE_TEST(fini_drops_everything_and_may_be_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
