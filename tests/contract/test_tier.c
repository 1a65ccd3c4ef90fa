/*
 * What gateway/tier/tier.h promises, held against every backend that can serve several nodes.
 */
#include "tests/support/test.h"

#include "gateway/base/config.h"
#include "gateway/base/loop.h"
#include "gateway/base/metrics.h"
#include "gateway/tier/tier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES 3

/* Everything that comes back is written down, one line each; the tests compare lines. */
struct node {
	struct tier *tier;
	char lines[64][160];
	int n;
	char id[NODE_ID_LEN + 1];
};

static struct {
	struct loop *loop;
	struct exchange *exchange;
	struct node node[NODES];
	struct metrics metrics;
	struct config config;
} world;

#define note(node, ...) snprintf((node)->lines[(node)->n++], 160, __VA_ARGS__)

static void on_message(void *ctx, const struct parcel *p)
{
	struct node *n = ctx;

	if (p->kind == PARCEL_PRESENCE)
		note(n, "presence %.*s %s %.*s rev %d count %d users %d%s%s", SLICE_ARGS(p->topic),
		     p->joined ? "joined" : "left", SLICE_ARGS(p->member.client), (int)p->rev,
		     (int)p->count, (int)p->users, p->user_edge ? " edge" : "",
		     p->counts_only ? " counts" : "");
	else
		note(n, "event %.*s %.*s", SLICE_ARGS(p->topic), SLICE_ARGS(p->payload));
}

static void on_link(void *ctx, bool up, bool lost, const char *reason)
{
	(void)reason;
	note((struct node *)ctx, "link %d %d", up, lost);
}

static void on_call(void *ctx, struct slice request, struct buf *reply)
{
	(void)ctx;
	buf_str(reply, "re: ");
	buf_slice(reply, request);
}

static const struct tier_events events = { on_message, on_link, on_call };

static void on_published(void *ctx, enum err e, const struct tier_accepted *a)
{
	note((struct node *)ctx, "published %s %u %d%s", err_name(e), a->nodes, (int)a->receivers,
	     a->duplicate ? " duplicate" : "");
}

static void on_done(void *ctx, enum err e)
{
	note((struct node *)ctx, "done %s", err_name(e));
}

static void on_room(void *ctx, enum err e, const struct tier_room *r)
{
	note((struct node *)ctx, "room %s rev %d count %d users %d of %d named %d%s", err_name(e),
	     (int)r->rev, (int)r->count, (int)r->users, (int)r->connections, (int)r->n_members,
	     r->counts_only ? " counts" : "");
}

static void on_names(void *ctx, enum err e, const struct slice *names, const uint64_t *counts,
                     size_t n)
{
	char all[120] = "";

	for (size_t i = 0; i < n; i++)
		snprintf(all + strlen(all), sizeof all - strlen(all), " %.*s=%d",
		         SLICE_ARGS(names[i]), counts == NULL ? 0 : (int)counts[i]);
	note((struct node *)ctx, "names %s%s", err_name(e), all);
}

static void on_reply(void *ctx, enum err e, struct slice reply)
{
	note((struct node *)ctx, "reply %s %.*s", err_name(e), SLICE_ARGS(reply));
}

static const struct slice none = { NULL, 0 };

static void turn(void)
{
	loop_turn(world.loop, 1);
}

/* The next line of a node's notes must be this. */
static void expect(int node, const char *line)
{
	struct node *n = &world.node[node];

	if (n->n == 0)
		fail_msg("node %d: expected \"%s\", got nothing", node, line);
	assert_string_equal(n->lines[0], line);
	memmove(n->lines[0], n->lines[1], sizeof n->lines - sizeof n->lines[0]);
	n->n--;
}

static void expect_nothing(void)
{
	for (int i = 0; i < NODES; i++)
		if (world.node[i].n > 0)
			fail_msg("node %d: unexpected \"%s\"", i, world.node[i].lines[0]);
}

static void node_open(int i)
{
	struct node *n = &world.node[i];
	struct tier_options o = { .loop = world.loop,
		                  .config = &world.config,
		                  .metrics = &world.metrics,
		                  .medium = world.exchange };

	memset(n, 0, sizeof *n);
	memcpy(n->id, "node000", 7);
	n->id[7] = (char)('0' + i);
	o.node = slice_of(n->id);
	n->tier = tier_memory.open(&o, &events, n);
	assert_non_null(n->tier);
	assert_int_equal(n->n, 0); /* never from inside the call */
	turn();
	expect(i, "link 1 0");
}

static void node_close(int i)
{
	world.node[i].tier->ops->close(world.node[i].tier);
	world.node[i].tier = NULL;
}

static int open_world(void **state)
{
	(void)state;
	world.loop = loop_new_manual(7);
	world.exchange = exchange_new(world.loop, 3, 1000);
	for (int i = 0; i < NODES; i++)
		node_open(i);
	return 0;
}

static int close_world(void **state)
{
	(void)state;
	for (int i = 0; i < NODES; i++)
		if (world.node[i].tier != NULL)
			node_close(i);
	exchange_free(world.exchange);
	loop_free(world.loop);
	return 0;
}

