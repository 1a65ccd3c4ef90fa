/*
 * What operators are told by one gateway about all of them.
 */
#include "tests/support/operator.h"

/* --- rooms ------------------------------------------------------------------------------------------- */

static void rooms_are_listed_with_their_members_and_gateways(void **state)
{
	struct client *a = cluster_connect(cluster, 0, NULL),
		      *b = cluster_connect(cluster, 0, NULL),
		      *c = cluster_connect(cluster, 1, NULL);

	(void)state;
	rooms(NULL, NULL, NULL, 100);
	assert_string_equal(answer.json, "{\"rooms\":[]}");
	client_join(a, "lobby");
	client_join(b, "lobby");
	client_join(c, "lobby");
	client_join(c, "chess");
	rooms(NULL, NULL, NULL, 100);
	assert_string_equal(answer.json,
	                    "{\"rooms\":[{\"name\":\"chess\",\"members\":1,\"gateways\":1},"
	                    "{\"name\":\"lobby\",\"members\":3,\"gateways\":2}]}");
}

static void rooms_are_found_by_prefix_and_glob(void **state)
{
	static const char *const names[] = { "a", "game-1", "game-12", "game-2", "z-game-1" };
	struct client *c = cluster_connect(cluster, 1, NULL);

	(void)state;
	for (int i = 0; i < 5; i++)
		client_join(c, names[i]);
	rooms("game", NULL, NULL, 100);
	counts("rooms", 3);
	rooms("game-2", NULL, NULL, 100);
	counts("rooms", 1);
	rooms("nothing", NULL, NULL, 100);
	counts("rooms", 0);
	rooms(NULL, "game-?", NULL, 100);
	counts("rooms", 2);
	is("rooms.0.name", "game-1");
	is("rooms.1.name", "game-2");
	rooms(NULL, "*1", NULL, 100);
	counts("rooms", 2);
	is("rooms.1.name", "z-game-1");
	rooms(NULL, "*", NULL, 100);
	counts("rooms", 5);
	rooms(NULL, "a", NULL, 100);
	counts("rooms", 1);
}

static void pages_of_rooms_follow_each_other(void **state)
{
	struct client *c = cluster_connect(cluster, 1, NULL);
	char after[100] = "", name[100];
	int seen = 0, pages = 0;

	(void)state;
	for (int i = 0; i < 7; i++) {
		snprintf(name, sizeof name, "r%d", i);
		client_join(c, name);
	}
	do {
		rooms("r", NULL, seen == 0 ? NULL : after, 3);
		pages++;
		for (int i = 0; i < told_count(&answer, "rooms"); i++, seen++) {
			char path[32];

			snprintf(path, sizeof path, "rooms.%d.name", i);
			snprintf(name, sizeof name, "r%d", seen);
			is(path, name);
		}
		snprintf(after, sizeof after, "%s", told_at(&answer, "next"));
	} while (after[0] != '\0');
	assert_int_equal(seen, 7);
	assert_int_equal(pages, 3);
	rooms("r", NULL, NULL, 7); /* full, and nothing behind it */
	is("next", "");
	rooms(NULL, "*", "r3", 1);
	is("rooms.0.name", "r4");
	is("next", "r4");
	rooms(NULL, "*6", NULL, 1);
	is("rooms.0.name", "r6");
	is("next", "");
}

static void who_matches_late_is_found_over_several_pages_of_the_registry(void **state)
{
	struct client *c;
	char frame[64];

	(void)state;
	cluster->gateway[1].config->topics_per_client = 5000;
	cluster->gateway[1].config->max_rate = 1000000;
	c = cluster_connect(cluster, 1, NULL);
	for (int i = 0; i < 2500; i++) {
		snprintf(frame, sizeof frame, "{\"type\":\"join\",\"room\":\"r%04d%s\"}", i,
		         i == 2400 ? "-x" : "");
		client_say(c, frame);
		cluster_turn(cluster, 0);
	}
	rooms(NULL, "*-x", NULL, 10);
	assert_string_equal(answer.json,
	                    "{\"rooms\":[{\"name\":\"r2400-x\",\"members\":1,\"gateways\":1}]}");
}

/* --- a room ------------------------------------------------------------------------------------------- */

