#include "tests/support/tier_world.h"

#include "broker-common/log.h"
#include "tests/support/config_case.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#define STEPS_MAX 1000

struct world world;

static void step(uint64_t ms)
{
	world.backend->pass(world.loop, ms);
	if (world.broken != NULL)
		fail_msg("%s", world.broken);
}

static bool all_are_up(void)
{
	for (int i = 0; i < NODES; i++)
		if (world.node[i].tier != NULL && world.node[i].ups == 0)
			return false;
	return true;
}

void settle(void)
{
	int quiet = 0;

	for (int i = 0; i < STEPS_MAX && quiet < world.backend->quiet_steps; i++) {
		uint64_t before = world.heard;

		step(world.backend->step_ms);
		quiet++;
		if (world.heard != before || world.unanswered > 0 || !all_are_up())
			quiet = 0;
	}
	if (world.unanswered > 0)
		fail_msg("%zu answers never came", world.unanswered);
}

void pass(uint64_t ms)
{
	step(ms);
	settle();
}

static void begin_opening(int i)
{
	struct node *n = &world.node[i];
	struct tier_options o = { .loop = world.loop,
		                  .config = world.config,
		                  .metrics = &world.metrics,
		                  .medium = world.medium };

	snprintf(n->id, sizeof n->id, "node%04d", i);
	o.node = slice_of(n->id);
	n->ups = 0;
	world.inside++;
	n->tier = world.backend->tier->open(&o, &node_events, n);
	world.inside--;
	assert_non_null(n->tier);
}

void node_open(int i)
{
	begin_opening(i);
	settle();
	assert_int_equal(world.node[i].ups, 1);
}

void node_close(int i)
{
	struct node *n = &world.node[i];

	n->tier->ops->close(n->tier);
	n->tier = NULL;
	asks_abandon(n);
}

void world_open(const struct tier_backend *b)
{
	memset(&world, 0, sizeof world);
	log_setup(LOG_ERROR, LOG_KV);
	list_init(&world.asks);
	world.backend = b;
	world.loop = b->open(&world.medium);
	assert_non_null(world.loop);
	world.config = load(NULL, b->flags(), NULL);
	for (int i = 0; i < NODES; i++)
		begin_opening(i);
	settle();
	for (int i = 0; i < NODES; i++)
		assert_int_equal(world.node[i].ups, 1);
}

void world_close(void)
{
	if (world.loop == NULL)
		return;
	for (int i = 0; i < NODES; i++)
		if (world.node[i].tier != NULL)
			node_close(i);
	world.backend->close(world.loop, world.medium);
	config_free(world.config);
	asks_free();
	for (int i = 0; i < NODES; i++) {
		lines_forget(&world.node[i].came);
		lines_forget(&world.node[i].answers);
		lines_forget(&world.node[i].list);
	}
	world.loop = NULL;
}