/* --- doing ------------------------------------------------------------------------------------------- */

static struct tier *tier(int node)
{
	return world.node[node].tier;
}

static void subscribe(int node, const char *topic)
{
	assert_int_equal(
		tier(node)->ops->subscribe(tier(node), slice_of(topic), on_done, &world.node[node]),
		ERR_OK);
	turn();
	expect(node, "done ok");
}

static void publish(int node, const char *topic, const char *payload, const char *key)
{
	struct parcel p = { .kind = PARCEL_EVENT,
		            .topic = slice_of(topic),
		            .event_type = slice_of("m"),
		            .payload = slice_of(payload) };

	assert_int_equal(tier(node)->ops->publish(tier(node), &p,
	                                          key == NULL ? none : slice_of(key), on_published,
	                                          &world.node[node]),
	                 ERR_OK);
}

static void enter(int node, struct tier_entry e, const char *topic, const char *client,
                  const char *user)
{
	e.topic = slice_of(topic);
	e.member.client = slice_of(client);
	e.member.user = slice_of(user);
	if (e.presence_max == 0)
		e.presence_max = 100;
	assert_int_equal(tier(node)->ops->enter(tier(node), &e, on_room, &world.node[node]),
	                 ERR_OK);
	turn();
}

/* --- the promises --------------------------------------------------------------------------------- */

static void only_subscribers_receive_and_nothing_comes_from_inside_the_call(void **state)
{
	(void)state;
	subscribe(0, "room:x");
	subscribe(1, "room:x");
	publish(2, "room:x", "1", NULL);
	expect_nothing();
	turn();
	expect(0, "event room:x 1");
	expect(1, "event room:x 1");
	expect(2, "published ok 2 0");
	tier(1)->ops->unsubscribe(tier(1), slice_of("room:x"));
	publish(0, "room:x", "2", NULL);
	turn();
	expect(0, "event room:x 2");
	expect(0, "published ok 1 0");
	expect_nothing();
}

static void all_nodes_see_one_order(void **state)
{
	char line[40];

	(void)state;
	for (int i = 0; i < NODES; i++)
		subscribe(i, "room:x");
	for (int i = 0; i < 12; i++) {
		snprintf(line, sizeof line, "%d", i);
		publish(i % NODES, "room:x", line, NULL);
	}
	turn();
	for (int k = 0; k < NODES; k++) {
		int next = 0;

		for (int i = 0; i < world.node[k].n; i++) {
			snprintf(line, sizeof line, "event room:x %d", next);
			next += strcmp(world.node[k].lines[i], line) == 0;
		}
		assert_int_equal(next, 12);
		world.node[k].n = 0;
	}
}

static void a_message_for_a_client_goes_to_its_node_alone(void **state)
{
	(void)state;
	publish(0, "client:node0001-abc", "1", NULL);
	publish(0, "client:nobody00-abc", "2", NULL);
	turn();
	expect(1, "event client:node0001-abc 1");
	expect(0, "published ok 1 1");
	expect(0, "published gone 0 0");
	expect_nothing();
}

static void a_key_is_claimed_once_and_forgotten_in_time_or_when_there_are_too_many(void **state)
{
	(void)state;
	publish(0, "room:x", "1", "k");
	publish(1, "room:x", "1", "k");
	turn();
	expect(0, "published ok 0 0");
	expect(1, "published ok 0 0 duplicate");
	loop_turn(world.loop, 1000);
	publish(0, "room:x", "1", "k");
	publish(0, "room:x", "1", "k2");
	publish(0, "room:x", "1", "k3");
	publish(0, "room:x", "1", "k4"); /* three are remembered: k goes */
	publish(0, "room:x", "1", "k2");
	publish(0, "room:x", "1", "k");
	turn();
	for (int i = 0; i < 4; i++)
		expect(0, "published ok 0 0");
	expect(0, "published ok 0 0 duplicate");
	expect(0, "published ok 0 0");
	/* What was not sent can be sent again. */
	publish(0, "client:nobody00-x", "1", "g");
	publish(0, "client:nobody00-x", "1", "g");
	turn();
	expect(0, "published gone 0 0");
	expect(0, "published gone 0 0");
}

static void visible_members_raise_rev_and_are_told_in_order(void **state)
{
	(void)state;
	subscribe(0, "room:x");
	enter(1, (struct tier_entry){ .visible = true, .list = true }, "room:x", "node0001-a",
	      "ann");
	expect(0, "presence room:x joined node0001-a rev 1 count 1 users 1 edge");
	expect(1, "room ok rev 1 count 1 users 1 of 1 named 1");
	enter(2, (struct tier_entry){ .visible = true }, "room:x", "node0002-b", "ann");
	expect(0, "presence room:x joined node0002-b rev 2 count 2 users 1");
	expect(2, "room ok rev 0 count 0 users 0 of 0 named 0");
	enter(2, (struct tier_entry){ .visible = false }, "room:x", "node0002-c", NULL);
	expect(2, "room ok rev 0 count 0 users 0 of 0 named 0");
	enter(2, (struct tier_entry){ .visible = true, .again = true }, "room:x", "node0002-c",
	      NULL);
	expect(0, "presence room:x joined node0002-c rev 3 count 3 users 1");
	expect(2, "room ok rev 0 count 0 users 0 of 0 named 0");
	tier(1)->ops->leave(tier(1), slice_of("room:x"), slice_of("node0001-a"));
	publish(0, "room:x", "1", NULL);
	turn();
	expect(0, "presence room:x left node0001-a rev 4 count 2 users 1");
	expect(0, "event room:x 1");
	expect(0, "published ok 1 2");
	expect_nothing();
}