static void a_room_tells_its_members_of_all_gateways(void **state)
{
	struct client *a = cluster_connect(cluster, 0, "ann"),
		      *b = cluster_connect(cluster, 1, NULL);

	(void)state;
	cluster_connect(cluster, 2, NULL);
	room("x", NULL, 100, ERR_GONE);
	client_say(a,
	           "{\"type\":\"join\",\"room\":\"x\",\"presence\":true,"
	           "\"info\":{\"n\":[1,\"}\"]}}");
	cluster_turn(cluster, 0);
	client_join(b, "x");
	room("x", NULL, 100, ERR_OK);
	is("name", "x");
	is("members", "2");
	is("visible", "1");
	is("users", "1");
	is("gateways", "2");
	counts("clients", 2);
	is(place(a, "user"), "ann");
	is(place(a, "presence"), "true");
	is(place(a, "info"), "{\"n\":[1,\"}\"]}");
	assert_true(slice_is(cluster_node(cluster, 0), told_at(&answer, place(a, "node"))));
	is(place(b, "user"), "");
	is(place(b, "presence"), "false");
	is(place(b, "info"), "");
	is("next", "");
	is("unanswered", "");
}

static void pages_of_clients_are_in_the_order_of_their_ids(void **state)
{
	char after[100] = "", last[100] = "", path[32];
	int seen = 0, pages = 0;

	(void)state;
	for (int i = 0; i < 20; i++)
		client_join(cluster_connect(cluster, i % 3, NULL), "x");
	for (; pages == 0 || after[0] != '\0'; pages++) {
		room("x", pages == 0 ? NULL : after, 6, ERR_OK);
		is("members", "20");
		for (int i = 0; i < told_count(&answer, "clients"); i++, seen++) {
			snprintf(path, sizeof path, "clients.%d.client", i);
			assert_true(strcmp(last, told_at(&answer, path)) < 0);
			snprintf(last, sizeof last, "%s", told_at(&answer, path));
		}
		snprintf(after, sizeof after, "%s", told_at(&answer, "next"));
		if (after[0] != '\0')
			assert_string_equal(after, last);
	}
	assert_int_equal(seen, 20);
	assert_int_equal(pages, 4);
}

/* --- clients and users -------------------------------------------------------------------------------- */

static void a_client_is_told_with_its_topics_and_counters(void **state)
{
	struct client *a = cluster_connect(cluster, 1, "ann");

	(void)state;
	client_join(a, "x");
	client_say(a, "{\"type\":\"nonsense\"}");
	cluster_turn(cluster, 1500);
	client(a->id, ERR_OK);
	is("client", a->id);
	is("user", "ann");
	assert_int_equal(strncmp(told_at(&answer, "node"), a->id, NODE_ID_LEN), 0);
	is("address", "192.0.2.1");
	is("state", "connected");
	is("connected_ms", "1500");
	is("silent_ms", "1500");
	is("round_trip_us", "");
	is("topics_count", "3");
	counts("topics", 3);
	is("queue.messages", "0");
	is("queue.oldest_ms", "");
	is("counters.frames_received", "2");
	is("counters.messages_sent", "3");
	assert_true(atoi(told_at(&answer, "counters.bytes_sent")) > 100);
	is("counters.errors", "1");
	is("counters.messages_dropped", "0");
	is("counters.rate_limited", "0");
	session_pong(a->session, 700);
	client(a->id, ERR_OK);
	is("round_trip_us", "700");
}

static void a_client_that_does_not_read_shows_what_waits(void **state)
{
	struct client *a = cluster_connect(cluster, 1, NULL);

	(void)state;
	client_join(a, "x");
	a->reads = false;
	client_say(a,
	           "{\"type\":\"publish\",\"topic\":\"room:x\",\"event_type\":\"m\","
	           "\"payload\":1}");
	cluster_turn(cluster, 250);
	client(a->id, ERR_OK);
	is("queue.messages", "1");
	assert_true(atoi(told_at(&answer, "queue.bytes")) > 50);
	is("queue.oldest_ms", "250");
}

static void who_is_not_there_is_gone(void **state)
{
	struct client *a = cluster_connect(cluster, 1, NULL),
		      *b = cluster_connect(cluster, 2, NULL);

	(void)state;
	client_cut(a);
	client(a->id, ERR_GONE);
	cluster_kill(cluster, 2);
	client(b->id, ERR_GONE);
	told_forget(&answer);
	assert_int_equal(inspect_client(hub(0), slice_of("short"), told, &answer), ERR_GONE);
	assert_int_equal(inspect_clients(hub(0), slice_of("x"), none, 1, told, &answer), ERR_GONE);
	clients(slice_of("nobody00"), NULL, 1, ERR_GONE);
	user("ann", ERR_GONE);
}

