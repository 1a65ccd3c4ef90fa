/*
 * Promises about the nodes themselves: they come, ask each other, and go.
 */
#include "tests/support/tier_contract.h"

#include "tests/support/test.h"

#include <string.h>

static void all_nodes_are_known(void)
{
	ask_nodes(1);
	settle();
	expect_answer(1, "names ok node0000 node0001 node0002");
}

static void a_node_that_goes_is_taken_out_of_its_rooms(void)
{
	subscribe(0, "room:x");
	enter(1, "room:x", "a", "ann", SEEN);
	settle();
	enter(1, "room:x", "b", NULL, UNSEEN);
	enter(2, "room:x", "a", "ann", SEEN);
	settle();
	forget();
	node_close(1);
	settle();
	expect_came(0, "presence room:x left node0001-a ann rev 3 count 1 users 1");
	ask_room(0, "room:x", 10);
	ask_nodes(0);
	settle();
	assert_int_equal(count_answers(0, "room ok rev 3 count 1 users 1 of 1/1 named 1"), 1);
	assert_int_equal(count_answers(0, "names ok node0000 node0002"), 1);
	expect_list(0, (const char *const[]){ "node0002-a ann", NULL });
	forget();
}

static void a_node_that_goes_leaves_nothing_behind(void)
{
	const char *const topics[] = { "room:x", "room:y", "event:z", "user:ann", "all" };

	for (int i = 0; i < 5; i++) {
		subscribe(1, topics[i]);
		enter(1, topics[i], "a", "ann", i == 0 ? SEEN : UNSEEN);
		enter(1, topics[i], "b", "ann", i == 0 ? SEEN : UNSEEN);
	}
	settle();
	forget();
	node_close(1);
	settle();
	ask_topics(0, "", NULL, 10);
	settle();
	expect_answer(0, "names ok");
	for (int i = 0; i < 5; i++) {
		publish(0, topics[i], "1");
		settle();
		expect_answer(0, "published ok 0 0");
	}
	ask_room(2, "room:x", 10);
	settle();
	assert_int_equal(count_answers(2, "room ok rev "), 1);
	assert_int_equal(world.node[2].list.n, 0);
	forget();
}

static void a_node_that_comes_again_begins_anew(void)
{
	subscribe(1, "room:x");
	settle();
	enter(1, "room:x", "a", "ann", SEEN);
	settle();
	forget();
	node_close(1);
	node_open(1);
	publish(0, "room:x", "1");
	settle();
	expect_answer(0, "published ok 0 0");
	subscribe(1, "room:x");
	settle();
	expect_answer(1, "done ok");
	enter(1, "room:x", "a", "ann", SEEN);
	settle();
	assert_int_equal(count_answers(1, "entered rev "), 1);
	assert_int_equal(world.node[1].n_changes, 2);
	assert_int_equal(world.node[1].changes[1].count, 1);
	forget();
}

static void what_was_accepted_goes_out_though_its_node_closes(void)
{
	subscribe(0, "room:x");
	settle();
	expect_answer(0, "done ok");
	publish(1, "room:x", "\"last\"");
	node_close(1);
	settle();
	expect_came(0, "event room:x \"last\"");
}

static void nothing_is_answered_after_the_close(void)
{
	subscribe(1, "room:x");
	enter(1, "room:x", "a", NULL, LISTED);
	publish(1, "room:x", "1");
	publish_with_key(1, "room:x", slice_of("k"));
	ask_room(1, "room:x", 10);
	ask_topics(1, "", NULL, 10);
	ask_nodes(1);
	call(1, "node0000", "hello", 500);
	node_close(1);
	pass(600);
	assert_int_equal(world.node[1].answers.n, 0);
	forget(); /* the question may have been asked */
	ask_topics(0, "", NULL, 10);
	settle();
	expect_answer(0, "names ok");
}

static void a_client_of_a_closed_node_is_gone(void)
{
	publish(0, "client:node0001-a", "1");
	settle();
	expect_came(1, "event client:node0001-a 1");
	expect_answer(0, "published ok 1 1");
	node_close(1);
	settle();
	publish(0, "client:node0001-a", "1");
	publish_with_key(0, "client:node0001-a", slice_of("k"));
	settle();
	expect_answer(0, "published gone 0 0");
	expect_answer(0, "published gone 0 0");
}

static void a_call_reaches_exactly_one_node(void)
{
	char request[5000];

	call(0, "node0002", "hello", 1000);
	settle();
	expect_came(2, "asked hello");
	expect_answer(0, "reply re: hello");
	call(0, "nobody00", "hello", 1000);
	settle();
	expect_answer(0, "reply gone");
	call(1, "node0001", "myself", 1000);
	settle();
	expect_came(1, "asked myself");
	expect_answer(1, "reply re: myself");
	memset(request, 'x', sizeof request - 1);
	request[sizeof request - 1] = '\0';
	call(0, "node0001", request, 1000);
	settle();
	assert_int_equal(count_answers(0, "reply <5003 bytes, "), 1);
	forget();
}

static void each_call_gets_its_own_answer(void)
{
	for (int i = 0; i < 10; i++) {
		char request[2] = { (char)('a' + i), '\0' };

		call(i % 2, "node0002", request, 1000);
	}
	settle();
	for (int i = 0; i < 10; i++) {
		char line[] = "reply re: ?";

		line[sizeof line - 2] = (char)('a' + i);
		assert_int_equal(count_answers(i % 2, line), 1);
	}
	forget();
}

static void a_call_ends_when_its_node_closes(void)
{
	call(0, "node0001", "hello", 300);
	node_close(1);
	pass(400);
	assert_int_equal(count_answers(0, "reply gone") + count_answers(0, "reply uncertain"), 1);
	forget();
}

static void a_tier_without_a_log_says_so(void)
{
	struct tier *t = world.node[0].tier;

	if (t->ops->read(t, slice_of("room:x"), 0, 10, NULL, NULL) != ERR_NOT_SUPPORTED)
		fail();
}

const struct promise node_promises[] = {
	PROMISE(all_nodes_are_known),
	PROMISE(a_node_that_goes_is_taken_out_of_its_rooms),
	PROMISE(a_node_that_goes_leaves_nothing_behind),
	PROMISE(a_node_that_comes_again_begins_anew),
	PROMISE(what_was_accepted_goes_out_though_its_node_closes),
	PROMISE(nothing_is_answered_after_the_close),
	PROMISE(a_client_of_a_closed_node_is_gone),
	PROMISE(a_call_reaches_exactly_one_node),
	PROMISE(each_call_gets_its_own_answer),
	PROMISE(a_call_ends_when_its_node_closes),
	PROMISE(a_tier_without_a_log_says_so),
	{ NULL, NULL },
};