static void limits_of_a_room_hold(void **state)
{
	(void)state;
	enter(0, (struct tier_entry){ .max_members = 1 }, "room:x", "node0000-a", NULL);
	expect(0, "room ok rev 0 count 0 users 0 of 0 named 0");
	enter(1, (struct tier_entry){ .max_members = 1 }, "room:x", "node0001-a", NULL);
	expect(1, "room room_full rev 0 count 0 users 0 of 0 named 0");
	enter(0, (struct tier_entry){ .visible = true, .list = true, .presence_max = 1 }, "room:y",
	      "node0000-b", NULL);
	enter(0, (struct tier_entry){ .visible = true, .list = true, .presence_max = 1 }, "room:y",
	      "node0000-c", NULL);
	expect(0, "room ok rev 1 count 1 users 0 of 1 named 1");
	expect(0, "room ok rev 2 count 2 users 0 of 2 named 0 counts");
}

static void a_node_that_goes_leaves_nothing_behind(void **state)
{
	(void)state;
	subscribe(0, "room:x");
	enter(1, (struct tier_entry){ .visible = true }, "room:x", "node0001-a", "ann");
	enter(1, (struct tier_entry){ .visible = false }, "room:x", "node0001-b", NULL);
	enter(2, (struct tier_entry){ .visible = true }, "room:x", "node0002-a", "ann");
	world.node[0].n = world.node[1].n = world.node[2].n = 0;
	publish(1, "room:x", "last", NULL); /* accepted, so it still goes out */
	node_close(1);
	turn();
	expect(0, "presence room:x left node0001-a rev 3 count 1 users 1");
	expect(0, "event room:x last");
	assert_int_equal(
		tier(0)->ops->room(tier(0), slice_of("room:x"), 10, on_room, &world.node[0]),
		ERR_OK);
	assert_int_equal(tier(0)->ops->nodes(tier(0), on_names, &world.node[0]), ERR_OK);
	publish(0, "client:node0001-a", "1", NULL);
	turn();
	expect(0, "room ok rev 3 count 1 users 1 of 1 named 1");
	expect(0, "names ok node0000=0 node0002=0");
	expect(0, "published gone 0 0");
}

static void topics_are_listed_in_pages(void **state)
{
	(void)state;
	enter(0, (struct tier_entry){ 0 }, "room:c", "node0000-a", NULL);
	enter(1, (struct tier_entry){ 0 }, "room:a", "node0001-a", NULL);
	enter(1, (struct tier_entry){ 0 }, "room:a", "node0001-b", NULL);
	enter(1, (struct tier_entry){ 0 }, "room:b", "node0001-b", NULL);
	enter(1, (struct tier_entry){ 0 }, "user:a", "node0001-b", NULL);
	world.node[0].n = world.node[1].n = 0;
	tier(0)->ops->topics(tier(0), slice_of("room:"), none, 2, on_names, &world.node[0]);
	tier(0)->ops->topics(tier(0), slice_of("room:"), slice_of("room:b"), 2, on_names,
	                     &world.node[0]);
	turn();
	expect(0, "names ok room:a=2 room:b=1");
	expect(0, "names ok room:c=1");
}

static void a_call_reaches_exactly_one_node(void **state)
{
	(void)state;
	tier(0)->ops->call(tier(0), slice_of("node0002"), slice_of("hello"), 100, on_reply,
	                   &world.node[0]);
	tier(0)->ops->call(tier(0), slice_of("nobody00"), slice_of("hello"), 100, on_reply,
	                   &world.node[0]);
	turn();
	expect(0, "reply ok re: hello");
	expect(0, "reply gone ");
	expect_nothing();
}

static void a_tier_without_a_log_says_so(void **state)
{
	(void)state;
	assert_int_equal(
		tier(0)->ops->read(tier(0), slice_of("room:x"), 0, 10, on_done, &world.node[0]),
		ERR_NOT_SUPPORTED);
	turn();
	expect_nothing();
}

#define promise(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		promise(only_subscribers_receive_and_nothing_comes_from_inside_the_call),
		promise(all_nodes_see_one_order),
		promise(a_message_for_a_client_goes_to_its_node_alone),
		promise(a_key_is_claimed_once_and_forgotten_in_time_or_when_there_are_too_many),
		promise(visible_members_raise_rev_and_are_told_in_order),
		promise(limits_of_a_room_hold),
		promise(a_node_that_goes_leaves_nothing_behind),
		promise(topics_are_listed_in_pages),
		promise(a_call_reaches_exactly_one_node),
		promise(a_tier_without_a_log_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
