#include "tools/bench/load.h"

#include "tools/bench/clock.h"
#include "tools/bench/progress.h"

#include <stdio.h>
#include <stdlib.h>

#define SETTLE_NS (200 * NS_PER_MS)  /* work that a server puts off belongs to what caused it */
#define QUIET_NS (2 * NS_PER_SECOND) /* so long without a delivery: nothing comes any more */
#define REPEATS_NS (50 * NS_PER_MS)  /* time for what comes twice, when all has come once */
#define CHECK_NS (100 * NS_PER_MS)

struct load {
	const struct load_plan *plan;
	struct crowd crowd;
	struct traffic traffic;
	struct result *result;
	uint64_t check_ns;   /* when to look after stalls again */
	uint64_t nothing_ns; /* time in which there was nothing to do */
};

/* What the meters showed at one moment. */
struct reading {
	uint64_t at_ns, server_ns, own_ns, machine_ns;
	bool has_server;
};

static void read_meters(const struct load *l, struct reading *r)
{
	r->has_server = meter_cpu(&l->plan->server, &r->server_ns);
	r->own_ns = meter_own_cpu_ns();
	r->machine_ns = meter_machine_cpu_ns();
	r->at_ns = now_ns();
}

/* ---- connecting ---- */

static bool connect_all(struct load *l)
{
	const struct meter *server = &l->plan->server;
	struct result *r = l->result;
	uint64_t cpu_before, cpu_after, begin = now_ns(), took;
	bool has_cpu = meter_cpu(server, &cpu_before);
	struct memory before, after;
	bool has_memory = meter_memory(server, &before);
	bool connected = crowd_connect(&l->crowd);
	double n;

	took = now_ns() - begin;
	n = l->crowd.ready;
	r->connected = n;
	r->connects_failed = l->crowd.failed;
	if (!connected) {
		complain("%s: %u connects failed, given up", l->plan->crowd.label, l->crowd.failed);
		return false;
	}
	r->connects_per_s = n / seconds_of_ns(took);
	crowd_wait(&l->crowd, SETTLE_NS);
	if (has_cpu && meter_cpu(server, &cpu_after))
		r->connect_cpu_us = (double)(cpu_after - cpu_before) / 1e3 / n;
	crowd_wait(&l->crowd, ns_of_seconds(l->plan->idle_s));
	if (has_memory && meter_memory(server, &after)) {
		r->rss_mib = (double)after.rss_bytes / (1 << 20);
		r->rss_bytes_per_connection = ((double)after.rss_bytes - (double)before.rss_bytes) /
			n;
		r->pss_bytes_per_connection = ((double)after.pss_bytes - (double)before.pss_bytes) /
			n;
	}
	return true;
}

/* ---- publishing ---- */

static void show(struct load *l, uint64_t now, const char *what)
{
	const struct traffic *t = &l->traffic;

	if (progress_is_due(now))
		progress_show("%s: %s, %.1f s left, %lu delivered, p99 %.0f µs",
		              l->plan->crowd.label, what,
		              now < t->span_end_ns ? seconds_of_ns(t->span_end_ns - now) : 0,
		              (unsigned long)t->deliveries,
		              (double)histogram_at(&t->latency, 0.99) / 1e3);
}

/* Publish and read once; what takes no time worth counting is counted as nothing to do. */
static void pump(struct load *l, uint64_t now, bool publishing)
{
	bool published = publishing && traffic_publish(&l->traffic, now);
	/* At a fixed rate the next message may be due within this millisecond. */
	bool sleeps = !l->plan->spin &&
		(l->plan->traffic.window > 0 || l->traffic.interval_ns > 2e6);
	int events = net_turn(&l->crowd.net, sleeps ? 1 : 0);

	if (!published && events == 0)
		l->nothing_ns += now_ns() - now;
	if (now < l->check_ns)
		return;
	l->check_ns = now + CHECK_NS;
	if (publishing)
		traffic_unblock(&l->traffic, now);
	show(l, now,
	     l->traffic.in_span   ? "measuring"
	             : publishing ? "warming up"
	                          : "waiting for the rest");
}

