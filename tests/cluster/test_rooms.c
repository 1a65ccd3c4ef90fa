#include "tests/support/cluster.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void messages_reach_members_on_every_gateway_in_one_order(void **state)
{
	struct cluster *c = cluster_open(3, NULL);
	struct client *at[6];
	char frame[200], expected[100];

	(void)state;
	for (int i = 0; i < 6; i++) {
		at[i] = cluster_connect(c, i % 3, NULL);
		client_join(at[i], "lobby");
	}
	for (int i = 0; i < 60; i++) {
		snprintf(
			frame, sizeof frame,
			"{\"type\":\"publish\",\"topic\":\"room:lobby\",\"event_type\":\"m%d\",\"payload\":1}",
			i);
		client_say(at[i % 6], frame);
	}
	cluster_turn(c, 0);
	for (int i = 0; i < 60; i++) {
		snprintf(expected, sizeof expected,
		         "{\"type\":\"event\",\"topic\":\"room:lobby\",\"event_type\":\"m%d\"", i);
		for (int k = 0; k < 6; k++)
			client_expect(at[k], expected);
	}
	for (int k = 0; k < 6; k++)
		client_expect_nothing(at[k]);
	cluster_close(c);
}

static void a_join_is_acknowledged_before_the_first_message(void **state)
{
	struct cluster *c = cluster_open(2, NULL);
	struct client *a = cluster_connect(c, 0, NULL), *b = cluster_connect(c, 1, NULL);

	(void)state;
	client_say(a, "{\"type\":\"join\",\"id\":1,\"rooms\":[\"x\",\"y\",\"z\"]}");
	client_say(
		a,
		"{\"type\":\"publish\",\"topic\":\"room:y\",\"event_type\":\"own\",\"payload\":0}");
	client_say(
		b,
		"{\"type\":\"publish\",\"topic\":\"room:x\",\"event_type\":\"other\",\"payload\":0}");
	cluster_turn(c, 0);
	client_expect(a, "{\"type\":\"ack\",\"id\":1,\"results\":{\"x\":{},\"y\":{},\"z\":{}}}");
	client_expect(a, "{\"type\":\"event\"");
	cluster_close(c);
}

static void a_frame_behind_a_join_waits_for_it(void **state)
{
	struct cluster *c = cluster_open(1, NULL);
	struct client *a = cluster_connect(c, 0, NULL);

	(void)state;
	client_say(a, "{\"type\":\"join\",\"room\":\"x\"}");
	client_say(
		a,
		"{\"type\":\"publish\",\"topic\":\"room:x\",\"event_type\":\"m\",\"payload\":1}");
	assert_true(a->paused); /* what the socket has more must wait, too */
	client_say(a, "{\"type\":\"leave\",\"room\":\"x\"}");
	client_say(
		a,
		"{\"type\":\"publish\",\"topic\":\"room:x\",\"event_type\":\"m\",\"payload\":2}");
	cluster_turn(c, 0);
	assert_false(a->paused);
	/* The leave came while the first message was on its way: it may or may not arrive, but the
	 * second one must not. */
	for (const char *f; (f = client_next(a)) != NULL;)
		assert_non_null(strstr(f, "\"payload\":1"));
	cluster_close(c);
}

static void repeating_a_join_or_leave_changes_nothing(void **state)
{
	struct cluster *c = cluster_open(1, NULL);
	struct client *a = cluster_connect(c, 0, NULL);

	(void)state;
	client_join(a, "x");
	client_join(a, "x");
	assert_int_equal(c->gateway[0].metrics.memberships, 2); /* `all`, and the room once */
	client_say(
		a,
		"{\"type\":\"publish\",\"topic\":\"room:x\",\"event_type\":\"m\",\"payload\":1}");
	cluster_turn(c, 0);
	client_expect(a, "{\"type\":\"event\"");
	client_expect_nothing(a);
	client_say(a, "{\"type\":\"leave\",\"id\":1,\"room\":\"x\"}");
	client_say(a, "{\"type\":\"leave\",\"id\":2,\"room\":\"x\"}");
	cluster_turn(c, 0);
	client_expect(a, "{\"type\":\"ack\",\"id\":1}");
	client_expect(a, "{\"type\":\"ack\",\"id\":2}");
	assert_int_equal(c->gateway[0].metrics.rooms, 0);
	cluster_close(c);
}

static void results_come_item_by_item(void **state)
{
	const char *const flags[] = { "--topics-per-client=2", NULL };
	struct cluster *c = cluster_open(1, flags);
	struct client *a = cluster_connect(c, 0, NULL);
	const char *f;

	(void)state;
	client_say(a, "{\"type\":\"join\",\"id\":7,\"rooms\":[\"a\",\"b/d\",\"a\",\"c\",\"e\"]}");
	cluster_turn(c, 0);
	f = client_expect(a, "{\"type\":\"ack\",\"id\":7,\"results\":{");
	assert_non_null(strstr(f, "\"a\":{}"));
	assert_non_null(strstr(f, "\"b/d\":{\"error\":{\"code\":1005,\"name\":\"bad_topic\""));
	assert_non_null(strstr(f, "\"c\":{}"));
	assert_non_null(strstr(f, "\"e\":{\"error\":{\"code\":1104,\"name\":\"too_many_topics\""));
	client_expect_nothing(a);
	cluster_close(c);
}

