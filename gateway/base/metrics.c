#include "gateway/base/metrics.h"

#include "broker-common/version.h"

#include <assert.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- the forms ---- */

static void head(struct buf *out, const char *name, const char *suffix, const char *type,
                 const char *help)
{
	buf_printf(out, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, suffix, help, name, suffix, type);
}

static void write_number(struct buf *out, const char *name, const char *suffix, const char *type,
                         const char *help, uint64_t value)
{
	head(out, name, suffix, type, help);
	buf_printf(out, "%s%s %" PRIu64 "\n", name, suffix, value);
}

static void write_ms(struct buf *out, const char *name, const char *help, uint64_t ms)
{
	head(out, name, "", "gauge", help);
	buf_printf(out, "%s %" PRIu64 ".%03" PRIu64 "\n", name, ms / 1000u, ms % 1000u);
}

static void write_by_error(struct buf *out, const char *name, const char *help,
                           const uint64_t values[ERR_COUNT])
{
	head(out, name, "_total", "counter", help);
	for (enum err e = ERR_OK + 1; e < ERR_COUNT; e++)
		buf_printf(out, "%s_total{name=\"%s\"} %" PRIu64 "\n", name, err_name(e),
		           values[e]);
}

static void write_by_close(struct buf *out, const char *name, const char *help,
                           const uint64_t values[CLOSE_COUNT])
{
	head(out, name, "_total", "counter", help);
	for (enum close_why w = 0; w < CLOSE_COUNT; w++)
		buf_printf(out, "%s_total{reason=\"%s\",code=\"%d\"} %" PRIu64 "\n", name,
		           close_label(w), close_code(w), values[w]);
}

static void write_by_label(struct buf *out, const char *name, const char *label, const char *labels,
                           const char *help, const uint64_t values[METRICS_LABELS_MAX])
{
	size_t n;

	head(out, name, "_total", "counter", help);
	for (size_t i = 0;; i++, labels += n + 1) {
		assert(i < METRICS_LABELS_MAX);
		n = strcspn(labels, "|");
		buf_printf(out, "%s_total{%s=\"%.*s\"} %" PRIu64 "\n", name, label, (int)n, labels,
		           values[i]);
		if (labels[n] == '\0')
			return;
	}
}

/* Buckets count what is at most their bound, so each holds the ones before it. */
static void write_histogram(struct buf *out, const char *name, const char *help,
                            const struct histogram *h)
{
	uint64_t count = 0;

	head(out, name, "", "histogram", help);
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		count += h->bucket[i];
		buf_printf(out, "%s_bucket{le=\"%.9g\"} %" PRIu64 "\n", name,
		           (double)(UINT64_C(1) << i) / 1e6, count);
	}
	count += h->bucket[HISTOGRAM_BUCKETS];
	buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, count);
	buf_printf(out, "%s_sum %" PRIu64 ".%06" PRIu64 "\n", name, h->sum_us / 1000000u,
	           h->sum_us % 1000000u);
	buf_printf(out, "%s_count %" PRIu64 "\n", name, count);
}

/* ---- the process: names as every Prometheus client has them ---- */

/* In clock ticks since the system's start; 0: it cannot be read. */
static uint64_t read_start_ticks(void)
{
	FILE *f = fopen("/proc/self/stat", "re");
	char line[1024], *p = NULL;
	uint64_t ticks = 0;

	if (f == NULL)
		return 0;
	if (fgets(line, sizeof line, f) != NULL)
		p = strrchr(line, ')'); /* the program's name may hold anything */
	fclose(f);
	for (int field = 2; p != NULL && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (p != NULL)
		ticks = strtoull(p, NULL, 10);
	return ticks;
}

/* When the process began, in seconds since 1970: the system counts from its own start. */
static double start_time(void)
{
	struct timespec now, up;
	uint64_t ticks = read_start_ticks();
	double booted;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &up);
	booted = (double)(now.tv_sec - up.tv_sec) + (double)(now.tv_nsec - up.tv_nsec) / 1e9;
	return booted + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static uint64_t resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	uint64_t pages = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%*u %" SCNu64, &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t open_fds(void)
{
	struct stat st;
	uint64_t n = 0;
	DIR *d;

	/* From Linux 6.2 on its size is their number; listing thousands would hold up the loop. */
	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
		return (uint64_t)st.st_size;
	d = opendir("/proc/self/fd");
	if (d == NULL)
		return 0;
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n > 3 ? n - 3 : 0; /* ".", ".." and this directory */
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void write_process(struct buf *out)
{
	static double started; /* does not change, though the wall clock may */
	struct rlimit files = { 0, 0 };

	if (started == 0)
		started = start_time();
	getrlimit(RLIMIT_NOFILE, &files);
	write_number(out, "process_resident_memory_bytes", "", "gauge", "memory in RAM",
	             resident_bytes());
	write_number(out, "process_open_fds", "", "gauge", "open file descriptors", open_fds());
	write_number(out, "process_max_fds", "", "gauge", "file descriptors allowed",
	             files.rlim_cur);
	head(out, "process_cpu_seconds_total", "", "counter", "CPU time, user and system");
	buf_printf(out, "process_cpu_seconds_total %.6f\n", cpu_seconds());
	head(out, "process_start_time_seconds", "", "gauge", "start, in seconds since 1970");
	buf_printf(out, "process_start_time_seconds %.2f\n", started);
}

void metrics_write(const struct metrics *m, struct buf *out)
{
#define NAME(name) "roomcast_" #name
#define COUNTER(name, help) write_number(out, NAME(name), "_total", "counter", help, m->name);
#define GAUGE(name, help) write_number(out, NAME(name), "", "gauge", help, m->name);
#define GAUGE_MS(name, help) write_ms(out, NAME(name), help, m->name);
#define BY_ERROR(name, help) write_by_error(out, NAME(name), help, m->name);
#define BY_CLOSE(name, help) write_by_close(out, NAME(name), help, m->name);
#define BY_LABEL(name, label, values, help)                                                        \
	write_by_label(out, NAME(name), #label, values, help, m->name);
#define HISTOGRAM(name, help) write_histogram(out, NAME(name), help, &m->name);
#include "gateway/base/metrics.def"
#undef NAME
	head(out, "roomcast_build_info", "", "gauge",
	     "always 1; the label says which version runs");
	buf_printf(out, "roomcast_build_info{version=\"%s\"} 1\n", ROOMCAST_VERSION);
	write_process(out);
}

static uint64_t sum(const uint64_t *values, size_t n)
{
	uint64_t all = 0;

	for (size_t i = 0; i < n; i++)
		all += values[i];
	return all;
}

void metrics_each_counter(const struct metrics *m,
                          void (*each)(void *ctx, const char *name, uint64_t value), void *ctx)
{
#define COUNTER(name, help) each(ctx, #name, m->name);
#define GAUGE(name, help)
#define GAUGE_MS(name, help)
#define BY_ERROR(name, help) each(ctx, #name, sum(m->name, ERR_COUNT));
#define BY_CLOSE(name, help) each(ctx, #name, sum(m->name, CLOSE_COUNT));
#define BY_LABEL(name, label, values, help) each(ctx, #name, sum(m->name, METRICS_LABELS_MAX));
#define HISTOGRAM(name, help)
#include "gateway/base/metrics.def"
}
