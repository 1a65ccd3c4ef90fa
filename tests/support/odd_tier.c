#include "tests/support/odd_tier.h"

#include "broker-common/list.h"
#include "gateway/base/loop.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ODD_NODES 4

static struct {
	char node[NODE_ID_LEN];
	enum err e;
	const char *answer;
} odd[ODD_NODES];
static int n_odd;
static struct loop *loop;
static struct list calls, names; /* not answered yet */
int odd_strangers;

struct odd_call {
	struct list_node node;
	struct tier *tier;
	struct timer timer;
	enum err e;
	const char *answer;
	tier_reply *done;
	void *ctx;
};

struct naming {
	struct list_node node;
	struct tier *tier;
	tier_names_done *done;
	void *ctx;
};

void odd_reset(void)
{
	n_odd = odd_strangers = 0;
	list_init(&calls);
	list_init(&names);
}

void odd_node(struct slice node, enum err e, const char *answer)
{
	int i = 0;

	while (i < n_odd && memcmp(odd[i].node, node.p, NODE_ID_LEN) != 0)
		i++;
	assert_in_range(i, 0, ODD_NODES - 1);
	memcpy(odd[i].node, node.p, NODE_ID_LEN);
	odd[i].e = e;
	odd[i].answer = answer;
	n_odd += i == n_odd;
}

static void call_free(struct odd_call *c)
{
	timer_stop(&c->timer);
	list_remove(&c->node);
	free(c);
}

static void call_ends(void *ctx)
{
	struct odd_call *c = ctx;

	c->done(c->ctx, c->e, slice_of(c->answer));
	call_free(c);
}

static enum err odd_call(struct tier *t, struct slice node, struct slice request,
                         uint64_t deadline_ms, tier_reply *done, void *ctx)
{
	struct odd_call *c;

	for (int i = 0; i < n_odd; i++) {
		if (memcmp(odd[i].node, node.p, NODE_ID_LEN) != 0)
			continue;
		if (odd[i].e == ERR_UNAVAILABLE)
			return ERR_UNAVAILABLE;
		c = calloc(1, sizeof *c);
		*c = (struct odd_call){
			.tier = t, .e = odd[i].e, .answer = odd[i].answer, .done = done, .ctx = ctx
		};
		list_push(&calls, &c->node);
		timer_init(&c->timer, loop, call_ends, c);
		timer_set(&c->timer, c->e == ERR_UNCERTAIN ? deadline_ms : 0);
		return ERR_OK;
	}
	return tier_memory.call(t, node, request, deadline_ms, done, ctx);
}

static void on_nodes(void *ctx, enum err e, const struct tier_name *nodes, size_t n)
{
	struct naming *w = ctx;
	struct tier_name *all = calloc(n + (size_t)odd_strangers, sizeof *all);
	char(*ids)[16] = calloc((size_t)odd_strangers + 1, sizeof *ids);

	assert_int_equal(e, ERR_OK);
	for (size_t i = 0; i < n; i++)
		all[i] = nodes[i];
	for (int i = 0; i < odd_strangers; i++) {
		snprintf(ids[i], sizeof ids[i], "zzzz%04d", i);
		all[n++].name = (struct slice){ ids[i], NODE_ID_LEN };
	}
	w->done(w->ctx, e, all, n);
	free(all);
	free(ids);
	list_remove(&w->node);
	free(w);
}

static enum err odd_nodes(struct tier *t, tier_names_done *done, void *ctx)
{
	struct naming *w = malloc(sizeof *w);

	*w = (struct naming){ .tier = t, .done = done, .ctx = ctx };
	list_push(&names, &w->node);
	return tier_memory.nodes(t, on_nodes, w);
}

static void odd_close(struct tier *t)
{
	struct list_node *n = list_first(&calls), *next;

	for (; n != NULL; n = next) {
		struct odd_call *c = container_of(n, struct odd_call, node);

		next = list_next(&calls, n);
		if (c->tier == t)
			call_free(c);
	}
	for (n = list_first(&names); n != NULL; n = next) {
		struct naming *w = container_of(n, struct naming, node);

		next = list_next(&names, n);
		if (w->tier == t) {
			list_remove(n);
			free(w);
		}
	}
	tier_memory.close(t);
}

static struct tier_ops ops;

static struct tier *odd_open(const struct tier_options *o, const struct tier_events *ev, void *ctx)
{
	struct tier *t = tier_memory.open(o, ev, ctx);

	loop = o->loop;
	ops = tier_memory;
	ops.name = "odd";
	ops.close = odd_close;
	ops.nodes = odd_nodes;
	ops.call = odd_call;
	t->ops = &ops;
	return t;
}

const struct tier_ops tier_odd = { .name = "odd", .open = odd_open };
