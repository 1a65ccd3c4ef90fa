/*
 * The exchange: runs the operations of its nodes, one after the other, when the loop turns.
 */
#include "gateway/tier/memory/exchange.h"
#include "broker-common/topic.h"

#include <assert.h>
#include <stdlib.h>

uint32_t exchange_spread(struct registry_topic *t, const struct parcel *p)
{
	uint32_t took = 0;

	for (uint32_t i = 0; i < t->n_interests; i++) {
		struct memory_tier *node = t->interests[i].node;

		if (!t->interests[i].subscribed)
			continue;
		node->ev->message(node->ctx, p);
		took++;
	}
	return took;
}

static struct memory_tier *node_find(struct exchange *x, struct slice id)
{
	for (struct list_node *n = list_first(&x->nodes); n != NULL; n = list_next(&x->nodes, n)) {
		struct memory_tier *m = container_of(n, struct memory_tier, node);

		if (id.n == NODE_ID_LEN && memcmp(m->id, id.p, NODE_ID_LEN) == 0)
			return m;
	}
	return NULL;
}

static enum err spread_to_client(struct exchange *x, const struct parcel *p, struct slice client,
                                 struct tier_accepted *a)
{
	struct slice id = { client.p, client.n < NODE_ID_LEN ? client.n : NODE_ID_LEN };
	struct memory_tier *node = node_find(x, id);

	if (node == NULL)
		return ERR_GONE;
	node->ev->message(node->ctx, p);
	a->nodes = 1;
	a->receivers = 1;
	return ERR_OK;
}

static void run_publish(struct exchange *x, struct op *op)
{
	struct tier_accepted a = { 0 };
	struct registry_topic *t;
	struct topic topic;
	enum err e = topic_parse(op->parcel.topic, &topic);

	if (op->more.p != NULL && !keys_claim(&x->keys, op->more, loop_now_ms(x->loop))) {
		a.duplicate = true;
	} else if (e == ERR_OK && topic.kind == TOPIC_CLIENT) {
		e = spread_to_client(x, &op->parcel, topic.name, &a);
		if (e != ERR_OK && op->more.p != NULL)
			keys_release(&x->keys, op->more);
	} else if (e == ERR_OK && (t = registry_find(x, op->parcel.topic)) != NULL) {
		a.receivers = op->count ? t->connections : 0;
		a.nodes = exchange_spread(t, &op->parcel);
	}
	if (op->from != NULL)
		op->call.published(op->ctx, e, &a);
}

static void run_subscribe(struct exchange *x, struct op *op)
{
	struct registry_topic *t = registry_get(x, op->text);
	struct interest *i = t == NULL ? NULL : registry_interest(t, op->from, true);

	if (i != NULL)
		i->subscribed = true;
	else if (t != NULL)
		registry_put(x, t);
	op->call.done(op->ctx, i == NULL ? ERR_INTERNAL : ERR_OK);
}

static void run_unsubscribe(struct exchange *x, struct op *op)
{
	struct registry_topic *t = registry_find(x, op->text);
	struct interest *i = t == NULL ? NULL : registry_interest(t, op->from, false);

	if (i == NULL)
		return;
	i->subscribed = false;
	if (i->connections == 0)
		*i = t->interests[--t->n_interests];
	registry_put(x, t);
}

static void answer_room(struct op *op, struct slice topic, uint64_t limit)
{
	struct tier_room room;
	struct member *list;
	enum err e = registry_read(op->from->x, topic, limit, &room, &list);

	if (e != ERR_OK && op->kind == OP_ENTER && !op->entry.again)
		registry_leave(op->from, topic, op->entry.member.client);
	op->call.room(op->ctx, e, &room);
	free(list);
}

static void run_enter(struct exchange *x, struct op *op)
{
	struct tier_room room = { 0 };
	enum err e = registry_enter(op->from, &op->entry);

	if (e == ERR_OK && op->entry.list) {
		answer_room(op, op->entry.topic, op->entry.presence_max);
		return;
	}
	if (e == ERR_OK && op->entry.visible)
		room.rev = registry_find(x, op->entry.topic)->rev;
	op->call.room(op->ctx, e, &room);
}

static int by_text(struct slice x, struct slice y)
{
	int order = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);

	return order != 0 ? order : (x.n > y.n) - (x.n < y.n);
}

static int by_name(const void *a, const void *b)
{
	return by_text(((const struct tier_name *)a)->name, ((const struct tier_name *)b)->name);
}

struct naming {
	struct op *op;
	struct tier_name *names;
	size_t n;
};

