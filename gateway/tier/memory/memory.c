/*
 * The memory tier: the embedded default. Each call becomes an operation of the exchange; what it
 * borrowed is copied behind it, in one allocation.
 */
#include "gateway/base/config.h"
#include "gateway/tier/memory/exchange.h"

#include <assert.h>
#include <stdlib.h>

static struct memory_tier *memory(struct tier *t)
{
	return container_of(t, struct memory_tier, tier);
}

static struct op *op_new(struct tier *t, enum op_kind kind, size_t extra, void *ctx)
{
	struct op *op = malloc(sizeof *op + extra);

	if (op == NULL)
		return NULL;
	memset(op, 0, sizeof *op);
	op->from = memory(t);
	op->kind = kind;
	op->ctx = ctx;
	return op;
}

static enum err op_queue(struct op *op)
{
	struct exchange *x = op->from->x;

	list_push(&x->ops, &op->node);
	loop_defer(x->loop, &x->run);
	return ERR_OK;
}

static struct slice keep(char **to, struct slice s)
{
	struct slice copy = { s.p == NULL ? NULL : *to, s.n };

	if (s.n > 0)
		memcpy(*to, s.p, s.n);
	*to += s.n;
	return copy;
}

static enum err memory_publish(struct tier *t, const struct tier_message *m, tier_published *done,
                               void *ctx)
{
	const struct parcel *p = m->parcel;
	size_t n = p->topic.n + p->from.client.n + p->from.user.n + p->id.n + p->event_type.n +
		p->payload.n + p->exclude.n + m->key.n;
	struct op *op = op_new(t, OP_PUBLISH, n, ctx);
	char *text;

	if (op == NULL)
		return ERR_INTERNAL;
	assert(p->kind != PARCEL_PRESENCE); /* the registry's own */
	text = (char *)(op + 1);
	op->parcel = *p;
	op->parcel.topic = keep(&text, p->topic);
	op->parcel.from.client = keep(&text, p->from.client);
	op->parcel.from.user = keep(&text, p->from.user);
	op->parcel.id = keep(&text, p->id);
	op->parcel.event_type = keep(&text, p->event_type);
	op->parcel.payload = keep(&text, p->payload);
	op->parcel.exclude = keep(&text, p->exclude);
	op->more = keep(&text, m->key);
	op->count = m->count;
	op->call.published = done;
	return op_queue(op);
}

/* The shape that most operations share: two texts and a number. */
static struct op *op_texts(struct tier *t, enum op_kind kind, struct slice text, struct slice more,
                           uint64_t limit, void *ctx)
{
	struct op *op = op_new(t, kind, text.n + more.n, ctx);
	char *to;

	if (op == NULL)
		return NULL;
	to = (char *)(op + 1);
	op->text = keep(&to, text);
	op->more = keep(&to, more);
	op->limit = limit;
	return op;
}

static const struct slice none = { NULL, 0 };

static enum err memory_subscribe(struct tier *t, struct slice topic, tier_done *done, void *ctx)
{
	struct op *op = op_texts(t, OP_SUBSCRIBE, topic, none, 0, ctx);

	if (op == NULL)
		return ERR_INTERNAL;
	op->call.done = done;
	return op_queue(op);
}

static void memory_unsubscribe(struct tier *t, struct slice topic)
{
	struct op *op = op_texts(t, OP_UNSUBSCRIBE, topic, none, 0, NULL);

	if (op != NULL)
		op_queue(op);
}

static enum err memory_enter(struct tier *t, const struct tier_entry *e, tier_room_done *done,
                             void *ctx)
{
	const struct member *m = &e->member;
	struct op *op = op_new(t, OP_ENTER, e->topic.n + m->client.n + m->user.n + m->info.n, ctx);
	char *text;

	if (op == NULL)
		return ERR_INTERNAL;
	text = (char *)(op + 1);
	op->entry = *e;
	op->entry.topic = keep(&text, e->topic);
	op->entry.member.client = keep(&text, m->client);
	op->entry.member.user = keep(&text, m->user);
	op->entry.member.info = keep(&text, m->info);
	op->call.room = done;
	return op_queue(op);
}

