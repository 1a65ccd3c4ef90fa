/*
 * An operator at the first gateway of a cluster: asks, and looks at the answer.
 */
#ifndef ROOMCAST_TEST_OPERATOR_H
#define ROOMCAST_TEST_OPERATOR_H

#include "gateway/core/inspect.h"
#include "tests/support/cluster.h"
#include "tests/support/odd_tier.h"
#include "tests/support/test.h"
#include "tests/support/told.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct slice none = { NULL, 0 };
static struct cluster *cluster; /* of three gateways; the operator asks the first */
static struct told answer;

static inline int setup(void **state)
{
	(void)state;
	odd_reset();
	cluster = cluster_open_on(3, &tier_odd, NULL);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	cluster_close(cluster);
	told_forget(&answer);
	return 0;
}

static inline struct hub *hub(int gateway)
{
	return cluster->gateway[gateway].hub;
}

/* The call was taken, and its answer has come by now; not from inside the call. */
static inline void hear(enum err taken, enum err e)
{
	assert_int_equal(taken, ERR_OK);
	assert_int_equal(answer.times, 0);
	cluster_turn(cluster, 0);
	told_expect(&answer, e);
}

static inline void rooms(const char *prefix, const char *glob, const char *after, size_t limit)
{
	told_forget(&answer);
	hear(inspect_rooms(hub(0), slice_of(prefix), slice_of(glob), slice_of(after), limit, told,
	                   &answer),
	     ERR_OK);
}

static inline void room(const char *name, const char *after, size_t limit, enum err e)
{
	told_forget(&answer);
	hear(inspect_room(hub(0), slice_of(name), slice_of(after), limit, told, &answer), e);
}

static inline void user(const char *name, enum err e)
{
	told_forget(&answer);
	hear(inspect_user(hub(0), slice_of(name), told, &answer), e);
}

static inline void clients(struct slice node, const char *after, size_t limit, enum err e)
{
	told_forget(&answer);
	hear(inspect_clients(hub(0), node, slice_of(after), limit, told, &answer), e);
}

static inline void client(const char *id, enum err e)
{
	told_forget(&answer);
	hear(inspect_client(hub(0), slice_of(id), told, &answer), e);
}

static inline void nodes(void)
{
	told_forget(&answer);
	hear(inspect_nodes(hub(0), told, &answer), ERR_OK);
}

static inline void stats(void)
{
	told_forget(&answer);
	hear(inspect_stats(hub(0), told, &answer), ERR_OK);
}

static inline void is(const char *path, const char *text)
{
	told_expect_at(&answer, path, text);
}

static inline void counts(const char *path, int n)
{
	if (told_count(&answer, path) != n)
		fail_msg("expected %d at %s, in %s", n, path, answer.json);
}

/* Where in "clients" this one stands; fails when nowhere. */
static inline const char *place(const struct client *c, const char *member)
{
	static char path[100];

	for (int i = 0; i < told_count(&answer, "clients"); i++) {
		snprintf(path, sizeof path, "clients.%d.client", i);
		if (strcmp(told_at(&answer, path), c->id) == 0) {
			snprintf(path, sizeof path, "clients.%d.%s", i, member);
			return path;
		}
	}
	fail_msg("%s is not in %s", c->id, answer.json);
	return NULL;
}

#endif
