/*
 * The way up: a checked publish is handed to the tier.
 */
#include "gateway/core/ask.h"
#include "gateway/core/client.h"
#include "gateway/core/quota.h"
#include "gateway/core/session_core.h"

#include <stdlib.h>

/* The publisher's side of one message at the tier. */
struct up {
	struct list_node node; /* of hub.ups, so that hub_close() can free it */
	struct hub *hub;
	tier_published *done;
	void *ctx;
	uint64_t sent_us;
};

static void on_published(void *ctx, enum err e, const struct tier_accepted *a)
{
	struct up *u = ctx;
	struct hub *h = u->hub;
	uint64_t now = loop_wall_us(h->loop);

	list_remove(&u->node);
	histogram_add(&h->metrics->tier_round_trip_seconds,
	              now > u->sent_us ? now - u->sent_us : 0);
	if (e == ERR_OK && a->duplicate)
		h->metrics->duplicates_published++;
	else if (e == ERR_OK)
		h->metrics->messages_published++;
	u->done(u->ctx, e, a);
	free(u);
}

/* The gateway of another client has answered. */
static void on_delivered(void *ctx, enum err e, struct slice reply)
{
	bool there = slice_is(reply, "1");
	const struct tier_accepted a = { .nodes = there, .receivers = there };

	if (e == ERR_OK && !there)
		e = slice_is(reply, "0") ? ERR_GONE : ERR_NOT_SUPPORTED;
	on_published(ctx, e, &a);
}

static bool is_here(const struct hub *h, const struct topic *client)
{
	return slice_starts(client->name, hub_node(h));
}

/* Of this gateway's own clients we know whether they are there. */
static bool is_gone(struct hub *h, const struct topic *t)
{
	struct session *s;

	if (t->kind != TOPIC_CLIENT || !is_here(h, t))
		return false;
	s = session_find(h, t->name);
	return s == NULL || s->state >= SESSION_DISCONNECTING;
}

enum err hub_publish(struct hub *h, const struct topic *t, struct parcel *p, struct slice key,
                     unsigned int wishes, tier_published *done, void *ctx)
{
	const struct tier_message m = { .parcel = p,
		                        .key = key,
		                        .count = (wishes & PUBLISH_COUNT) != 0 };
	struct up *u;
	enum err e;

	if (!quota_takes(h, p->drop))
		return ERR_OVERLOADED;
	if (is_gone(h, t))
		return ERR_GONE;
	u = malloc(sizeof *u);
	if (u == NULL)
		return ERR_INTERNAL;
	p->topic = t->text;
	p->born_us = loop_wall_us(h->loop);
	p->ts_ms = (int64_t)(p->born_us / 1000u);
	*u = (struct up){ .hub = h, .done = done, .ctx = ctx, .sent_us = p->born_us };
	/* A key has to be claimed in the same step as it is sent, so that goes without asking. */
	if (t->kind == TOPIC_CLIENT && (wishes & PUBLISH_EXACT) && key.p == NULL && !is_here(h, t))
		e = ask_deliver(h, t->name, p, on_delivered, u);
	else
		e = h->tier->ops->publish(h->tier, &m, on_published, u);
	if (e == ERR_OK)
		list_push(&h->ups, &u->node);
	else
		free(u);
	return e;
}

void hub_forget_publishes(struct hub *h)
{
	struct list_node *n;

	while ((n = list_shift(&h->ups)) != NULL)
		free(container_of(n, struct up, node));
}

/* The scope of an idempotency key: topic and publisher, and then the key. A blank is in no name. */
static struct slice backend_scope(struct buf *b, const struct frame *f)
{
	buf_reset(b);
	buf_slice(b, f->topic.text);
	buf_str(b, " api ");
	buf_slice(b, f->key);
	return buf_view(b);
}

enum err hub_publish_json(struct hub *h, char *body, size_t n, char scratch[128],
                          const char **detail, hub_published *done, void *ctx)
{
	struct frame f;
	enum err e = envelope_decode_publish(body, n, &f, scratch, detail);
	struct parcel p;
	struct slice key = { NULL, 0 };

	if (e != ERR_OK)
		return e;
	p = (struct parcel){
		.kind = PARCEL_EVENT,
		.event_type = f.event_type,
		.payload = f.payload,
		.drop = f.priority,
	};
	if (f.key.p != NULL) {
		key = backend_scope(&h->text, &f);
		if (h->text.failed)
			return ERR_INTERNAL;
	}
	*detail = NULL;
	return hub_publish(h, &f.topic, &p, key, PUBLISH_COUNT | PUBLISH_EXACT, done, ctx);
}
