#include "tests/support/cluster.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *join_seen(struct client *c, const char *room)
{
	char frame[200];

	snprintf(
		frame, sizeof frame,
		"{\"type\":\"join\",\"id\":1,\"room\":\"%s\",\"presence\":true,\"info\":{\"n\":1.0}}",
		room);
	client_say(c, frame);
	cluster_turn(c->cluster, 0);
	return client_expect(c, "{\"type\":\"ack\",\"id\":1,\"members\":[");
}

static long number(const char *frame, const char *field)
{
	return strtol(frame_field(frame, field), NULL, 10);
}

static void a_list_and_the_notices_agree(void **state)
{
	struct cluster *c = cluster_open(2, NULL);
	struct client *a = cluster_connect(c, 0, "ann"), *b = cluster_connect(c, 1, "bob"), *b2;
	const char *f;

	(void)state;
	f = join_seen(a, "x");
	assert_string_equal(frame_field(f, "rev"), "1");
	assert_non_null(strstr(f, "\"user\":\"ann\",\"info\":{\"n\":1.0}"));
	f = join_seen(b, "x");
	assert_string_equal(frame_field(f, "count"), "2");
	assert_string_equal(frame_field(f, "users"), "2");
	assert_string_equal(frame_field(f, "rev"), "2");
	cluster_turn(c, 99);
	client_expect_nothing(a); /* gathered for 100 ms */
	cluster_turn(c, 2);
	f = client_expect(
		a,
		"{\"type\":\"presence\",\"topic\":\"room:x\",\"room\":\"x\",\"rev\":2,\"joined\":[{\"client\":");
	assert_non_null(
		strstr(f, "\"left\":[],\"users_joined\":[\"bob\"],\"count\":2,\"users\":2}"));
	client_expect_nothing(b); /* has it in its list */

	b2 = cluster_connect(c, 0, "bob");
	join_seen(b2, "x");
	client_cut(b);
	cluster_turn(c, 200);
	f = client_expect(a, "{\"type\":\"presence\"");
	assert_int_equal(number(f, "rev"), 4);
	assert_null(strstr(f, "users_")); /* bob is still there */
	client_cut(b2);
	cluster_turn(c, 200);
	f = client_expect(a, "{\"type\":\"presence\"");
	assert_non_null(strstr(f, "\"users_left\":[\"bob\"],\"count\":1,\"users\":1}"));
	client_expect_nothing(a);
	cluster_close(c);
}

static void who_did_not_ask_is_not_seen_and_sees_nothing(void **state)
{
	struct cluster *c = cluster_open(1, NULL);
	struct client *a = cluster_connect(c, 0, NULL), *b = cluster_connect(c, 0, NULL);

	(void)state;
	join_seen(a, "x");
	client_join(b, "x");
	cluster_turn(c, 200);
	client_expect_nothing(a);
	client_say(b, "{\"type\":\"presence\",\"id\":2,\"room\":\"x\"}");
	cluster_turn(c, 0);
	client_expect(b, "{\"type\":\"ack\",\"id\":2,\"members\":[{\"client\":");

	join_seen(b, "x"); /* now it asks: it has been there, and is seen from here on */
	cluster_turn(c, 200);
	client_expect(a, "{\"type\":\"presence\",\"topic\":\"room:x\",\"room\":\"x\",\"rev\":2,");
	assert_int_equal(c->gateway[0].metrics.memberships, 4);
	client_cut(b);
	cluster_turn(c, 200);
	client_expect(a, "{\"type\":\"presence\",\"topic\":\"room:x\",\"room\":\"x\",\"rev\":3,");
	cluster_close(c);
}

static void notices_and_messages_keep_their_order(void **state)
{
	struct cluster *c = cluster_open(2, NULL);
	struct client *a = cluster_connect(c, 0, NULL), *b = cluster_connect(c, 1, NULL);

	(void)state;
	join_seen(a, "x");
	join_seen(b, "x");
	client_say(
		b,
		"{\"type\":\"publish\",\"topic\":\"room:x\",\"event_type\":\"m\",\"payload\":1}");
	client_say(b, "{\"type\":\"leave\",\"room\":\"x\"}");
	client_say(
		b,
		"{\"type\":\"publish\",\"topic\":\"room:x\",\"event_type\":\"m\",\"payload\":2}");
	cluster_turn(c, 0);
	client_expect(
		a,
		"{\"type\":\"presence\",\"topic\":\"room:x\",\"room\":\"x\",\"rev\":2,\"joined\":[{");
	client_expect(a, "{\"type\":\"event\"");
	client_expect(
		a,
		"{\"type\":\"presence\",\"topic\":\"room:x\",\"room\":\"x\",\"rev\":3,\"joined\":[],\"left\":[{");
	client_expect(a, "{\"type\":\"event\"");
	cluster_turn(c, 200);
	client_expect_nothing(a);
	cluster_close(c);
}

