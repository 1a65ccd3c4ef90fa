/*
 * What operators do to clients and gateways.
 */
#include "gateway/core/steer.h"

#include "gateway/core/ask.h"
#include "gateway/core/state.h"
#include "tests/support/late_tier.h"
#include "tests/support/operator.h"

#define LEFT_X "{\"type\":\"left\",\"topic\":\"room:x\",\"room\":\"x\",\"reason\":\"kicked\"}"

static void disconnect_client(const char *id, enum err e)
{
	told_forget(&answer);
	hear(steer_disconnect_client(hub(0), slice_of(id), told, &answer), e);
}

static void disconnect_user(const char *name, enum err e)
{
	told_forget(&answer);
	hear(steer_disconnect_user(hub(0), slice_of(name), told, &answer), e);
}

static void disconnect_room(const char *name, enum err e)
{
	told_forget(&answer);
	hear(steer_disconnect_room(hub(0), slice_of(name), told, &answer), e);
}

static void kick(const char *name, const char *client_id, const char *user_id, enum err e)
{
	told_forget(&answer);
	hear(steer_kick(hub(0), slice_of(name), slice_of(client_id), slice_of(user_id), told,
	                &answer),
	     e);
}

static void drain(struct slice node, enum err e)
{
	told_forget(&answer);
	hear(steer_drain(hub(0), node, told, &answer), e);
}

static void assert_kicked_off(const struct client *c)
{
	assert_null(c->session);
	assert_int_equal(c->why, CLOSE_KICKED);
	assert_int_equal(close_code(c->why), 4003);
}

/* Somebody in the room of whom nothing is known says something: who hears it is in it. */
static void talk_in_x(struct client *talker)
{
	client_say(talker,
	           "{\"type\":\"publish\",\"topic\":\"room:x\",\"event_type\":\"m\","
	           "\"payload\":1,\"echo\":false}");
	cluster_turn(cluster, 0);
}

/* --- disconnecting ---------------------------------------------------------------------------------- */

static void a_client_is_disconnected_wherever_it_is(void **state)
{
	struct client *a = cluster_connect(cluster, 0, NULL),
		      *b = cluster_connect(cluster, 1, NULL),
		      *other = cluster_connect(cluster, 1, NULL);

	(void)state;
	disconnect_client(a->id, ERR_OK);
	assert_string_equal(answer.json, "{\"disconnected\":1}");
	disconnect_client(b->id, ERR_OK);
	assert_string_equal(answer.json, "{\"disconnected\":1}");
	assert_kicked_off(a);
	assert_kicked_off(b);
	assert_non_null(other->session);
	disconnect_client(b->id, ERR_GONE);
	told_forget(&answer);
	assert_int_equal(steer_disconnect_client(hub(0), slice_of("x"), told, &answer), ERR_GONE);
	assert_int_equal(cluster->gateway[1].metrics.connections_closed[CLOSE_KICKED], 1);
}

static void all_connections_of_a_user_are_disconnected(void **state)
{
	struct client *a = cluster_connect(cluster, 0, "ann"),
		      *b = cluster_connect(cluster, 1, "ann"),
		      *c = cluster_connect(cluster, 1, "ann"),
		      *bob = cluster_connect(cluster, 1, "bob");

	(void)state;
	disconnect_user("ann", ERR_OK);
	assert_string_equal(answer.json, "{\"disconnected\":3}");
	assert_kicked_off(a);
	assert_kicked_off(b);
	assert_kicked_off(c);
	assert_non_null(bob->session);
	disconnect_user("ann", ERR_GONE);
}

static void all_who_are_in_a_room_are_disconnected(void **state)
{
	struct client *in[6], *out = cluster_connect(cluster, 2, NULL);

	(void)state;
	for (int i = 0; i < 6; i++) {
		in[i] = cluster_connect(cluster, i % 2, NULL);
		client_join(in[i], "x");
	}
	disconnect_room("x", ERR_OK);
	assert_string_equal(answer.json, "{\"disconnected\":6}");
	for (int i = 0; i < 6; i++)
		assert_kicked_off(in[i]);
	assert_non_null(out->session);
	disconnect_room("x", ERR_GONE);
	rooms(NULL, NULL, NULL, 10);
	counts("rooms", 0);
}

/* --- kicking -------------------------------------------------------------------------------------------- */

