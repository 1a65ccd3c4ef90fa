/* The memory that a queue takes, and what it does without; what the search for a victim costs. */
#include "tests/support/test.h"

#include "tests/support/alloc.h"

static uint64_t steps; /* of searches */
#define LANE_STEP() (steps++)

#include "broker-common/gap.c"
#include "broker-common/message.c"
#include "broker-common/queue.c"
#include "broker-common/queue_lane.c"

#include "tests/support/queue.h"

static int setup(void **state)
{
	struct queue_lane *lane;

	allocs_left = ALLOCS_UNLIMITED;
	for (; cache != NULL; free(lane)) { /* so that each test knows what it allocates */
		lane = cache;
		cache = slot_pointer(lane->slot[0]);
	}
	n_cached = 0;
	queue_setup(state);
	limits.bytes = 1 << 20;
	return 0;
}

static int teardown(void **state)
{
	allocs_left = ALLOCS_UNLIMITED;
	return queue_teardown(state);
}

static void gap(const char *topic, enum gap_reason why, uint32_t count)
{
	queue_gap(&q, LANE_NORMAL, slice_of(topic), why, count);
}

/* ---- memory ---- */

static void a_ring_is_given_back_when_it_is_empty(void **state)
{
	(void)state;
	limits.messages = 1000;
	push_many("a:1", QUEUE_DISCONNECT, 1000);
	assert_int_equal(q.lane[LANE_NORMAL]->mask, 1023);
	take(ROOM);
	assert_null(q.lane[LANE_NORMAL]);
	assert_int_equal(n_cached, 1); /* the one with which it began */
	push("a:1", QUEUE_DISCONNECT);
	assert_int_equal(q.lane[LANE_NORMAL]->mask, 7);
	assert_int_equal(n_cached, 0);
}

static void a_queue_that_empties_and_fills_allocates_nothing(void **state)
{
	struct message *m = message_of("a:1", LANE_NORMAL, QUEUE_DISCONNECT, DROP_NORMAL);

	(void)state;
	assert_int_equal(queue_push(&q, &limits, m, &dropped), ERR_OK);
	assert_int_equal(take(ROOM), 5);
	allocs_left = 0;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(queue_push(&q, &limits, m, &dropped), ERR_OK);
		assert_int_equal(take(ROOM), 5);
	}
	message_unref(m);
}

static void few_small_rings_are_kept_for_later(void **state)
{
	static struct queue many[CACHED_LANES + 10];
	struct message *m = message_of("a:1", LANE_NORMAL, QUEUE_DISCONNECT, DROP_NORMAL);

	(void)state;
	for (size_t i = 0; i < CACHED_LANES + 10; i++)
		assert_int_equal(queue_push(&many[i], &limits, m, &dropped), ERR_OK);
	for (size_t i = 0; i < CACHED_LANES + 10; i++)
		queue_fini(&many[i]);
	assert_int_equal(n_cached, CACHED_LANES);
	message_unref(m);
}

static void without_memory_a_push_changes_nothing(void **state)
{
	struct message *m = message_of("a:1", LANE_NORMAL, QUEUE_DISCONNECT, DROP_NORMAL);

	(void)state;
	limits.messages = 100;
	allocs_left = 0;
	assert_int_equal(queue_push(&q, &limits, m, &dropped), ERR_INTERNAL);
	assert_int_equal(q.messages, 0);
	allocs_left = ALLOCS_UNLIMITED;
	push_many("a:1", QUEUE_DISCONNECT, 8);
	allocs_left = 0;
	assert_int_equal(queue_push(&q, &limits, m, &dropped), ERR_INTERNAL);
	assert_int_equal(q.messages, 8);
	assert_int_equal(q.bytes, 40);
	assert_int_equal(m->refs, 1);
	assert_int_equal(take(ROOM), 40);
	message_unref(m);
}

