#include "tools/bench/histogram.h"

#include <math.h>

/* The largest value that counts in step `i`. */
static uint64_t end_of_step(uint64_t i)
{
	uint64_t steps = 1ull << HISTOGRAM_BITS;
	uint64_t shift = i < 2 * steps ? 0 : (i >> HISTOGRAM_BITS) - 1;

	return ((i - (shift << HISTOGRAM_BITS) + 1) << shift) - 1;
}

uint64_t histogram_at(const struct histogram *h, double share)
{
	uint64_t wanted = (uint64_t)ceil(share * (double)h->count);
	uint64_t seen = 0;

	if (h->count == 0)
		return 0;
	if (wanted == 0)
		wanted = 1;
	for (uint64_t i = 0; i < HISTOGRAM_STEPS; i++) {
		seen += h->step[i];
		if (seen >= wanted)
			return end_of_step(i) < h->max ? end_of_step(i) : h->max;
	}
	return h->max;
}

double histogram_mean(const struct histogram *h)
{
	return h->count == 0 ? 0 : h->sum / (double)h->count;
}
