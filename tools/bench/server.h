/*
 * Servers that the bench starts for a run and stops after it: the gateway, and the floor.
 *
 * Both listen on a loopback port that the kernel chose, and end with the bench whatever happens to it.
 */
#ifndef ROOMCAST_BENCH_SERVER_H
#define ROOMCAST_BENCH_SERVER_H

#include "tools/bench/floor.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct server {
	pid_t pid; /* 0: not running */
	int port;
	int output;           /* what it writes, shown when it fails; -1: none */
	char certificate[32]; /* directory of its certificate and key; empty: plain */
};

struct gateway_plan {
	const char *program;
	const char *const *args; /* more options, behind the bench's own and so stronger */
	size_t args_count;
	bool secure;   /* with a certificate made for the occasion */
	int processor; /* to run on; -1: any */
};

/* Started and accepting; false: said why. */
bool server_start_gateway(struct server *s, const struct gateway_plan *plan);
bool server_start_floor(struct server *s, enum floor_sends sends, int processor);

/* Whether it was still there and ended well; if not, that was said. Not running is fine. */
bool server_stop(struct server *s);

#endif
