/* The cluster, as its gateways tell it. */
#include "broker-common/json.h"
#include "tools/ctl/findings.h"
#include "tools/ctl/table.h"

#include <stdio.h>

#define FULL_PERCENT 90
#define LAG_MS 200        /* of an event loop: clients begin to feel it */
#define CLOCK_WARN_MS 500 /* time stamps of messages begin to look wrong */
#define CLOCK_BAD_MS 5000 /* tokens are refused as not yet valid, or as expired */

/* A field as text that lives as long as `out`. */
static const char *text_of(struct slice object, const char *path, char out[256])
{
	struct buf b;

	buf_init(&b);
	field_text(&b, object, path);
	snprintf(out, 256, "%.*s", SLICE_ARGS(buf_view(&b)));
	buf_fini(&b);
	return out;
}

static void check_fullness(struct findings *f, struct slice health)
{
	int64_t most = field_int(health, "max_connections", 0),
		now = field_int(health, "connections", 0);
	int64_t used = field_int(health, "queued_bytes", 0),
		limit = field_int(health, "memory_limit", 0);

	if (most > 0 && now * 100 >= most * FULL_PERCENT)
		found(f, LEVEL_WARN, "room for clients",
		      "%lld of %lld connections are taken: add a gateway or raise max_connections",
		      (long long)now, (long long)most);
	else if (most > 0)
		found(f, LEVEL_OK, "room for clients", "%lld of %lld connections are taken",
		      (long long)now, (long long)most);
	if (limit > 0 && used * 100 >= limit * FULL_PERCENT)
		found(f, LEVEL_WARN, "memory",
		      "%lld of %lld bytes wait for clients: find the slow ones (roomcastctl top) or raise "
		      "the memory limit",
		      (long long)used, (long long)limit);
}

void check_health(struct findings *f, struct slice health)
{
	char status[256], reason[256], tier[256], why[256];

	text_of(health, "status", status);
	text_of(health, "reason", reason);
	text_of(health, "tier.name", tier);
	text_of(health, "tier.reason", why);
	if (strcmp(status, "ok") == 0)
		found(f, LEVEL_OK, "this gateway", "is %s", status);
	else
		found(f, strcmp(status, "draining") == 0 ? LEVEL_WARN : LEVEL_BAD, "this gateway",
		      "is %s (%s): its log says more", status, reason);
	if (field_true(health, "tier.up"))
		found(f, LEVEL_OK, "fan-out tier", "%s is there", tier);
	else
		found(f, LEVEL_BAD, "fan-out tier",
		      "%s has not answered for %lld ms (%s): is it running, and do the options redis and "
		      "redis_ca fit?",
		      tier, (long long)field_int(health, "tier.down_ms", 0), why);
	check_fullness(f, health);
}

/* ---- all nodes ---- */

static void check_node(struct findings *f, struct slice node)
{
	char name[256], reason[256], state[256], tier[256];
	int64_t lag = field_int(node, "loop_lag_ms", 0);

	text_of(node, "node", name);
	text_of(node, "reason", reason);
	text_of(node, "state", state);
	text_of(node, "tier.name", tier);
	if (field_is(node, "state", "draining"))
		found(f, LEVEL_WARN, "readiness", "node %s is draining: it will be gone", name);
	else if (!field_true(node, "ready"))
		found(f, LEVEL_BAD, "readiness", "node %s takes no clients: %s", name, reason);
	if (!field_true(node, "tier.up"))
		found(f, LEVEL_BAD, "links",
		      "node %s has lost %s: look at the network between them", name, tier);
	if (lag > LAG_MS)
		found(f, LEVEL_WARN, "event loops",
		      "node %s ran %lld ms late: its processor is short (steal, limits, neighbours)",
		      name, (long long)lag);
}

/* Whether all nodes say the same there. */
static bool all_same(struct slice nodes, const char *field)
{
	struct slice node, first = { NULL, 0 };

	for (size_t at = 0; json_next_element(nodes, &at, &node);) {
		struct slice value = field_get(node, field);

		if (first.p == NULL)
			first = value;
		if (!slice_eq(first, value))
			return false;
	}
	return true;
}

static void check_versions(struct findings *f, struct slice nodes)
{
	struct slice node;
	struct buf all;
	char name[256], version[256];

	if (all_same(nodes, "version")) {
		found(f, LEVEL_OK, "versions", "all gateways have the same");
		return;
	}
	buf_init(&all);
	for (size_t at = 0; json_next_element(nodes, &at, &node);)
		buf_printf(&all, "%s%s %s", all.n == 0 ? "" : ", ", text_of(node, "node", name),
		           text_of(node, "version", version));
	found(f, LEVEL_WARN, "versions", "they differ: %.*s; finish the upgrade",
	      SLICE_ARGS(buf_view(&all)));
	buf_fini(&all);
}

/* The nodes told their time within one question, so its duration is the error. */
static void check_clocks(struct findings *f, struct slice nodes, int64_t own_ms)
{
	int64_t least = INT64_MAX, most = INT64_MIN, own = 0;
	struct slice node;

	for (size_t at = 0; json_next_element(nodes, &at, &node);) {
		int64_t wall = field_int(node, "wall_ms", -1);

		if (wall < 0)
			continue;
		least = wall < least ? wall : least;
		most = wall > most ? wall : most;
	}
	if (most < least)
		return;
	if (most - least > CLOCK_WARN_MS)
		found(f, most - least > CLOCK_BAD_MS ? LEVEL_BAD : LEVEL_WARN, "clocks",
		      "they differ by %lld ms: time stamps and tokens need one time; run chrony or "
		      "systemd-timesyncd on every node",
		      (long long)(most - least));
	else
		found(f, LEVEL_OK, "clocks", "the gateways' differ by at most %lld ms",
		      (long long)(most - least));
	own = own_ms < least ? least - own_ms : own_ms > most ? own_ms - most : 0;
	if (own > CLOCK_BAD_MS)
		found(f, LEVEL_WARN, "clocks",
		      "this machine's differs from the gateways' by %lld ms", (long long)own);
}

void check_nodes(struct findings *f, struct slice answer, int64_t own_ms)
{
	struct slice nodes = field_get(answer, "nodes"), silent = field_get(answer, "unanswered"),
		     node;
	size_t n = 0, bad = f->n[LEVEL_BAD] + f->n[LEVEL_WARN];

	for (size_t at = 0; json_next_element(nodes, &at, &node); n++)
		check_node(f, node);
	for (size_t at = 0; silent.p != NULL && json_next_element(silent, &at, &node);) {
		struct buf name;

		buf_init(&name);
		shape_write(&name, node, SHAPE_TEXT);
		found(f, LEVEL_BAD, "readiness",
		      "node %.*s does not answer: if its process has died, its lease runs out by itself",
		      SLICE_ARGS(buf_view(&name)));
		buf_fini(&name);
	}
	if (bad == f->n[LEVEL_BAD] + f->n[LEVEL_WARN])
		found(f, LEVEL_OK, "readiness", "%zu of %zu gateways take clients", n, n);
	check_versions(f, nodes);
	check_clocks(f, nodes, own_ms);
}
