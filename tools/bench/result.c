#include "tools/bench/result.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RUNS_MAX 1000

#define ROW(field, label, unit, decimals, kind, ratio)                                             \
	{                                                                                          \
#field, label, unit, offsetof(struct result, field), decimals, kind, ratio         \
	}

const struct figure figures[] = {
	ROW(cpu_us_per_delivery, "server CPU per delivery", "µs", 3, FIGURE_MEDIAN, true),
	ROW(deliveries_per_s, "deliveries", "/s", 0, FIGURE_MEDIAN, false),
	ROW(messages_per_s, "messages published", "/s", 0, FIGURE_MEDIAN, false),
	ROW(latency_p50_us, "latency p50", "µs", 0, FIGURE_MEDIAN, true),
	ROW(latency_p90_us, "latency p90", "µs", 0, FIGURE_MEDIAN, false),
	ROW(latency_p99_us, "latency p99", "µs", 0, FIGURE_MEDIAN, true),
	ROW(latency_p999_us, "latency p99.9", "µs", 0, FIGURE_MEDIAN, false),
	ROW(latency_max_us, "latency max", "µs", 0, FIGURE_MEDIAN, false),
	ROW(latency_mean_us, "latency mean", "µs", 0, FIGURE_MEDIAN, false),
	ROW(frame_bytes, "length of a delivered frame", "bytes", 1, FIGURE_MEDIAN, false),
	ROW(server_busy_percent, "server busy", "% of a core", 0, FIGURE_MEDIAN, false),
	ROW(bench_busy_percent, "bench busy", "% of a core", 0, FIGURE_MEDIAN, false),
	ROW(others_busy_percent, "other processes busy", "% of a core", 0, FIGURE_MEDIAN, false),
	ROW(connected, "connections", "", 0, FIGURE_MEDIAN, false),
	ROW(connects_per_s, "connects", "/s", 0, FIGURE_MEDIAN, false),
	ROW(connect_cpu_us, "server CPU per connect", "µs", 1, FIGURE_MEDIAN, true),
	ROW(rss_bytes_per_connection, "memory per connection, RSS", "bytes", 0, FIGURE_MEDIAN,
	    false),
	ROW(pss_bytes_per_connection, "memory per connection, PSS", "bytes", 0, FIGURE_MEDIAN,
	    false),
	ROW(rss_mib, "memory of the server, RSS", "MiB", 1, FIGURE_MEDIAN, false),
	ROW(published, "published", "", 0, FIGURE_SUM, false),
	ROW(expected, "deliveries expected", "", 0, FIGURE_SUM, false),
	ROW(received, "deliveries received", "", 0, FIGURE_SUM, false),
	ROW(unsent, "due but not sent in time", "", 0, FIGURE_SUM, false),
	ROW(strangers, "events of other publishers", "", 0, FIGURE_SUM, false),
	ROW(connects_failed, "connects failed", "", 0, FIGURE_FAULT, false),
	ROW(closed, "connections lost", "", 0, FIGURE_FAULT, false),
	ROW(lost, "lost", "", 0, FIGURE_FAULT, false),
	ROW(duplicated, "duplicated", "", 0, FIGURE_FAULT, false),
	ROW(reordered, "reordered", "", 0, FIGURE_FAULT, false),
	ROW(misrouted, "misrouted", "", 0, FIGURE_FAULT, false),
	ROW(gaps, "gaps announced", "", 0, FIGURE_FAULT, false),
	ROW(errors, "errors", "", 0, FIGURE_FAULT, false),
};

const size_t figure_count = sizeof(figures) / sizeof(figures[0]);

double figure_of(const struct figure *f, const struct result *r)
{
	double value;

	memcpy(&value, (const char *)r + f->offset, sizeof(value));
	return value;
}

static void set_figure(const struct figure *f, struct result *r, double value)
{
	memcpy((char *)r + f->offset, &value, sizeof(value));
}

void result_init(struct result *r)
{
	for (size_t i = 0; i < figure_count; i++)
		set_figure(&figures[i], r, figures[i].kind == FIGURE_MEDIAN ? NAN : 0);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Values that were not measured are left out. */
static double median(double *value, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (!isnan(value[i]))
			value[n++] = value[i];
	if (n == 0)
		return NAN;
	qsort(value, n, sizeof(*value), compare);
	return n % 2 == 1 ? value[n / 2] : (value[n / 2 - 1] + value[n / 2]) / 2;
}

void result_combine(const struct result *run, size_t count, struct result *out)
{
	double value[RUNS_MAX], sum;

	for (size_t i = 0; i < figure_count; i++) {
		sum = 0;
		for (size_t k = 0; k < count; k++) {
			value[k] = figure_of(&figures[i], &run[k]);
			sum += value[k];
		}
		set_figure(&figures[i], out,
		           figures[i].kind == FIGURE_MEDIAN ? median(value, count) : sum);
	}
}

double result_ratio(const struct figure *f, const struct result *a, const struct result *b,
                    size_t count)
{
	double value[RUNS_MAX];

	for (size_t k = 0; k < count; k++) {
		double of = figure_of(f, &b[k]);

		value[k] = of > 0 ? figure_of(f, &a[k]) / of : NAN;
	}
	return median(value, count);
}

bool result_has_fault(const struct result *r)
{
	for (size_t i = 0; i < figure_count; i++)
		if (figures[i].kind == FIGURE_FAULT && figure_of(&figures[i], r) != 0)
			return true;
	return false;
}
