#include "tests/support/cluster.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void a_silent_client_is_pinged_then_closed(void **state)
{
	const char *const flags[] = { "--ping-interval-ms=1000", "--client-timeout-ms=3000", NULL };
	struct cluster *c = cluster_open(1, flags);
	struct client *a = cluster_connect(c, 0, NULL), *b = cluster_connect(c, 0, NULL);

	(void)state;
	cluster_turn(c, 900);
	session_alive(b->session);
	cluster_turn(c, 150);
	assert_int_equal(a->pings, 1);
	assert_int_equal(b->pings, 0);
	cluster_turn(c, 1000);
	assert_int_equal(a->pings, 1); /* once for one silence */
	assert_int_equal(b->pings, 1);
	session_alive(b->session);
	cluster_turn(c, 1100);
	assert_null(a->session);
	assert_int_equal(a->why, CLOSE_HEARTBEAT);
	assert_non_null(b->session);
	cluster_close(c);
}

static void pings_can_be_off(void **state)
{
	const char *const flags[] = { "--ping-interval-ms=0", NULL };
	struct cluster *c = cluster_open(1, flags);
	struct client *a = cluster_connect(c, 0, NULL);

	(void)state;
	cluster_turn(c, 3600000);
	assert_non_null(a->session);
	assert_int_equal(a->pings, 0);
	cluster_close(c);
}

static void a_promised_hello_is_waited_for_and_not_for_ever(void **state)
{
	const char *const flags[] = { "--handshake-timeout-ms=2000", NULL };
	struct cluster *c = cluster_open(1, flags);
	struct client *good = cluster_dial(c, 0, NULL, true),
		      *rude = cluster_dial(c, 0, NULL, true),
		      *mute = cluster_dial(c, 0, NULL, true);

	(void)state;
	cluster_turn(c, 100);
	client_expect_nothing(good);
	client_say(good, "{\"type\":\"hello\"}");
	client_say(rude, "{\"type\":\"join\",\"id\":1,\"room\":\"x\"}");
	cluster_turn(c, 100);
	client_expect(good, "{\"type\":\"welcome\"");
	client_expect(rude,
	              "{\"type\":\"error\",\"id\":1,\"code\":1101,\"name\":\"not_authenticated\"");
	assert_int_equal(rude->why, CLOSE_UNAUTHENTICATED);
	cluster_turn(c, 2000);
	assert_int_equal(mute->why, CLOSE_UNAUTHENTICATED);
	assert_non_null(good->session);
	client_say(good, "{\"type\":\"hello\",\"id\":2}");
	cluster_turn(c, 0);
	client_expect(good, "{\"type\":\"error\",\"id\":2,\"code\":1002,\"name\":\"bad_frame\"");
	cluster_close(c);
}

static void a_tier_that_refuses_is_told_and_nobody_waits(void **state)
{
	struct cluster *c = cluster_open_on(1, &tier_fail, NULL);
	struct client *a = cluster_dial(c, 0, "ann", false);
	const char *reason;

	(void)state;
	assert_false(hub_ready(c->gateway[0].hub, &reason));
	assert_string_equal(reason, "tier not reached yet");
	cluster_turn(c, 0);
	client_expect(a, "{\"type\":\"reconnect\",\"after_ms\":5000");
	assert_int_equal(a->why, CLOSE_TRY_LATER);
	cluster_close(c);
}

static void who_floods_is_refused_then_closed(void **state)
{
	const char *const flags[] = { "--max-rate=10", "--rate-burst=20", NULL };
	struct cluster *c = cluster_open(1, flags);
	struct client *a = cluster_connect(c, 0, NULL), *b = cluster_connect(c, 0, NULL);
	int pongs = 0, limited = 0;

	(void)state;
	for (int i = 0; i < 30; i++)
		client_say(a, "{\"type\":\"ping\",\"id\":1}");
	cluster_turn(c, 1000);
	for (const char *f; (f = client_next(a)) != NULL;) {
		pongs += strstr(f, "pong") != NULL;
		limited += strstr(f, "\"id\":1,\"code\":1106,\"name\":\"rate_limited\"") != NULL;
	}
	assert_int_equal(pongs, 20);
	assert_int_equal(limited, 10);
	for (int i = 0; i < 30 && !a->closing; i++)
		client_say(a, "{\"type\":\"ping\"}");
	cluster_turn(c, 0);
	assert_int_equal(a->why, CLOSE_RATE_LIMIT);
	client_say(b, "{\"type\":\"ping\"}");
	cluster_turn(c, 0);
	client_expect(b, "{\"type\":\"pong\"}");
	cluster_close(c);
}

static void errors_have_a_budget_a_minute(void **state)
{
	const char *const flags[] = { "--max-errors=5", NULL };
	struct cluster *c = cluster_open(1, flags);
	struct client *a = cluster_connect(c, 0, NULL);

	(void)state;
	for (int i = 0; i < 5; i++)
		client_say(a, "{");
	cluster_turn(c, 0);
	client_expect(a, "{\"type\":\"error\",\"code\":1001,\"name\":\"bad_json\"");
	client_expect_nothing(a); /* the same, without id, waited already */
	assert_int_equal(c->gateway[0].metrics.errors[ERR_BAD_JSON], 5);
	for (int i = 0; i < 2; i++) {
		cluster_turn(c, 31000);
		session_alive(a->session);
	}
	for (int i = 0; i < 5; i++)
		client_say(a, "{\"type\":\"nothing\",\"id\":1}");
	cluster_turn(c, 0);
	for (int i = 0; i < 5; i++)
		client_expect(
			a, "{\"type\":\"error\",\"id\":1,\"code\":1003,\"name\":\"unknown_type\"");
	assert_non_null(a->session);
	client_say(a, "[]");
	cluster_turn(c, 0);
	assert_int_equal(a->why, CLOSE_TOO_MANY_ERRORS);
	cluster_close(c);
}