static void name_topic(struct map_node *n, void *ctx)
{
	struct naming *w = ctx;
	struct slice name = registry_topic_key(n);
	const struct registry_topic *t = container_of(n, struct registry_topic, node);

	if (t->connections == 0 || !slice_starts(name, w->op->text))
		return;
	if (w->op->more.p != NULL && by_text(name, w->op->more) <= 0)
		return;
	w->names[w->n++] = (struct tier_name){ .name = name,
		                               .connections = t->connections,
		                               .gateways = registry_gateways(t) };
}

static void run_topics(struct exchange *x, struct op *op)
{
	struct naming w = { .op = op };

	w.names = malloc((x->topics.n + 1) * sizeof *w.names);
	if (w.names == NULL) {
		op->call.names(op->ctx, ERR_INTERNAL, NULL, 0);
		return;
	}
	map_each(&x->topics, name_topic, &w);
	qsort(w.names, w.n, sizeof *w.names, by_name);
	if (w.n > op->limit)
		w.n = op->limit;
	op->call.names(op->ctx, ERR_OK, w.names, w.n);
	free(w.names);
}

static void run_nodes(struct exchange *x, struct op *op)
{
	struct registry_topic *all = registry_find(x, slice_of("all"));
	struct tier_name *names = NULL;
	size_t n = 0, room = 0;

	for (struct list_node *i = list_first(&x->nodes); i != NULL; i = list_next(&x->nodes, i))
		room++;
	names = calloc(room + 1, sizeof *names);
	if (names == NULL) {
		op->call.names(op->ctx, ERR_INTERNAL, NULL, 0);
		return;
	}
	for (struct list_node *i = list_first(&x->nodes); i != NULL; i = list_next(&x->nodes, i)) {
		struct memory_tier *m = container_of(i, struct memory_tier, node);
		struct interest *in = all == NULL ? NULL : registry_interest(all, m, false);

		names[n].name = (struct slice){ m->id, NODE_ID_LEN };
		names[n++].connections = in == NULL ? 0 : in->connections;
	}
	op->call.names(op->ctx, ERR_OK, names, n);
	free(names);
}

static void run_call(struct exchange *x, struct op *op)
{
	struct memory_tier *node = node_find(x, op->text);
	struct buf reply;

	if (node == NULL) {
		op->call.reply(op->ctx, ERR_GONE, (struct slice){ NULL, 0 });
		return;
	}
	buf_init(&reply);
	node->ev->call(node->ctx, op->more, &reply);
	op->call.reply(op->ctx, reply.failed ? ERR_INTERNAL : ERR_OK, buf_view(&reply));
	buf_fini(&reply);
}

static void run_link(struct exchange *x, struct op *op)
{
	(void)x;
	op->from->ev->link(op->from->ctx, true, false, "embedded");
}

static void run_op(struct exchange *x, struct op *op)
{
	if (op->from == NULL && op->kind != OP_PUBLISH)
		return; /* its node has gone; what it had published still goes out */
	switch (op->kind) {
	case OP_PUBLISH: run_publish(x, op); break;
	case OP_SUBSCRIBE: run_subscribe(x, op); break;
	case OP_UNSUBSCRIBE: run_unsubscribe(x, op); break;
	case OP_ENTER: run_enter(x, op); break;
	case OP_LEAVE: registry_leave(op->from, op->text, op->more); break;
	case OP_ROOM: answer_room(op, op->text, op->limit); break;
	case OP_TOPICS: run_topics(x, op); break;
	case OP_NODES: run_nodes(x, op); break;
	case OP_CALL: run_call(x, op); break;
	case OP_LINK: run_link(x, op); break;
	}
}

/* What callbacks ask for meanwhile comes behind what was asked before. */
static void run_ops(void *ctx)
{
	struct exchange *x = ctx;
	struct list_node *n;

	while ((n = list_shift(&x->ops)) != NULL) {
		struct op *op = container_of(n, struct op, node);

		run_op(x, op);
		free(op);
	}
}

struct exchange *exchange_new(struct loop *loop, uint64_t max_keys, uint64_t key_ms)
{
	struct exchange *x = calloc(1, sizeof *x);

	if (x == NULL)
		return NULL;
	x->loop = loop;
	list_init(&x->nodes);
	list_init(&x->ops);
	x->run = (struct deferred){ .run = run_ops, .ctx = x };
	map_init(&x->topics, registry_topic_key);
	keys_init(&x->keys, max_keys, key_ms);
	return x;
}

void exchange_free(struct exchange *x)
{
	struct list_node *n;

	if (x == NULL)
		return;
	assert(list_is_empty(&x->nodes));
	deferred_cancel(&x->run);
	while ((n = list_shift(&x->ops)) != NULL)
		free(container_of(n, struct op, node));
	keys_fini(&x->keys);
	map_fini(&x->topics);
	free(x);
}
