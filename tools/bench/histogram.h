/*
 * Latencies: how many fell where, in bounded memory.
 *
 * Log-linear like HdrHistogram: 256 steps for the first 256 ns, then 128 steps for each power of
 * two, so that a figure is off by less than 1/128 whatever its size.
 */
#ifndef ROOMCAST_BENCH_HISTOGRAM_H
#define ROOMCAST_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BITS 7 /* log2 of the steps for each power of two */
#define HISTOGRAM_STEPS ((65 - HISTOGRAM_BITS) << HISTOGRAM_BITS)

struct histogram {
	uint64_t count, max;
	double sum;
	uint64_t step[HISTOGRAM_STEPS];
};

/* Inline: it runs once for each delivery. */
static inline void histogram_add(struct histogram *h, uint64_t value)
{
	int top = 63 - __builtin_clzll(value | 1);
	int shift = top > HISTOGRAM_BITS ? top - HISTOGRAM_BITS : 0;

	h->step[((uint64_t)shift << HISTOGRAM_BITS) + (value >> shift)]++;
	h->count++;
	h->sum += (double)value;
	if (value > h->max)
		h->max = value;
}

/* The least value that at least this share (0 to 1) of the values does not exceed, rounded up to the
 * end of its step; 0 when there are none. */
uint64_t histogram_at(const struct histogram *h, double share);

double histogram_mean(const struct histogram *h);

#endif
