/*
 * The memory tier, but for calls: nodes may be silent, refuse, or answer whatever the test says.
 */
#ifndef ROOMCAST_TEST_ODD_TIER_H
#define ROOMCAST_TEST_ODD_TIER_H

#include "gateway/tier/tier.h"

extern const struct tier_ops tier_odd;

/* Forget all of the below; before a cluster is opened. */
void odd_reset(void);

/* From now on calls to this node end like this. ERR_OK: with `answer` (static); ERR_UNCERTAIN: when
 * their deadline is over; ERR_UNAVAILABLE: they are not even taken. */
void odd_node(struct slice node, enum err e, const char *answer);

/* So many nodes more are said to live, with ids of their own: nobody is there. */
extern int odd_strangers;

#endif
