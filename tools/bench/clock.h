/* Monotonic time: latency, schedules and deadlines all count in it. */
#ifndef ROOMCAST_BENCH_CLOCK_H
#define ROOMCAST_BENCH_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_SECOND 1000000000ull
#define NS_PER_MS 1000000ull

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_SECOND + (uint64_t)t.tv_nsec;
}

static inline uint64_t ns_of_seconds(double seconds)
{
	return (uint64_t)(seconds * (double)NS_PER_SECOND);
}

static inline double seconds_of_ns(uint64_t ns)
{
	return (double)ns / (double)NS_PER_SECOND;
}

#endif