static void echo_false_spares_the_publisher_alone(void **state)
{
	struct cluster *c = cluster_open(2, NULL);
	struct client *a = cluster_connect(c, 0, NULL), *b = cluster_connect(c, 0, NULL),
		      *d = cluster_connect(c, 1, NULL);

	(void)state;
	client_join(a, "x");
	client_join(b, "x");
	client_join(d, "x");
	client_say(
		a,
		"{\"type\":\"publish\",\"topic\":\"room:x\",\"event_type\":\"m\",\"payload\":1,\"echo\":false}");
	cluster_turn(c, 0);
	client_expect_nothing(a);
	client_expect(b, "{\"type\":\"event\"");
	client_expect(d, "{\"type\":\"event\"");
	cluster_close(c);
}

static void every_kind_of_topic_reaches_its_receivers(void **state)
{
	struct cluster *c = cluster_open(2, NULL);
	struct client *ann = cluster_connect(c, 0, "ann"), *ann2 = cluster_connect(c, 1, "ann"),
		      *bob = cluster_connect(c, 1, "bob");
	char frame[300];

	(void)state;
	client_say(bob, "{\"type\":\"subscribe\",\"id\":1,\"events\":[\"build.done\"]}");
	cluster_turn(c, 0);
	client_expect(bob, "{\"type\":\"ack\",\"id\":1,\"results\":{\"build.done\":{}}}");

	client_say(ann,
	           "{\"type\":\"publish\",\"id\":2,\"topic\":\"event:build.done\",\"payload\":{}}");
	client_say(
		ann,
		"{\"type\":\"publish\",\"id\":3,\"topic\":\"user:ann\",\"event_type\":\"u\",\"payload\":{}}");
	snprintf(
		frame, sizeof frame,
		"{\"type\":\"publish\",\"id\":4,\"topic\":\"client:%s\",\"event_type\":\"c\",\"payload\":{}}",
		bob->id);
	client_say(ann, frame);
	client_say(
		ann,
		"{\"type\":\"publish\",\"id\":5,\"topic\":\"all\",\"event_type\":\"a\",\"payload\":{}}");
	cluster_turn(c, 0);
	client_expect(ann, "{\"type\":\"ack\",\"id\":2,\"nodes\":1}");
	client_expect(ann, "{\"type\":\"ack\",\"id\":3,\"nodes\":2}");
	client_expect(ann, "{\"type\":\"ack\",\"id\":4,\"nodes\":1}");
	client_expect(ann, "{\"type\":\"ack\",\"id\":5,\"nodes\":2}");
	client_expect(ann, "{\"type\":\"event\",\"topic\":\"user:ann\"");
	client_expect(ann, "{\"type\":\"event\",\"topic\":\"all\"");
	client_expect_nothing(ann);
	client_expect(ann2, "{\"type\":\"event\",\"topic\":\"user:ann\"");
	client_expect(ann2, "{\"type\":\"event\",\"topic\":\"all\"");
	client_expect_nothing(ann2);
	client_expect(bob, "{\"type\":\"event\",\"topic\":\"client:"); /* the high lane first */
	client_expect(
		bob,
		"{\"type\":\"event\",\"topic\":\"event:build.done\",\"event_type\":\"build.done\"");
	client_expect(bob, "{\"type\":\"event\",\"topic\":\"all\"");
	client_expect_nothing(bob);
	cluster_close(c);
}

static void a_client_that_is_not_there_is_gone(void **state)
{
	struct cluster *c = cluster_open(2, NULL);
	struct client *a = cluster_connect(c, 0, NULL), *b = cluster_connect(c, 0, NULL);
	char frame[300];

	(void)state;
	snprintf(
		frame, sizeof frame,
		"{\"type\":\"publish\",\"id\":1,\"topic\":\"client:%s\",\"event_type\":\"c\",\"payload\":{}}",
		b->id);
	client_cut(b);
	client_say(a, frame);
	client_say(
		a,
		"{\"type\":\"publish\",\"id\":2,\"topic\":\"client:nobody-like-this\",\"event_type\":\"c\",\"payload\":{}}");
	cluster_turn(c, 0);
	client_expect(a, "{\"type\":\"error\",\"id\":1,\"code\":1108,\"name\":\"gone\"");
	client_expect(a, "{\"type\":\"error\",\"id\":2,\"code\":1108,\"name\":\"gone\"");
	cluster_close(c);
}

