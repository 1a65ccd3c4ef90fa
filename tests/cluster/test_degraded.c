/* A gateway whose tier comes and goes as the test says. */
#include "tests/support/cluster.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct tier_events *events;
static void *events_ctx;
static struct tier_ops stepping;
static struct cluster *cluster;
static struct hub *hub;

static struct tier *stepping_open(const struct tier_options *o, const struct tier_events *ev,
                                  void *ctx)
{
	events = ev;
	events_ctx = ctx;
	return tier_fail.open(o, ev, ctx);
}

static int setup(void **state)
{
	static const char *const flags[] = { "--degraded-ready-ms=3000", NULL };

	(void)state;
	stepping = tier_fail;
	stepping.open = stepping_open;
	cluster = cluster_open_on(1, &stepping, flags);
	hub = cluster->gateway[0].hub;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cluster_close(cluster);
	return 0;
}

static void up(void)
{
	events->link(events_ctx, true, false, "connected");
}

static void down(const char *reason)
{
	events->link(events_ctx, false, false, reason);
}

static void assert_ready(bool ready, const char *reason)
{
	const char *said;

	assert_int_equal(hub_ready(hub, &said), ready);
	assert_string_equal(said, reason);
}

/* /healthz holds it. */
static void assert_status(const char *part)
{
	struct buf out;

	buf_init(&out);
	hub_status(hub, &out);
	buf_char(&out, '\0');
	if (strstr(out.p, part) == NULL)
		fail_msg("%s is not in %s", part, out.p);
	buf_fini(&out);
}

static enum admission admit(void)
{
	return session_admit(hub, slice_of("192.0.2.7"));
}

static void before_the_tier_is_reached_a_gateway_is_not_ready(void **state)
{
	(void)state;
	assert_ready(false, "tier not reached yet");
	assert_status("{\"status\":\"degraded\",\"reason\":\"tier not reached yet\",");
	assert_status("\"tier\":{\"name\":\"fail\",\"up\":false,\"reason\":\"\",\"down_ms\":0}");
	cluster_turn(cluster, 500);
	down("127.0.0.1:6379: connection refused");
	assert_ready(false, "tier not reached yet: 127.0.0.1:6379: connection refused");
	cluster_turn(cluster, 500);
	down("127.0.0.1:6379: WRONGPASS");
	assert_status("\"up\":false,\"reason\":\"127.0.0.1:6379: WRONGPASS\",\"down_ms\":1000}");
	assert_int_equal(cluster->gateway[0].metrics.tier_up, 0);
	up();
	assert_ready(true, "ready");
	assert_status("{\"status\":\"ok\",\"reason\":\"ready\",");
	assert_status("\"up\":true,\"reason\":\"connected\",\"down_ms\":0}");
	assert_int_equal(cluster->gateway[0].metrics.tier_up, 1);
}

static void who_loses_the_tier_is_degraded_at_once_and_not_ready_later(void **state)
{
	(void)state;
	up();
	cluster_turn(cluster, 60000);
	down("reset by peer");
	assert_ready(true, "tier down: reset by peer");
	assert_status("{\"status\":\"degraded\",\"reason\":\"tier down: reset by peer\",");
	cluster_turn(cluster, 2999);
	assert_ready(true, "tier down: reset by peer");
	down("connection refused"); /* another reason is no new beginning */
	cluster_turn(cluster, 1);
	assert_ready(false, "tier down: connection refused");
	assert_status("\"reason\":\"connection refused\",\"down_ms\":3000}");
	up();
	assert_ready(true, "ready");
	down("again");
	assert_ready(true, "tier down: again");
}

static void how_long_it_stays_ready_follows_a_reload(void **state)
{
	(void)state;
	up();
	down("gone");
	cluster->gateway[0].config->degraded_ready_ms = 0;
	assert_ready(false, "tier down: gone");
	cluster->gateway[0].config->degraded_ready_ms = 3000;
	assert_ready(true, "tier down: gone");
}

static void other_causes_come_on_top(void **state)
{
	(void)state;
	up();
	down("gone");
	cluster->gateway[0].config->max_connections = 0;
	assert_ready(false, "full");
	cluster_turn(cluster, 3000);
	assert_ready(false, "tier down: gone");
}

static void new_clients_are_refused_while_the_tier_is_down(void **state)
{
	(void)state;
	assert_int_equal(admit(), ADMIT_TIER);
	up();
	assert_int_equal(admit(), ADMIT_OK);
	down("gone");
	assert_int_equal(admit(), ADMIT_TIER);
	assert_int_equal(admission_label(ADMIT_TIER), REFUSED_TIER);
	up();
	assert_int_equal(admit(), ADMIT_OK);
}

static void a_long_or_strange_reason_stays_valid_json(void **state)
{
	char reason[2000];

	(void)state;
	memset(reason, '"', sizeof reason - 1);
	reason[0] = '\n';
	reason[sizeof reason - 1] = '\0';
	down(reason);
	assert_status("\"reason\":\"\\n\\\"\\\"");
	assert_status("\\\"\",\"node\":\"");
	assert_status("\\\"\",\"down_ms\":0}");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(before_the_tier_is_reached_a_gateway_is_not_ready),
		TEST(who_loses_the_tier_is_degraded_at_once_and_not_ready_later),
		TEST(how_long_it_stays_ready_follows_a_reload),
		TEST(other_causes_come_on_top),
		TEST(new_clients_are_refused_while_the_tier_is_down),
		TEST(a_long_or_strange_reason_stays_valid_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