/* Out of memory: leave at once, out of order, rather than stay for ever. */
static void memory_leave(struct tier *t, struct slice topic, struct slice client)
{
	struct op *op = op_texts(t, OP_LEAVE, topic, client, 0, NULL);

	if (op == NULL)
		registry_leave(memory(t), topic, client);
	else
		op_queue(op);
}

static enum err memory_room(struct tier *t, struct slice topic, uint64_t limit,
                            tier_room_done *done, void *ctx)
{
	struct op *op = op_texts(t, OP_ROOM, topic, none, limit, ctx);

	if (op == NULL)
		return ERR_INTERNAL;
	op->call.room = done;
	return op_queue(op);
}

static enum err memory_topics(struct tier *t, struct slice prefix, struct slice after, size_t limit,
                              tier_names_done *done, void *ctx)
{
	struct op *op = op_texts(t, OP_TOPICS, prefix, after, limit, ctx);

	if (op == NULL)
		return ERR_INTERNAL;
	op->call.names = done;
	return op_queue(op);
}

static enum err memory_nodes(struct tier *t, tier_names_done *done, void *ctx)
{
	struct op *op = op_texts(t, OP_NODES, none, none, 0, ctx);

	if (op == NULL)
		return ERR_INTERNAL;
	op->call.names = done;
	return op_queue(op);
}

static enum err memory_call(struct tier *t, struct slice node, struct slice request,
                            uint64_t deadline_ms, tier_reply *done, void *ctx)
{
	struct op *op = op_texts(t, OP_CALL, node, request, deadline_ms, ctx);

	if (op == NULL)
		return ERR_INTERNAL;
	op->call.reply = done;
	return op_queue(op);
}

static enum err memory_read(struct tier *t, struct slice topic, uint64_t since, size_t limit,
                            tier_done *done, void *ctx)
{
	(void)t, (void)topic, (void)since, (void)limit, (void)done, (void)ctx;
	return ERR_NOT_SUPPORTED;
}

static void memory_close(struct tier *t)
{
	struct memory_tier *m = memory(t);
	struct exchange *x = m->x;

	for (struct list_node *n = list_first(&x->ops); n != NULL; n = list_next(&x->ops, n)) {
		struct op *op = container_of(n, struct op, node);

		if (op->from == m)
			op->from = NULL;
	}
	list_remove(&m->node);
	registry_forget(m);
	if (m->owns_exchange)
		exchange_free(x);
	free(m);
}

static struct tier *memory_open(const struct tier_options *o, const struct tier_events *ev,
                                void *ctx)
{
	struct memory_tier *m = calloc(1, sizeof *m);
	struct op *op;

	assert(o->node.n == NODE_ID_LEN);
	if (m == NULL)
		return NULL;
	m->tier.ops = &tier_memory;
	m->x = o->medium;
	if (m->x == NULL) {
		m->owns_exchange = true;
		m->x = exchange_new(o->loop, (uint64_t)o->config->idempotency_keys,
		                    (uint64_t)o->config->idempotency_ms);
	}
	if (m->x == NULL)
		goto free_tier;
	memcpy(m->id, o->node.p, NODE_ID_LEN);
	m->ev = ev;
	m->ctx = ctx;
	list_push(&m->x->nodes, &m->node);
	op = op_texts(&m->tier, OP_LINK, none, none, 0, NULL);
	if (op == NULL)
		goto close_tier;
	op_queue(op);
	return &m->tier;

close_tier:
	memory_close(&m->tier);
	return NULL;
free_tier:
	free(m);
	return NULL;
}

const struct tier_ops tier_memory = {
	.name = "memory",
	.open = memory_open,
	.close = memory_close,
	.publish = memory_publish,
	.subscribe = memory_subscribe,
	.unsubscribe = memory_unsubscribe,
	.enter = memory_enter,
	.leave = memory_leave,
	.room = memory_room,
	.topics = memory_topics,
	.nodes = memory_nodes,
	.call = memory_call,
	.read = memory_read,
};
