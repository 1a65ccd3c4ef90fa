/*
 * Metrics: plain counters in a struct, shown as Prometheus text (exposition format 0.0.4).
 *
 * Counting is `m->deliveries += n`; the text is made only when somebody asks. One struct per
 * gateway.
 */
#ifndef ROOMCAST_METRICS_H
#define ROOMCAST_METRICS_H

#include "broker-common/buf.h"
#include "broker-common/err.h"

#include <stdint.h>

/* Powers of two from 1 µs to 67 s. */
#define HISTOGRAM_BUCKETS 27

struct histogram {
	uint64_t bucket[HISTOGRAM_BUCKETS + 1]; /* the last: above */
	uint64_t sum_us;
};

#define METRICS_LABELS_MAX 12

struct metrics {
#define COUNTER(name, help) uint64_t name;
#define GAUGE(name, help) uint64_t name;
#define GAUGE_MS(name, help) uint64_t name;
#define BY_ERROR(name, help) uint64_t name[ERR_COUNT];
#define BY_CLOSE(name, help) uint64_t name[CLOSE_COUNT];
#define BY_LABEL(name, label, values, help) uint64_t name[METRICS_LABELS_MAX];
#define HISTOGRAM(name, help) struct histogram name;
#include "gateway/base/metrics.def"
};

/* Positions of the labels of BY_LABEL rows. */
enum {
	REFUSED_FULL,
	REFUSED_ADDRESS,
	REFUSED_OVERLOADED,
	REFUSED_DRAINING,
	REFUSED_SUBPROTOCOL,
	REFUSED_BAD_REQUEST,
	REFUSED_TIMEOUT,
	REFUSED_TIER,
	REFUSED_UNAUTHENTICATED
};
enum { TOKENS_ACCEPTED, TOKENS_EXPIRED, TOKENS_REFUSED, TOKENS_NO_KEY };
enum { FETCHED_OK, FETCHED_FAILED };
enum { DROPPED_SLOW, DROPPED_OVERLOAD, DROPPED_TOO_BIG };
enum {
	PUBLISHED_ACCEPTED,
	PUBLISHED_DUPLICATE,
	PUBLISHED_GONE,
	PUBLISHED_UNAVAILABLE,
	PUBLISHED_UNCERTAIN
};

static inline void histogram_add(struct histogram *h, uint64_t us)
{
	unsigned int i = us <= 1 ? 0 : 64 - (unsigned int)__builtin_clzll(us - 1);

	h->bucket[i < HISTOGRAM_BUCKETS ? i : HISTOGRAM_BUCKETS]++;
	h->sum_us += us;
}

/* Every counter by its name, those with labels as the sum over them. */
void metrics_each_counter(const struct metrics *m,
                          void (*each)(void *ctx, const char *name, uint64_t value), void *ctx);

/* The whole text, roomcast_build_info included. */
void metrics_write(const struct metrics *m, struct buf *out);

#endif