static void evaluate(struct load *l, const struct reading *begin, const struct reading *end)
{
	const struct traffic *t = &l->traffic;
	double wall = (double)(end->at_ns - begin->at_ns),
	       own = (double)(end->own_ns - begin->own_ns);
	double server = (double)(end->server_ns - begin->server_ns);
	double machine = (double)(end->machine_ns - begin->machine_ns);
	double deliveries = (double)t->span_deliveries;
	struct result *r = l->result;

	r->deliveries_per_s = deliveries / (wall / 1e9);
	r->messages_per_s = (double)t->span_published / (wall / 1e9);
	/* A process that spins is always busy, so its own time tells nothing. */
	r->bench_busy_percent = 100 *
		(l->plan->spin ? 1 - (double)l->nothing_ns / wall : own / wall);
	if (!begin->has_server || !end->has_server)
		return;
	r->server_busy_percent = 100 * server / wall;
	r->others_busy_percent = 100 * (machine - server - own) / wall;
	if (r->others_busy_percent < 0) /* the machine's clock ticks in steps of 10 ms */
		r->others_busy_percent = 0;
	if (deliveries > 0)
		r->cpu_us_per_delivery = server / 1e3 / deliveries;
}

static void measure(struct load *l)
{
	struct traffic *t = &l->traffic;
	uint64_t now = now_ns(), span_begin = now + ns_of_seconds(l->plan->warm_up_s);
	struct reading begin = { 0 }, end = { 0 };

	traffic_start(t, now, span_begin, span_begin + ns_of_seconds(l->plan->duration_s));
	for (; now < t->span_end_ns && l->crowd.open > 0; now = now_ns()) {
		if (!t->in_span && now >= span_begin) {
			read_meters(l, &begin);
			l->nothing_ns = 0;
			t->in_span = true;
		}
		pump(l, now, true);
	}
	if (l->plan->traffic.window == 0) /* due already, but this process was not running then */
		traffic_publish(t, t->span_end_ns - 1);
	l->result->unsent = (double)traffic_behind(t, t->span_end_ns);
	if (t->in_span) {
		read_meters(l, &end);
		evaluate(l, &begin, &end);
	}
	t->in_span = false;
}

/* Wait for what is still under way. */
static void drain(struct load *l)
{
	const struct traffic *t = &l->traffic;
	uint64_t now = now_ns(), give_up = now + ns_of_seconds(l->plan->timeout_s);
	uint64_t seen = t->deliveries, seen_ns = now;

	while (now < give_up &&
	       now - seen_ns < (ledger_is_even(&t->ledger) ? REPEATS_NS : QUIET_NS)) {
		pump(l, now, false);
		now = now_ns();
		if (t->deliveries != seen) {
			seen = t->deliveries;
			seen_ns = now;
		}
	}
}

static void judge(struct load *l)
{
	struct traffic *t = &l->traffic;
	struct result *r = l->result;

	ledger_close(&t->ledger);
	r->published = (double)t->published;
	r->expected = (double)t->ledger.expected;
	r->received = (double)t->ledger.received;
	r->lost = (double)t->ledger.faults.lost;
	r->duplicated = (double)t->ledger.faults.duplicated;
	r->reordered = (double)t->ledger.faults.reordered;
	r->misrouted = (double)t->ledger.faults.misrouted;
	if (t->deliveries > 0)
		r->frame_bytes = (double)t->wire_bytes / (double)t->deliveries;
	if (t->latency.count == 0)
		return;
	r->latency_p50_us = (double)histogram_at(&t->latency, 0.5) / 1e3;
	r->latency_p90_us = (double)histogram_at(&t->latency, 0.9) / 1e3;
	r->latency_p99_us = (double)histogram_at(&t->latency, 0.99) / 1e3;
	r->latency_p999_us = (double)histogram_at(&t->latency, 0.999) / 1e3;
	r->latency_max_us = (double)t->latency.max / 1e3;
	r->latency_mean_us = histogram_mean(&t->latency) / 1e3;
}

bool load_run(const struct load_plan *plan, struct result *result)
{
	struct load *l = calloc(1, sizeof(*l)); /* the histogram is large */
	struct crowd_events events = { .delivered = traffic_delivered, .gone = traffic_gone };
	bool connected;

	if (l == NULL)
		return false;
	l->plan = plan;
	l->result = result;
	result_init(result);
	events.ctx = &l->traffic;
	if (!crowd_init(&l->crowd, &plan->crowd, &events) ||
	    !traffic_init(&l->traffic, &l->crowd, &plan->traffic)) {
		complain("out of memory");
		exit(1);
	}
	connected = connect_all(l);
	if (connected && plan->crowd.publishers > 0) {
		measure(l);
		drain(l);
		judge(l);
	}
	result->closed = l->crowd.closed;
	result->gaps = (double)l->crowd.gaps;
	result->errors = (double)l->crowd.errors;
	result->strangers = (double)l->crowd.strangers;
	crowd_finish(&l->crowd);
	progress_clear();
	traffic_fini(&l->traffic);
	crowd_fini(&l->crowd);
	free(l);
	return connected;
}
