/*
 * Operators ask, and some gateways do not answer, or answer nonsense.
 */
#include "tests/support/operator.h"

/* --- nodes that do not answer ---------------------------------------------------------------------------- */

static void who_does_not_answer_in_time_is_named(void **state)
{
	struct client *a = cluster_connect(cluster, 0, "ann"),
		      *b = cluster_connect(cluster, 1, "ann");

	(void)state;
	client_join(a, "x");
	client_join(b, "x");
	odd_node(cluster_node(cluster, 1), ERR_UNCERTAIN, NULL);
	told_forget(&answer);
	assert_int_equal(inspect_room(hub(0), slice_of("x"), none, 10, told, &answer), ERR_OK);
	cluster_turn(cluster, (uint64_t)cluster->gateway[0].config->redis_timeout_ms - 1);
	assert_int_equal(answer.times, 0);
	cluster_turn(cluster, 1);
	told_expect(&answer, ERR_OK);
	is("members", "2"); /* the registry knows */
	counts("clients", 1);
	place(a, "client");
	counts("unanswered", 1);
	assert_true(slice_is(cluster_node(cluster, 1), told_at(&answer, "unanswered.0")));
}

static void one_client_of_a_silent_node_is_uncertain(void **state)
{
	struct client *b = cluster_connect(cluster, 1, "bob");

	(void)state;
	odd_node(cluster_node(cluster, 1), ERR_UNCERTAIN, NULL);
	assert_int_equal(inspect_client(hub(0), slice_of(b->id), told, &answer), ERR_OK);
	cluster_turn(cluster, (uint64_t)cluster->gateway[0].config->redis_timeout_ms);
	told_expect(&answer, ERR_UNCERTAIN);
	/* Nobody can say that the user has no connection. */
	told_forget(&answer);
	assert_int_equal(inspect_user(hub(0), slice_of("bob"), told, &answer), ERR_OK);
	cluster_turn(cluster, (uint64_t)cluster->gateway[0].config->redis_timeout_ms);
	told_expect(&answer, ERR_OK);
	is("connections", "0");
	counts("unanswered", 1);
}

static void who_cannot_be_asked_is_named_at_once(void **state)
{
	(void)state;
	odd_node(cluster_node(cluster, 1), ERR_UNAVAILABLE, NULL);
	odd_node(cluster_node(cluster, 2), ERR_UNAVAILABLE, NULL);
	nodes();
	counts("nodes", 1);
	is("nodes.0.self", "true");
	counts("unanswered", 2);
}

static void who_is_gone_meanwhile_is_not_missed(void **state)
{
	(void)state;
	odd_strangers = 2;
	nodes();
	counts("nodes", 3);
	is("unanswered", "");
}

static void more_nodes_than_can_be_asked_are_named(void **state)
{
	(void)state;
	odd_strangers = 1000;
	stats();
	is("nodes", "3");
	counts("unanswered", 3);
}

/* Fails unless the answer of node 1 is taken for none. */
static void assert_refused(enum err (*ask)(struct hub *h, inspect_done *done, void *ctx),
                           const char *text)
{
	odd_node(cluster_node(cluster, 1), ERR_OK, text);
	told_forget(&answer);
	hear(ask(hub(0), told, &answer), ERR_OK);
	if (told_count(&answer, "unanswered") != 1)
		fail_msg("%s was taken: %s", text, answer.json);
}

static enum err ask_clients(struct hub *h, inspect_done *done, void *ctx)
{
	return inspect_clients(h, none, slice_of("a"), 2, done, ctx);
}

#define CLIENT(id, node, more)                                                                     \
	"{\"client\":\"" id "\",\"node\":\"" node "\",\"address\":\"\",\"state\":\"\","            \
	"\"connected_ms\":0,\"silent_ms\":0,\"topics_count\":0,"                                   \
	"\"queue\":{\"messages\":0,\"bytes\":0,\"control_messages\":0}" more "}"

static void what_makes_no_sense_is_no_answer(void **state)
{
	static const char *const never[] = { "", "?", "0", "[]", "{", "{}", "{\"node\":\"x\"}" };

	(void)state;
	for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
		assert_refused(inspect_nodes, never[i]);
		assert_refused(inspect_stats, never[i]);
		assert_refused(ask_clients, never[i]);
	}
	assert_refused(ask_clients, "{\"n\":1,\"more\":false,\"clients\":[1]}");
	assert_refused(ask_clients, "{\"n\":-1,\"more\":false,\"clients\":[]}");
	assert_refused(ask_clients, "{\"n\":1,\"more\":0,\"clients\":[]}");
}

/* What node 1 says of its clients, its own id put in for NODE. */
static void assert_list_refused(const char *list, bool refused)
{
	static char text[4000];
	size_t n = 0;

	for (; *list != '\0' && n < sizeof text - NODE_ID_LEN; list++) {
		if (strncmp(list, "NODE", 4) == 0) {
			memcpy(text + n, cluster_node(cluster, 1).p, NODE_ID_LEN);
			n += NODE_ID_LEN;
			list += 3;
		} else {
			text[n++] = *list;
		}
	}
	text[n] = '\0';
	odd_node(cluster_node(cluster, 1), ERR_OK, text);
	told_forget(&answer);
	hear(inspect_clients(hub(0), none, slice_of("2"), 2, told, &answer), ERR_OK);
	if ((told_count(&answer, "unanswered") == 1) != refused)
		fail_msg("%s: %s", text, answer.json);
}

#define LIST(clients) "{\"n\":9,\"more\":false,\"clients\":[" clients "]}"