static void a_user_is_told_with_all_connections(void **state)
{
	struct client *a = cluster_connect(cluster, 0, "ann"),
		      *b = cluster_connect(cluster, 1, "ann");

	(void)state;
	cluster_connect(cluster, 2, "bob");
	user("ann", ERR_OK);
	is("user", "ann");
	is("connections", "2");
	counts("clients", 2);
	is(place(a, "user"), "ann");
	is(place(b, "state"), "connected");
	is("next", "");
}

static void clients_are_listed_of_all_nodes_or_of_one(void **state)
{
	(void)state;
	for (int i = 0; i < 9; i++)
		cluster_connect(cluster, i % 2, NULL);
	clients(none, NULL, 100, ERR_OK);
	counts("clients", 9);
	clients(none, NULL, 8, ERR_OK);
	counts("clients", 8);
	is("next", told_at(&answer, "clients.7.client"));
	clients(cluster_node(cluster, 0), NULL, 100, ERR_OK);
	counts("clients", 5);
	clients(cluster_node(cluster, 1), NULL, 100, ERR_OK);
	counts("clients", 4);
	clients(cluster_node(cluster, 2), NULL, 100, ERR_OK);
	assert_string_equal(answer.json, "{\"clients\":[]}");
}

/* --- gateways ------------------------------------------------------------------------------------------ */

static void every_node_describes_itself(void **state)
{
	int selves = 0;

	(void)state;
	cluster_connect(cluster, 1, NULL);
	cluster_turn(cluster, 2000);
	nodes();
	counts("nodes", 3);
	for (int i = 0; i < 3; i++) {
		static const char *const members[][2] = {
			{ "uptime_s", "2" },     { "state", "ok" },     { "reason", "ready" },
			{ "ready", "true" },     { "tier.up", "true" }, { "tier.name", "odd" },
			{ "queued_bytes", "0" }, { NULL, NULL },
		};
		char path[32];
		struct slice node;
		bool self;

		for (int m = 0; members[m][0] != NULL; m++) {
			snprintf(path, sizeof path, "nodes.%d.%s", i, members[m][0]);
			is(path, members[m][1]);
		}
		snprintf(path, sizeof path, "nodes.%d.node", i);
		node = slice_of(told_at(&answer, path));
		self = slice_eq(node, cluster_node(cluster, 0));
		selves += self;
		snprintf(path, sizeof path, "nodes.%d.self", i);
		is(path, self ? "true" : "false");
		snprintf(path, sizeof path, "nodes.%d.connections", i);
		is(path, slice_eq(node, cluster_node(cluster, 1)) ? "1" : "0");
	}
	assert_int_equal(selves, 1);
}

static void counters_of_all_nodes_are_added(void **state)
{
	struct client *a = cluster_connect(cluster, 0, NULL),
		      *b = cluster_connect(cluster, 1, NULL);

	(void)state;
	client_join(a, "x");
	client_join(b, "x");
	client_join(b, "y");
	client_say(b, "{\"type\":\"nonsense\"}");
	cluster_turn(cluster, 0);
	stats();
	is("nodes", "3");
	is("connections", "2");
	is("rooms_local", "3");
	is("totals.connections_opened", "2");
	is("totals.frames_received", "4");
	is("totals.errors", "1");
	is("totals.messages_dropped", "0");
	is("totals.connections", ""); /* a gauge */
	counts("per_node", 3);
	assert_int_equal(told_count(&answer, "per_node.0.totals"), told_count(&answer, "totals"));
	assert_true(strlen(told_at(&answer, "wall_ms")) > 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(rooms_are_listed_with_their_members_and_gateways),
		TEST(rooms_are_found_by_prefix_and_glob),
		TEST(pages_of_rooms_follow_each_other),
		TEST(who_matches_late_is_found_over_several_pages_of_the_registry),
		TEST(a_room_tells_its_members_of_all_gateways),
		TEST(pages_of_clients_are_in_the_order_of_their_ids),
		TEST(a_client_is_told_with_its_topics_and_counters),
		TEST(a_client_that_does_not_read_shows_what_waits),
		TEST(who_is_not_there_is_gone),
		TEST(a_user_is_told_with_all_connections),
		TEST(clients_are_listed_of_all_nodes_or_of_one),
		TEST(every_node_describes_itself),
		TEST(counters_of_all_nodes_are_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