static void without_memory_for_a_gap_nothing_is_given_up(void **state)
{
	static const enum queue_policy policies[] = { QUEUE_DROP_OLDEST, QUEUE_DROP_NEWEST };
	struct message *m = message_of("x:1", LANE_NORMAL, QUEUE_DISCONNECT, DROP_NORMAL);

	(void)state;
	for (int i = 0; i < 2; i++) {
		push_many("a:1", policies[i], 4);
		for (int allocs = 0; allocs <= i; allocs++) { /* the index of the newest, the gap */
			allocs_left = allocs;
			assert_int_equal(queue_push(&q, &limits, m, &dropped), ERR_INTERNAL);
		}
		assert_int_equal(dropped, 0);
		assert_int_equal(q.messages, 4);
		assert_int_equal(q.gaps, 0);
		allocs_left = ALLOCS_UNLIMITED;
		assert_int_equal(take(ROOM), 20);
	}
	message_unref(m);
}

static void without_memory_for_a_name_everything_is_missing(void **state)
{
	(void)state;
	push("x:1", QUEUE_DISCONNECT);
	allocs_left = 1;
	gap("a", GAP_SLOW, 2);
	allocs_left = ALLOCS_UNLIMITED;
	assert_take("x:1 <\"*\" slow 2>");
}

static void a_gap_without_memory_is_told_later(void **state)
{
	struct message *m = message_of("a:1", LANE_NORMAL, QUEUE_DROP_NEWEST, DROP_NORMAL);

	(void)state;
	push_many("x:1", QUEUE_DISCONNECT, 4);
	allocs_left = 0;
	assert_int_equal(queue_push(&q, &limits, m, &dropped), ERR_OK);
	assert_int_equal(dropped, 1);
	queue_gap(&q, LANE_HIGH, slice_of("b"), GAP_TIER, 1);
	assert_int_equal(q.gaps, 0);
	assert_int_equal(take(ROOM), 0); /* no memory for its frame either: nothing overtakes it */
	q.held = true;
	assert_false(queue_has_output(&q));
	q.held = false;
	assert_true(queue_has_output(&q));
	allocs_left = ALLOCS_UNLIMITED;
	assert_take("<\"*\" slow 0> <\"*\" tier 0> x:1 x:1 x:1 x:1");
	assert_false(queue_has_output(&q));
	message_unref(m);
}

static void a_gap_without_memory_for_its_frame_waits(void **state)
{
	(void)state;
	push("a:1", QUEUE_DISCONNECT);
	gap("a", GAP_SLOW, 2);
	push("a:2", QUEUE_DISCONNECT);
	allocs_left = 0;
	assert_take("a:1");
	assert_int_equal(take(ROOM), 0);
	assert_true(queue_has_output(&q));
	allocs_left = ALLOCS_UNLIMITED;
	assert_take("<[\"a\"] slow 2> a:2");
}

static void clearing_forgets_a_gap_without_memory(void **state)
{
	(void)state;
	allocs_left = 0;
	gap("a", GAP_SLOW, 2);
	assert_true(queue_has_output(&q));
	assert_int_equal(queue_clear_data(&q), 0);
	assert_false(queue_has_output(&q));
}

/* ---- cost ---- */

static struct message *kinds_of_messages[SLOT_MESSAGES];

static void make_kinds(void)
{
	static const enum queue_policy policies[SLOT_MESSAGES] = {
		QUEUE_DISCONNECT,  QUEUE_DROP_LOW_FIRST, QUEUE_DROP_OLDEST,
		QUEUE_DROP_NEWEST, QUEUE_DROP_LOW_FIRST, QUEUE_DROP_LOW_FIRST
	};
	static const enum drop_class drops[SLOT_MESSAGES] = { DROP_NORMAL, DROP_LOW,    DROP_NORMAL,
		                                              DROP_NORMAL, DROP_NORMAL, DROP_HIGH };

	for (int i = 0; i < SLOT_MESSAGES; i++)
		kinds_of_messages[i] = message_of("a:1", LANE_NORMAL, policies[i], drops[i]);
	limits.messages = 10000;
	steps = 0;
}

static void free_kinds(void)
{
	for (int i = 0; i < SLOT_MESSAGES; i++)
		message_unref(kinds_of_messages[i]);
}

/* Refused or not: only the cost counts. */
static void push_kind(enum slot_kind kind, int n)
{
	enum err e = ERR_OK;

	for (int i = 0; i < n; i++)
		e = queue_push(&q, &limits, kinds_of_messages[kind], &dropped);
	assert_true(e == ERR_OK || e == ERR_QUEUE_FULL);
}

