/*
 * Meters: what processes have used, as the kernel counts it.
 */
#ifndef ROOMCAST_BENCH_METER_H
#define ROOMCAST_BENCH_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define METER_PIDS_MAX 64

/* The server: one process or several, counted together. */
struct meter {
	pid_t pid[METER_PIDS_MAX];
	size_t count; /* 0: nothing is measured */
};

struct memory {
	uint64_t rss_bytes, pss_bytes;
};

/* False: a process is not there, or may not be looked at. */
bool meter_cpu(const struct meter *m, uint64_t *ns);
bool meter_memory(const struct meter *m, struct memory *out);

/* CPU time of this process, and of the whole machine (stolen time included). */
uint64_t meter_own_cpu_ns(void);
uint64_t meter_machine_cpu_ns(void);

/* The first and the last processor that this process may use, and how many there are. */
int meter_processors(int *first, int *last);

/* Run process `pid` (0: this one) on one processor only. */
bool meter_pin(pid_t pid, int processor);

#endif
