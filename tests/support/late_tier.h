/*
 * A tier whose answers about rooms come late, as the contract allows: messages and presence that were
 * accepted after the question overtake them. Else it is the memory tier.
 */
#ifndef ROOMCAST_TEST_LATE_TIER_H
#define ROOMCAST_TEST_LATE_TIER_H

#include "gateway/tier/tier.h"

extern const struct tier_ops tier_late;

/* How late the answers of `enter` and `room` are; 0 when a cluster is opened. */
extern uint64_t late_ms;

/* So many presence notices, from now on, get lost on the way to a node. */
extern int late_tier_loses;

#endif
