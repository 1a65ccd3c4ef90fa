/*
 * Rates from the counters of /v1/stats: what has changed since the last look, a second.
 *
 * Counted node by node: one that has come, gone or started again does not make a rate jump.
 */
#ifndef ROOMCAST_CTL_RATES_H
#define ROOMCAST_CTL_RATES_H

#include "broker-common/slice.h"

#include <stdint.h>

enum rate {
	RATE_RECEIVED,
	RATE_PUBLISHED,
	RATE_SENT,
	RATE_BYTES,
	RATE_DROPPED,
	RATE_ERRORS,
	RATE_OPENED,
	RATES
};

struct rates_node; /* opaque */

struct rates {
	struct rates_node *nodes;
	size_t n_nodes;
	uint64_t at_ms; /* of the last look; 0: none yet */
	double per_second[RATES];
	bool known; /* after the second look */
};

/* Take a look at `now_ms` (clock_ms()). False when out of memory: nothing has changed. */
bool rates_take(struct rates *r, struct slice stats, uint64_t now_ms);
void rates_fini(struct rates *r);

#endif