struct ended {
	bool refused, done;
};

static void stop_accepting(void *ctx)
{
	((struct ended *)ctx)->refused = true;
}

static void drained(void *ctx)
{
	((struct ended *)ctx)->done = true;
}

static void a_drain_sends_everybody_away_over_its_time(void **state)
{
	const char *const flags[] = { "--drain-ms=1000", "--drain-grace-ms=500", NULL };
	struct cluster *c = cluster_open(2, flags);
	struct client *many[100];
	struct ended ended = { false, false };
	struct hub *h = c->gateway[0].hub;
	const char *reason;
	int gone = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		many[i] = cluster_connect(c, 0, NULL);
	hub_drain(h, stop_accepting, drained, &ended);
	hub_drain(h, stop_accepting, drained, &ended); /* again changes nothing */
	assert_false(hub_ready(h, &reason));
	cluster_turn(c, 400);
	assert_false(ended.refused);
	assert_int_equal(session_admit(h, slice_of("x")), ADMIT_OK);
	cluster_turn(c, 110);
	assert_true(ended.refused);
	assert_int_equal(session_admit(h, slice_of("x")), ADMIT_DRAINING);
	for (int i = 0; i < 25; i++)
		cluster_turn(c, 20);
	for (int i = 0; i < 100; i++)
		gone += many[i]->session == NULL;
	assert_in_range(gone, 30, 70); /* about half */
	for (int i = 0; i < 30; i++)
		cluster_turn(c, 20);
	for (int i = 0; i < 100; i++) {
		assert_null(many[i]->session);
		assert_int_equal(many[i]->why, CLOSE_RESTART);
		client_expect(many[i], "{\"type\":\"reconnect\",\"after_ms\":");
	}
	assert_true(ended.done);
	cluster_close(c);
}

static void limits_follow_a_reload(void **state)
{
	struct cluster *c = cluster_open(1, NULL);
	struct client *a = cluster_connect(c, 0, NULL);

	(void)state;
	c->gateway[0].config->max_rate = 1;
	c->gateway[0].config->rate_burst = 1;
	hub_reconfigure(c->gateway[0].hub);
	client_say(a, "{\"type\":\"ping\",\"id\":1}");
	client_say(a, "{\"type\":\"ping\",\"id\":2}");
	cluster_turn(c, 0);
	client_expect(a, "{\"type\":\"pong\",\"id\":1}");
	client_expect(a, "{\"type\":\"error\",\"id\":2,\"code\":1106");
	cluster_close(c);
}

static void connections_are_counted_once_however_they_end(void **state)
{
	const char *const flags[] = { "--max-connections=2", "--max-connections-per-address=1",
		                      NULL };
	struct cluster *c = cluster_open(1, flags);
	struct client *a = cluster_connect(c, 0, NULL);
	struct hub *h = c->gateway[0].hub;

	(void)state;
	assert_int_equal(session_admit(h, slice_of("192.0.2.1")), ADMIT_ADDRESS);
	assert_int_equal(session_admit(h, slice_of("192.0.2.2")), ADMIT_OK);
	session_close(a->session, CLOSE_KICKED);
	session_close(a->session, CLOSE_POLICY); /* twice is fine, the first counts */
	cluster_turn(c, 0);
	assert_int_equal(a->why, CLOSE_KICKED);
	assert_int_equal(session_admit(h, slice_of("192.0.2.1")), ADMIT_OK);
	cluster_connect(c, 0, NULL);
	cluster_connect(c, 0, NULL);
	assert_int_equal(session_admit(h, slice_of("192.0.2.9")), ADMIT_FULL);
	hub_measure(h);
	assert_int_equal(c->gateway[0].metrics.connections, 2);
	cluster_close(c);
}

/* Joining and going at the same moment leaves nothing behind, at whatever point it happens. */
static void a_join_that_races_with_a_close_leaves_nothing(void **state)
{
	struct cluster *c = cluster_open(2, NULL);
	struct client *watcher = cluster_connect(c, 1, NULL), *a;

	(void)state;
	for (int turns = 0; turns < 5; turns++) {
		a = cluster_dial(c, 0, "ann", false);
		client_say(a, "{\"type\":\"join\",\"rooms\":[\"x\",\"y\"],\"presence\":true}");
		for (int i = 0; i < turns; i++)
			loop_turn(c->loop, 0);
		client_cut(a);
	}
	cluster_turn(c, 200);
	assert_int_equal(c->gateway[0].metrics.memberships, 0);
	assert_int_equal(c->gateway[0].metrics.topics, 0);
	client_say(watcher, "{\"type\":\"presence\",\"id\":1,\"room\":\"x\"}");
	cluster_turn(c, 0);
	client_expect(watcher, "{\"type\":\"ack\",\"id\":1,\"members\":[],\"count\":0,\"users\":0");
	cluster_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_silent_client_is_pinged_then_closed),
		cmocka_unit_test(pings_can_be_off),
		cmocka_unit_test(a_promised_hello_is_waited_for_and_not_for_ever),
		cmocka_unit_test(a_tier_that_refuses_is_told_and_nobody_waits),
		cmocka_unit_test(who_floods_is_refused_then_closed),
		cmocka_unit_test(errors_have_a_budget_a_minute),
		cmocka_unit_test(a_drain_sends_everybody_away_over_its_time),
		cmocka_unit_test(limits_follow_a_reload),
		cmocka_unit_test(connections_are_counted_once_however_they_end),
		cmocka_unit_test(a_join_that_races_with_a_close_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
