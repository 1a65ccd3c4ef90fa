/*
 * Results: the figures of one run against one server, and what repeated runs come to.
 *
 * All figures are doubles, so that one table (result.c) names, rounds, combines and prints them all.
 */
#ifndef ROOMCAST_BENCH_RESULT_H
#define ROOMCAST_BENCH_RESULT_H

#include <stdbool.h>
#include <stddef.h>

struct result {
	/* while publishing */
	double cpu_us_per_delivery, deliveries_per_s, messages_per_s;
	double latency_p50_us, latency_p90_us, latency_p99_us, latency_p999_us, latency_max_us,
		latency_mean_us;
	double frame_bytes;
	double server_busy_percent, bench_busy_percent, others_busy_percent;
	double published, expected, received;
	/* connecting and being connected */
	double connected, connects_per_s, connect_cpu_us;
	double rss_bytes_per_connection, pss_bytes_per_connection, rss_mib;
	/* what must not be */
	double connects_failed, closed, lost, duplicated, reordered, misrouted, gaps, errors;
	/* worth knowing */
	double unsent, strangers;
};

enum figure_kind {
	FIGURE_MEDIAN, /* of several runs */
	FIGURE_SUM,
	FIGURE_FAULT /* a sum that must be 0 */
};

struct figure {
	const char *key;   /* in JSON */
	const char *label; /* in the table */
	const char *unit;
	size_t offset; /* in struct result */
	int decimals;
	enum figure_kind kind;
	bool has_ratio; /* worth comparing with the floor */
};

extern const struct figure figures[];
extern const size_t figure_count;

double figure_of(const struct figure *f, const struct result *r);

/* Every figure "not measured" (NaN), counts 0. */
void result_init(struct result *r);

/* The median of `count` runs, or their sum where the figure is one. */
void result_combine(const struct result *run, size_t count, struct result *out);

/* The median over pairs of runs of a / b; NaN where one of them has not measured it. */
double result_ratio(const struct figure *f, const struct result *a, const struct result *b,
                    size_t count);

/* Whether anything went wrong in it. */
bool result_has_fault(const struct result *r);

#endif
