/*
 * What gateway/tier/tier.h promises, as tests that run unchanged on every backend that can serve
 * several nodes.
 */
#ifndef ROOMCAST_TEST_TIER_CONTRACT_H
#define ROOMCAST_TEST_TIER_CONTRACT_H

#include "tests/support/tier_world.h"

/* One promise: holds, or fails the test. It begins in a new world, and is over when nothing it has
 * not looked at is left to be read. */
struct promise {
	const char *name;
	void (*holds)(void);
};
#define PROMISE(test)                                                                              \
	{                                                                                          \
#test, test                                                                        \
	}

/* A promise without a name at the end. */
extern const struct promise bus_promises[], room_promises[], node_promises[];

/* Hold all of them against this backend; the exit code of the test program. */
int tier_contract(const struct tier_backend *b);

#endif