static void clients_are_those_of_who_answers_and_in_order(void **state)
{
	(void)state;
	assert_list_refused(LIST(CLIENT("NODE-a", "NODE", "")), false);
	assert_list_refused(LIST(CLIENT("NODE-a", "NODE", ",\"new\":{\"x\":1}")), false);
	assert_list_refused(LIST(CLIENT("NODE-a", "NODE", "") "," CLIENT("NODE-b", "NODE", "")),
	                    false);
	assert_list_refused(LIST(CLIENT("NODE-b", "NODE", "") "," CLIENT("NODE-a", "NODE", "")),
	                    true);
	assert_list_refused(LIST(CLIENT("NODE-a", "NODE", "") "," CLIENT("NODE-a", "NODE", "")),
	                    true);
	assert_list_refused(LIST(CLIENT("other000-a", "NODE", "")), true);
	assert_list_refused(LIST(CLIENT("NODE-a", "other000", "")), true);
	assert_list_refused(LIST(CLIENT("NODE-a\\u0020", "NODE", "")), true);
	assert_list_refused(LIST(CLIENT("NODE-a", "NODE", ",\"user\":1")), true);
	assert_list_refused(LIST(CLIENT("NODE-a", "NODE", "") "," CLIENT(
				    "NODE-b", "NODE", "") "," CLIENT("NODE-c", "NODE", "")),
	                    true);
}

static void an_answer_that_is_cut_ends_the_page(void **state)
{
	char text[1000];
	struct slice node = cluster_node(cluster, 1);

	(void)state;
	/* One gateway has more than it said: who comes behind that one is for the next page. */
	for (int i = 0; i < 8; i++)
		cluster_connect(cluster, i % 2 * 2, NULL);
	snprintf(text, sizeof text,
	         "{\"n\":5,\"more\":true,\"clients\":["
	         "{\"client\":\"%.8s-a\",\"node\":\"%.8s\",\"address\":\"\",\"state\":\"\","
	         "\"connected_ms\":0,\"silent_ms\":0,\"topics_count\":0,\"queue\":{\"messages\":0,"
	         "\"bytes\":0,\"control_messages\":0}}]}",
	         node.p, node.p);
	odd_node(node, ERR_OK, text);
	clients(none, NULL, 100, ERR_OK);
	assert_int_equal(strncmp(told_at(&answer, "next"), node.p, NODE_ID_LEN), 0);
	snprintf(text, sizeof text, "clients.%d.client", told_count(&answer, "clients") - 1);
	is(text, told_at(&answer, "next"));
}

/* --- limits ---------------------------------------------------------------------------------------------- */

static void not_too_many_are_under_way(void **state)
{
	struct told all[16] = { 0 };

	(void)state;
	for (int i = 0; i < 16; i++)
		assert_int_equal(inspect_nodes(hub(0), told, &all[i]), ERR_OK);
	assert_int_equal(inspect_stats(hub(0), told, &answer), ERR_OVERLOADED);
	assert_int_equal(inspect_rooms(hub(0), none, none, none, 1, told, &answer), ERR_OVERLOADED);
	cluster_turn(cluster, 0);
	for (int i = 0; i < 16; i++) {
		told_expect(&all[i], ERR_OK);
		told_forget(&all[i]);
	}
	stats();
}

static void a_closed_hub_forgets_what_was_asked(void **state)
{
	struct client *b = cluster_connect(cluster, 1, "ann");

	(void)state;
	client_join(b, "x");
	odd_node(cluster_node(cluster, 1), ERR_UNCERTAIN, NULL);
	for (int i = 0; i < 2; i++) { /* some have only been asked, some wait for node 1 */
		assert_int_equal(inspect_nodes(hub(0), told, &answer), ERR_OK);
		assert_int_equal(inspect_room(hub(0), slice_of("x"), none, 1, told, &answer),
		                 ERR_OK);
		assert_int_equal(inspect_client(hub(0), slice_of(b->id), told, &answer), ERR_OK);
		assert_int_equal(
			inspect_clients(hub(0), cluster_node(cluster, 0), none, 1, told, &answer),
			ERR_OK);
		if (i == 0) {
			cluster_turn(cluster, 0);
			told_expect(&answer, ERR_OK); /* our own */
			told_forget(&answer);
		}
	}
	cluster_kill(cluster, 0);
	cluster_turn(cluster, 60000);
	assert_int_equal(answer.times, 0);
}

static void without_the_tier_a_gateway_still_tells_of_its_own_clients(void **state)
{
	struct cluster *alone = cluster_open_on(1, &tier_fail, NULL);
	struct hub *h = alone->gateway[0].hub;

	(void)state;
	assert_int_equal(inspect_nodes(h, told, &answer), ERR_UNAVAILABLE);
	assert_int_equal(inspect_rooms(h, none, none, none, 1, told, &answer), ERR_UNAVAILABLE);
	assert_int_equal(inspect_room(h, slice_of("x"), none, 1, told, &answer), ERR_UNAVAILABLE);
	assert_int_equal(inspect_clients(h, hub_node(h), none, 1, told, &answer), ERR_OK);
	cluster_turn(alone, 0);
	told_expect(&answer, ERR_OK);
	cluster_close(alone);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(who_does_not_answer_in_time_is_named),
		TEST(one_client_of_a_silent_node_is_uncertain),
		TEST(who_cannot_be_asked_is_named_at_once),
		TEST(who_is_gone_meanwhile_is_not_missed),
		TEST(more_nodes_than_can_be_asked_are_named),
		TEST(what_makes_no_sense_is_no_answer),
		TEST(clients_are_those_of_who_answers_and_in_order),
		TEST(an_answer_that_is_cut_ends_the_page),
		TEST(not_too_many_are_under_way),
		TEST(a_closed_hub_forgets_what_was_asked),
		TEST(without_the_tier_a_gateway_still_tells_of_its_own_clients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