/* The number of changes in a notice is how much its `rev` grew: a receiver can see a hole. */
static void rev_grows_by_the_changes_of_the_notice(void **state)
{
	struct cluster *c = cluster_open(2, NULL);
	struct client *a = cluster_connect(c, 0, "ann"), *many[150];
	long rev = 1, seen = 0;
	const char *f;

	(void)state;
	join_seen(a, "x");
	for (int i = 0; i < 150; i++) {
		many[i] = cluster_connect(c, i % 2, i % 3 == 0 ? "bob" : NULL);
		join_seen(many[i], "x");
		if (i % 5 == 0)
			client_cut(many[i]);
	}
	cluster_turn(c, 200);
	while ((f = client_next(a)) != NULL) {
		long changes = 0;

		for (const char *p = f; (p = strstr(p, "{\"client\"")) != NULL; p++)
			changes++;
		assert_int_equal(number(f, "rev"), rev + changes);
		rev = number(f, "rev");
		seen += changes;
	}
	assert_int_equal(seen, 150 + 30);
	cluster_close(c);
}

static void a_crowd_is_counted_and_not_named(void **state)
{
	const char *const flags[] = { "--presence-max=2", NULL };
	struct cluster *c = cluster_open(1, flags);
	struct client *a = cluster_connect(c, 0, NULL), *b = cluster_connect(c, 0, NULL),
		      *d = cluster_connect(c, 0, NULL);
	const char *f;

	(void)state;
	join_seen(a, "x");
	join_seen(b, "x");
	client_say(d, "{\"type\":\"join\",\"id\":1,\"room\":\"x\",\"presence\":true}");
	cluster_turn(c, 200);
	client_expect(d, "{\"type\":\"ack\",\"id\":1,\"count\":3,\"users\":0,\"rev\":3}");
	f = client_expect(a, "{\"type\":\"presence\"");
	assert_non_null(strstr(f, "joined"));
	client_expect(
		a,
		"{\"type\":\"presence\",\"topic\":\"room:x\",\"room\":\"x\",\"rev\":3,\"count\":3,\"users\":0}");
	cluster_close(c);
}

static void a_dead_gateways_members_leave_once(void **state)
{
	struct cluster *c = cluster_open(3, NULL);
	struct client *a = cluster_connect(c, 0, "ann");
	const char *f;

	(void)state;
	join_seen(a, "x");
	for (int i = 0; i < 10; i++)
		join_seen(cluster_connect(c, 1, i % 2 ? "bob" : NULL), "x");
	join_seen(cluster_connect(c, 2, NULL), "x");
	cluster_turn(c, 200);
	client_expect(a, "{\"type\":\"presence\"");
	cluster_kill(c, 1);
	cluster_turn(c, 200);
	f = client_expect(a, "{\"type\":\"presence\"");
	assert_int_equal(number(f, "count"), 2);
	assert_int_equal(number(f, "rev"), 22);
	client_expect_nothing(a);
	client_say(a, "{\"type\":\"presence\",\"id\":2,\"room\":\"x\"}");
	cluster_turn(c, 0);
	f = client_expect(a, "{\"type\":\"ack\",\"id\":2,\"members\"");
	assert_string_equal(frame_field(f, "count"), "2");
	assert_string_equal(frame_field(f, "users"), "1");
	cluster_close(c);
}

static void a_room_that_turns_presence_off_is_silent_at_once(void **state)
{
	struct cluster *c = cluster_open(1, NULL);
	struct client *a = cluster_connect(c, 0, NULL), *b = cluster_connect(c, 0, NULL);
	struct room_policy *off = calloc(1, sizeof *off);

	(void)state;
	join_seen(a, "x");
	join_seen(b, "x");
	cluster_turn(c, 200);
	client_expect(a, "{\"type\":\"presence\"");
	*off = (struct room_policy){ .pattern = strdup("x"),
		                     .priority = -1,
		                     .queue_policy = -1,
		                     .presence = PRESENCE_OFF,
		                     .max_members = -1,
		                     .presence_max = -1 };
	c->gateway[0].config->policies = off; /* freed with the configuration */
	c->gateway[0].config->n_policies = 1;
	hub_reconfigure(c->gateway[0].hub);
	client_cut(b);
	cluster_turn(c, 200);
	client_expect_nothing(a);
	client_say(a, "{\"type\":\"presence\",\"id\":1,\"room\":\"x\"}");
	cluster_turn(c, 0);
	client_expect(a, "{\"type\":\"error\",\"id\":1,\"code\":1008,\"name\":\"forbidden\"");
	cluster_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_and_the_notices_agree),
		cmocka_unit_test(who_did_not_ask_is_not_seen_and_sees_nothing),
		cmocka_unit_test(notices_and_messages_keep_their_order),
		cmocka_unit_test(rev_grows_by_the_changes_of_the_notice),
		cmocka_unit_test(a_crowd_is_counted_and_not_named),
		cmocka_unit_test(a_dead_gateways_members_leave_once),
		cmocka_unit_test(a_room_that_turns_presence_off_is_silent_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