static void drop_oldest_costs_the_same_in_a_long_queue(void **state)
{
	(void)state;
	make_kinds();
	push_kind(SLOT_OLDEST, 1000000);
	assert_int_equal(dropped, 990000);
	assert_in_range(steps, 0, 1000000);
	assert_int_equal(q.lane[LANE_NORMAL]->mask, 16383);
	free_kinds();
}

static void a_ring_full_of_holes_is_squeezed_not_grown(void **state)
{
	(void)state;
	make_kinds();
	push_kind(SLOT_KEEP, 5000);
	push_kind(SLOT_OLDEST, 1000000);
	assert_int_equal(dropped, 995000);
	assert_int_equal(q.messages, 10000);
	assert_int_equal(q.gaps, 1);
	assert_int_equal(q.lane[LANE_NORMAL]->mask, 16383);
	assert_in_range(steps, 1, 5 * 1000000);
	free_kinds();
}

static void a_mixture_costs_a_few_steps_a_message(void **state)
{
	uint32_t random = 1;

	(void)state;
	make_kinds();
	for (int i = 0; i < 1000000; i++) {
		random = random * 1103515245 + 12345;
		push_kind((random >> 16) % SLOT_MESSAGES, 1);
		if (i % 20000 == 0)
			take(ROOM); /* or all that is left cannot be given up */
	}
	assert_in_range(dropped, 100000, 1000000);
	assert_in_range(steps, 1, 5 * 1000000);
	free_kinds();
}

/* Newest first goes backwards, while new ones come behind: a plain search would start anew each
 * time, over the same messages. */
static void newest_first_does_not_search_twice(void **state)
{
	struct message *m;

	(void)state;
	make_kinds();
	push_kind(SLOT_NEWEST, 5000);
	push_kind(SLOT_KEEP, 5000);
	for (int i = 0; i < 4000; i++) {
		m = lane_pop(q.lane[LANE_NORMAL]); /* as if one had been sent */
		let_go(&q, m, LANE_NORMAL);
		push_kind(SLOT_NEWEST, 1); /* fits */
		push_kind(SLOT_KEEP, 1);   /* in the place of that one */
	}
	assert_int_equal(dropped, 4000);
	for (int i = 0; i < 500; i++) {
		m = lane_pop(q.lane[LANE_NORMAL]);
		let_go(&q, m, LANE_NORMAL);
		push_kind(SLOT_NEWEST, 1);
		push_kind(SLOT_KEEP, 2); /* in the place of that one, and of one far in front */
	}
	assert_int_equal(dropped, 5000);
	assert_in_range(steps, 1, 100000);
	free_kinds();
}

static void the_newest_are_known_however_many_were_sent(void **state)
{
	(void)state;
	limits.messages = 6;
	push("a:1", QUEUE_DROP_NEWEST);
	push_many("x:2", QUEUE_DISCONNECT, 6);
	assert_non_null(q.lane[LANE_NORMAL]->newest);
	lane_pop_gap(q.lane[LANE_NORMAL], &q.gaps);
	for (int i = 0; i < 100; i++) {
		let_go(&q, lane_pop(q.lane[LANE_NORMAL]), LANE_NORMAL); /* as if it had been sent */
		push("a:3", QUEUE_DROP_NEWEST);
	}
	assert_int_equal(q.lane[LANE_NORMAL]->mask, 7); /* it has not grown: the same index */
	push_many("x:4", QUEUE_DISCONNECT, 2);
	assert_take("a:3 a:3 a:3 a:3 <[\"a\"] slow 2> x:4 x:4");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_ring_is_given_back_when_it_is_empty),
		TEST(a_queue_that_empties_and_fills_allocates_nothing),
		TEST(few_small_rings_are_kept_for_later),
		TEST(without_memory_a_push_changes_nothing),
		TEST(without_memory_for_a_gap_nothing_is_given_up),
		TEST(without_memory_for_a_name_everything_is_missing),
		TEST(a_gap_without_memory_is_told_later),
		TEST(a_gap_without_memory_for_its_frame_waits),
		TEST(clearing_forgets_a_gap_without_memory),
		TEST(drop_oldest_costs_the_same_in_a_long_queue),
		TEST(a_ring_full_of_holes_is_squeezed_not_grown),
		TEST(a_mixture_costs_a_few_steps_a_message),
		TEST(newest_first_does_not_search_twice),
		TEST(the_newest_are_known_however_many_were_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
