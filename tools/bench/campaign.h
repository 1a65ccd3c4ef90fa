/*
 * A campaign: all runs that the command line asks for, the servers in turn.
 */
#ifndef ROOMCAST_BENCH_CAMPAIGN_H
#define ROOMCAST_BENCH_CAMPAIGN_H

#include "tools/bench/options.h"

/* The exit code: 0 fine, 1 something went wrong, 2 the options are. */
int campaign_run(const struct options *o);

#endif
