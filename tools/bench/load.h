/*
 * One run: a crowd connects to one server, traffic flows through it, and the figures come out.
 */
#ifndef ROOMCAST_BENCH_LOAD_H
#define ROOMCAST_BENCH_LOAD_H

#include "tools/bench/crowd.h"
#include "tools/bench/meter.h"
#include "tools/bench/result.h"
#include "tools/bench/traffic.h"

#include <stdbool.h>

struct load_plan {
	struct crowd_plan crowd;
	struct traffic_plan traffic;
	struct meter server;
	double warm_up_s, duration_s; /* publishing: not measured, then measured */
	double idle_s;                /* connected and silent, before that */
	double timeout_s;             /* until all that was published has come */
	bool spin;                    /* never sleep while publishing */
};

/* Takes a bounded time whatever the server does. False: most connections failed, and it was given up
 * (already said on stderr); `result` has what there is, its faults included. */
bool load_run(const struct load_plan *plan, struct result *result);

#endif
