#include "tests/support/tier_contract.h"

#include "tests/support/test.h"

#include <stdio.h>

#define PROMISES_MAX 100

static const struct tier_backend *backend;
static const char *absent; /* why there is nothing to try */

static void hold(void **state)
{
	const struct promise *p = *state;

	if (absent != NULL)
		skip();
	world_open(backend);
	p->holds();
	settle();
	expect_nothing();
}

static int tidy(void **state)
{
	(void)state;
	world_close();
	return 0;
}

static int start(void **state)
{
	(void)state;
	absent = backend->start == NULL ? NULL : backend->start();
	if (absent != NULL)
		printf("skipped: %s\n", absent);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	if (backend->stop != NULL)
		backend->stop();
	return 0;
}

static size_t add(struct CMUnitTest *tests, size_t n, const struct promise *p)
{
	for (; p->name != NULL; p++) {
		assert_in_range(n, 0, PROMISES_MAX - 1);
		tests[n++] = (struct CMUnitTest){ p->name, hold, NULL, tidy, (void *)p };
	}
	return n;
}

int tier_contract(const struct tier_backend *b)
{
	struct CMUnitTest tests[PROMISES_MAX];
	size_t n = 0;

	backend = b;
	n = add(tests, n, bus_promises);
	n = add(tests, n, room_promises);
	n = add(tests, n, node_promises);
	return _cmocka_run_group_tests(b->tier->name, tests, n, start, stop);
}
