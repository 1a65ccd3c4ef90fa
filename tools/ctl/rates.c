#include "tools/ctl/rates.h"

#include "broker-common/json.h"
#include "tools/ctl/table.h"

#include <stdio.h>
#include <stdlib.h>

#define NODE_BYTES 64

struct rates_node {
	char name[NODE_BYTES];
	int64_t counted[RATES];
};

static const char *const counters[RATES] = {
	[RATE_RECEIVED] = "frames_received",  [RATE_PUBLISHED] = "messages_published",
	[RATE_SENT] = "messages_sent",        [RATE_BYTES] = "bytes_sent",
	[RATE_DROPPED] = "messages_dropped",  [RATE_ERRORS] = "errors",
	[RATE_OPENED] = "connections_opened",
};

/* A counter with labels is an object of numbers. */
static int64_t value_of(struct slice value)
{
	struct slice key, one;
	int64_t sum = 0, number;

	if (value.p == NULL)
		return 0;
	if (json_type_of(value) != JSON_OBJECT)
		return json_int(value, &number) ? number : 0;
	for (size_t at = 0; json_next_member(value, &at, &key, &one);)
		sum += json_int(one, &number) ? number : 0;
	return sum;
}

static void read_node(struct rates_node *to, struct slice node)
{
	struct slice totals = field_get(node, "totals");
	struct buf name;

	buf_init(&name);
	field_text(&name, node, "node");
	snprintf(to->name, sizeof(to->name), "%.*s", SLICE_ARGS(buf_view(&name)));
	buf_fini(&name);
	for (size_t i = 0; i < RATES; i++)
		to->counted[i] = value_of(field_get(totals.p == NULL ? node : totals, counters[i]));
}

static const struct rates_node *find(const struct rates *r, const char *name)
{
	for (size_t i = 0; i < r->n_nodes; i++) {
		if (strcmp(r->nodes[i].name, name) == 0)
			return &r->nodes[i];
	}
	return NULL;
}

/* A counter that has become smaller belongs to a process that began anew. */
static void add_changes(double sums[RATES], const struct rates_node *was,
                        const struct rates_node *is)
{
	for (size_t i = 0; i < RATES; i++) {
		if (was != NULL && is->counted[i] > was->counted[i])
			sums[i] += (double)(is->counted[i] - was->counted[i]);
	}
}

bool rates_take(struct rates *r, struct slice stats, uint64_t now_ms)
{
	struct slice list = field_get(stats, "per_node"), node;
	double sums[RATES] = { 0 };
	struct rates_node *nodes;
	size_t n = 0, i = 0;

	for (size_t at = 0; list.p != NULL && json_next_element(list, &at, &node);)
		n++;
	nodes = calloc(n + 1, sizeof(*nodes));
	if (nodes == NULL)
		return false;
	for (size_t at = 0; i < n && json_next_element(list, &at, &node); i++) {
		read_node(&nodes[i], node);
		add_changes(sums, find(r, nodes[i].name), &nodes[i]);
	}
	r->known = r->at_ms != 0 && now_ms > r->at_ms;
	for (i = 0; r->known && i < RATES; i++)
		r->per_second[i] = sums[i] * 1000 / (double)(now_ms - r->at_ms);
	free(r->nodes);
	r->nodes = nodes;
	r->n_nodes = n;
	r->at_ms = now_ms;
	return true;
}

void rates_fini(struct rates *r)
{
	free(r->nodes);
	*r = (struct rates){ .n_nodes = 0 };
}