static void who_is_kicked_is_told_so_and_stays_connected(void **state)
{
	struct client *a = cluster_connect(cluster, 1, "ann"),
		      *watcher = cluster_connect(cluster, 2, NULL);
	const char *f;

	(void)state;
	client_say(a, "{\"type\":\"join\",\"id\":\"j\",\"room\":\"x\",\"presence\":true}");
	cluster_turn(cluster, 0);
	client_expect(a, "{\"type\":\"ack\",\"id\":\"j\"");
	client_join(a, "y");
	client_say(watcher, "{\"type\":\"join\",\"id\":\"j\",\"room\":\"x\",\"presence\":true}");
	cluster_turn(cluster, 500);
	client_expect(watcher, "{\"type\":\"ack\",\"id\":\"j\"");
	client_expect(a, "{\"type\":\"presence\"");
	kick("x", a->id, NULL, ERR_OK);
	assert_string_equal(answer.json, "{\"kicked\":1}");
	client_expect(a, LEFT_X);
	cluster_turn(cluster, 500);
	f = client_expect(watcher, "{\"type\":\"presence\"");
	assert_non_null(strstr(f, "\"left\":[{"));
	talk_in_x(watcher);
	client_expect_nothing(a);
	kick("x", a->id, NULL, ERR_GONE);
	kick("y", a->id, NULL, ERR_OK);
	client_expect(a, "{\"type\":\"left\",\"topic\":\"room:y\"");
	client_join(a, "x");
	talk_in_x(watcher);
	client_expect(a, "{\"type\":\"event\"");
}

static void all_clients_of_a_user_are_kicked_out_of_the_room(void **state)
{
	struct client *a = cluster_connect(cluster, 0, "ann"),
		      *b = cluster_connect(cluster, 1, "ann"),
		      *c = cluster_connect(cluster, 1, "ann"),
		      *bob = cluster_connect(cluster, 1, "bob");

	(void)state;
	client_join(a, "x");
	client_join(b, "x");
	client_join(c, "y");
	client_join(bob, "x");
	kick("x", NULL, "ann", ERR_OK);
	assert_string_equal(answer.json, "{\"kicked\":2}");
	client_expect(a, LEFT_X);
	client_expect(b, LEFT_X);
	client_expect_nothing(c);
	client_expect_nothing(bob);
	kick("x", NULL, "ann", ERR_GONE);
	kick("x", NULL, "nobody", ERR_GONE);
	kick("nowhere", bob->id, NULL, ERR_GONE);
	room("x", NULL, 10, ERR_OK);
	is("members", "1");
}

/* Its join was answered by the tier before, or is answered after it was kicked: either way it is not in
 * the room afterwards, and knows it. */
static void who_is_kicked_while_it_becomes_visible_is_out(void **state)
{
	struct cluster *late = cluster_open_on(1, &tier_late, NULL);
	struct client *a = cluster_connect(late, 0, NULL);

	(void)state;
	client_join(a, "x");
	late_ms = 20;
	for (int i = 0; i < 2; i++) { /* `again`, and then only its list */
		char question[100];
		struct buf reply;

		client_say(a, "{\"type\":\"join\",\"id\":1,\"room\":\"x\",\"presence\":true}");
		cluster_turn(late, 0);
		buf_init(&reply);
		snprintf(question, sizeof question, "kick-client x %s", a->id);
		ask_answer(late->gateway[0].hub, slice_of(question), &reply);
		assert_true(slice_is(buf_view(&reply), "{\"n\":1}"));
		buf_fini(&reply);
		cluster_turn(late, 100); /* lists that are old by now are asked for again */
		client_expect(a, LEFT_X);
		client_expect(a, "{\"type\":\"error\",\"id\":1,\"code\":1103");
		cluster_turn(late, 500);
		client_expect_nothing(a);
		assert_int_equal(late->gateway[0].metrics.rooms, 0);
		late_ms = 0;
		client_say(a, "{\"type\":\"join\",\"id\":2,\"room\":\"x\",\"presence\":true}");
		cluster_turn(late, 0);
		client_expect(a, "{\"type\":\"ack\",\"id\":2,\"members\":[");
		late_ms = 20;
	}
	cluster_close(late);
}

/* --- draining ------------------------------------------------------------------------------------------ */