/* Also when another gateway has to be asked: its answer is exact, and what it takes is delivered once. */
static void a_client_of_another_gateway_is_gone_or_gets_it(void **state)
{
	struct cluster *c = cluster_open(2, NULL);
	struct client *a = cluster_connect(c, 0, NULL), *b = cluster_connect(c, 1, NULL);
	char frame[300];

	(void)state;
	snprintf(
		frame, sizeof frame,
		"{\"type\":\"publish\",\"id\":1,\"topic\":\"client:%s\",\"event_type\":\"c\",\"payload\":{}}",
		b->id);
	client_say(a, frame);
	cluster_turn(c, 0);
	client_expect(a, "{\"type\":\"ack\",\"id\":1,\"nodes\":1}");
	client_expect(b, "{\"type\":\"event\",\"topic\":\"client:");
	client_expect_nothing(b);
	client_cut(b);
	cluster_turn(c, 0);
	client_say(a, frame);
	cluster_turn(c, 0);
	client_expect(a, "{\"type\":\"error\",\"id\":1,\"code\":1108,\"name\":\"gone\"");
	client_expect_nothing(a);
	cluster_close(c);
}

static void a_key_sends_once_in_its_scope(void **state)
{
	struct cluster *c = cluster_open(2, NULL);
	struct client *ann = cluster_connect(c, 0, "ann"), *ann2 = cluster_connect(c, 1, "ann"),
		      *bob = cluster_connect(c, 1, "bob");
	static const char once[] =
		"{\"type\":\"publish\",\"id\":1,\"topic\":\"room:x\",\"event_type\":\"m\",\"payload\":1,\"key\":\"k\"}";

	(void)state;
	client_join(bob, "x");
	client_say(ann, once);
	cluster_turn(c, 0);
	client_say(ann2, once); /* the same user, elsewhere */
	client_say(bob, once);  /* another user: another scope */
	cluster_turn(c, 0);
	client_expect(ann, "{\"type\":\"ack\",\"id\":1,\"nodes\":1}");
	client_expect(ann2, "{\"type\":\"ack\",\"id\":1,\"nodes\":0,\"duplicate\":true}");
	client_expect(bob, "{\"type\":\"event\"");
	client_expect(bob, "{\"type\":\"ack\",\"id\":1,\"nodes\":1}");
	client_expect(bob, "{\"type\":\"event\"");
	client_expect_nothing(bob);
	cluster_turn(
		c, 300001); /* forgotten after five minutes; the clients too: no byte for so long */
	cluster_close(c);
}

static void a_confirmation_finds_its_way_back(void **state)
{
	struct cluster *c = cluster_open(2, NULL);
	struct client *a = cluster_connect(c, 0, "ann"), *b = cluster_connect(c, 1, "bob"),
		      *x = cluster_connect(c, 1, "eve");
	char frame[300];
	const char *f;

	(void)state;
	client_say(
		a,
		"{\"type\":\"publish\",\"id\":\"q\",\"topic\":\"user:bob\",\"event_type\":\"m\",\"payload\":1,\"ack\":true}");
	cluster_turn(c, 0);
	client_expect(a, "{\"type\":\"ack\",\"id\":\"q\"");
	f = client_expect(b, "{\"type\":\"event\",\"topic\":\"user:bob\"");
	snprintf(frame, sizeof frame, "{\"type\":\"ack\",\"ids\":[\"%s\"]}", frame_field(f, "id"));
	client_say(x, frame); /* not hers to confirm */
	cluster_turn(c, 0);
	client_expect_nothing(a);
	client_say(b, frame);
	cluster_turn(c, 0);
	f = client_expect(a, "{\"type\":\"acked\",\"id\":\"q\",\"by\":{\"client\":");
	assert_non_null(strstr(f, "\"user\":\"bob\""));
	cluster_close(c);
}

static void a_full_room_refuses_the_next(void **state)
{
	const char *const flags[] = { "--max-members=2", NULL };
	struct cluster *c = cluster_open(2, flags);
	struct client *a = cluster_connect(c, 0, NULL), *b = cluster_connect(c, 1, NULL),
		      *d = cluster_connect(c, 1, NULL);

	(void)state;
	client_join(a, "x");
	client_join(b, "x");
	client_say(d, "{\"type\":\"join\",\"id\":1,\"room\":\"x\"}");
	cluster_turn(c, 0);
	client_expect(d, "{\"type\":\"error\",\"id\":1,\"code\":1105,\"name\":\"room_full\"");
	client_cut(a);
	client_join(d, "x");
	cluster_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_reach_members_on_every_gateway_in_one_order),
		cmocka_unit_test(a_join_is_acknowledged_before_the_first_message),
		cmocka_unit_test(a_frame_behind_a_join_waits_for_it),
		cmocka_unit_test(repeating_a_join_or_leave_changes_nothing),
		cmocka_unit_test(results_come_item_by_item),
		cmocka_unit_test(echo_false_spares_the_publisher_alone),
		cmocka_unit_test(every_kind_of_topic_reaches_its_receivers),
		cmocka_unit_test(a_client_that_is_not_there_is_gone),
		cmocka_unit_test(a_client_of_another_gateway_is_gone_or_gets_it),
		cmocka_unit_test(a_key_sends_once_in_its_scope),
		cmocka_unit_test(a_confirmation_finds_its_way_back),
		cmocka_unit_test(a_full_room_refuses_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