static void a_gateway_is_asked_to_end(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		drain(cluster_node(cluster, i), ERR_OK);
		told_expect_at(&answer, "draining", "true");
		assert_true(slice_is(cluster_node(cluster, i), told_at(&answer, "node")));
		assert_int_equal(cluster->gateway[i].drains, 1);
	}
	assert_int_equal(cluster->gateway[2].drains, 0);
	drain(slice_of("nobody00"), ERR_GONE);
	told_forget(&answer);
	assert_int_equal(steer_drain(hub(0), slice_of("x"), told, &answer), ERR_GONE);
	hub(2)->drain_asked = NULL;
	drain(cluster_node(cluster, 2), ERR_NOT_SUPPORTED);
}

/* --- nodes that do not answer --------------------------------------------------------------------------- */

static void what_may_have_been_done_is_said_so(void **state)
{
	struct client *a = cluster_connect(cluster, 0, "ann"),
		      *b = cluster_connect(cluster, 1, "ann");
	uint64_t timeout = (uint64_t)cluster->gateway[0].config->redis_timeout_ms;

	(void)state;
	odd_node(cluster_node(cluster, 1), ERR_UNCERTAIN, NULL);
	assert_int_equal(steer_disconnect_user(hub(0), slice_of("ann"), told, &answer), ERR_OK);
	cluster_turn(cluster, timeout);
	told_expect(&answer, ERR_OK);
	is("disconnected", "1");
	assert_true(slice_is(cluster_node(cluster, 1), told_at(&answer, "unanswered.0")));
	assert_kicked_off(a);
	told_forget(&answer);
	assert_int_equal(steer_disconnect_client(hub(0), slice_of(b->id), told, &answer), ERR_OK);
	cluster_turn(cluster, timeout);
	told_expect(&answer, ERR_UNCERTAIN);
	/* Nobody there is not said when one could not be asked. */
	told_forget(&answer);
	assert_int_equal(steer_disconnect_room(hub(0), slice_of("x"), told, &answer), ERR_OK);
	cluster_turn(cluster, timeout);
	told_expect(&answer, ERR_OK);
	is("disconnected", "0");
	counts("unanswered", 1);
}

static void what_makes_no_sense_is_no_answer(void **state)
{
	struct client *b = cluster_connect(cluster, 1, "ann");

	(void)state;
	odd_node(cluster_node(cluster, 1), ERR_OK, "{\"n\":\"1\"}");
	disconnect_client(b->id, ERR_UNCERTAIN);
	odd_node(cluster_node(cluster, 1), ERR_OK, "?"); /* an older gateway */
	disconnect_client(b->id, ERR_NOT_SUPPORTED);
	disconnect_user("ann", ERR_OK);
	is("disconnected", "0");
	counts("unanswered", 1);
}

/* Questions that no gateway asks: nothing happens. */
static void wrong_questions_do_nothing(void **state)
{
	static const char *const wrong[] = {
		"",
		" ",
		"drain ",
		"drain now",
		"disconnect-client",
		"disconnect-client ",
		"disconnect-user",
		"disconnect-user a b",
		"disconnect-room \xff",
		"kick-client x",
		"kick-client x ",
		"kick-user x a ",
		"kick-user  a",
		"clients",
		"clients 0",
		"clients 1001",
		"clients -1",
		"clients 1 ",
		"clients 1 a b",
		"clients x",
		"room x",
		"room x 1 a b",
		"user",
		"client",
		"client a b",
		"node x",
		"stats x",
		"nonsense",
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct buf reply;

		buf_init(&reply);
		ask_answer(hub(0), slice_of(wrong[i]), &reply);
		if (!slice_is(buf_view(&reply), "?"))
			fail_msg("'%s' is answered %.*s", wrong[i], SLICE_ARGS(buf_view(&reply)));
		buf_fini(&reply);
	}
	assert_int_equal(cluster->gateway[0].drains, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_client_is_disconnected_wherever_it_is),
		TEST(all_connections_of_a_user_are_disconnected),
		TEST(all_who_are_in_a_room_are_disconnected),
		TEST(who_is_kicked_is_told_so_and_stays_connected),
		TEST(all_clients_of_a_user_are_kicked_out_of_the_room),
		TEST(who_is_kicked_while_it_becomes_visible_is_out),
		TEST(a_gateway_is_asked_to_end),
		TEST(what_may_have_been_done_is_said_so),
		TEST(what_makes_no_sense_is_no_answer),
		TEST(wrong_questions_do_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
