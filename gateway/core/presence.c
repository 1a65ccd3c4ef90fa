#include "gateway/core/presence.h"

#include "gateway/core/channel.h"
#include "gateway/core/delivery.h"

#include <stdlib.h>

#define BATCH_CHANGES 64

/* Who has changed in a batch; the texts are in `names`. */
struct change {
	uint32_t client_at, client_n;
	uint32_t user_at, user_n; /* user_n 0: no user came or went with it */
};

struct presence_batch {
	struct list_node node; /* of hub.batches */
	struct channel *channel;
	uint64_t due_ms;
	uint64_t rev, count, users;
	struct buf joined, left, users_joined, users_left; /* JSON, comma separated */
	struct buf names;
	struct change changes[BATCH_CHANGES];
	uint32_t n;
};

static void batch_free(struct presence_batch *b)
{
	list_remove(&b->node);
	b->channel->batch = NULL;
	buf_fini(&b->joined);
	buf_fini(&b->left);
	buf_fini(&b->users_joined);
	buf_fini(&b->users_left);
	buf_fini(&b->names);
	free(b);
}

static struct presence_batch *batch_start(struct channel *c)
{
	struct hub *h = c->hub;
	struct presence_batch *b = calloc(1, sizeof *b);

	if (b == NULL)
		return NULL;
	b->channel = c;
	b->due_ms = loop_now_ms(h->loop) + (uint64_t)h->config->presence_batch_ms;
	c->batch = b;
	list_push(&h->batches, &b->node);
	if (!timer_is_set(&h->batch_timer))
		timer_set(&h->batch_timer, (uint64_t)h->config->presence_batch_ms);
	return b;
}

static struct slice name_at(const struct presence_batch *b, uint32_t at, uint32_t n)
{
	return (struct slice){ b->names.p + at, n };
}

/* Whether the batch already holds a change of this client or user. */
static bool holds(const struct presence_batch *b, const struct parcel *p)
{
	for (uint32_t i = 0; i < b->n; i++) {
		const struct change *c = &b->changes[i];

		if (slice_eq(name_at(b, c->client_at, c->client_n), p->member.client))
			return true;
		if (p->user_edge && c->user_n > 0 &&
		    slice_eq(name_at(b, c->user_at, c->user_n), p->member.user))
			return true;
	}
	return false;
}

static void add_item(struct buf *list)
{
	if (list->n > 0)
		buf_char(list, ',');
}

static void add_change(struct presence_batch *b, const struct parcel *p)
{
	struct buf *members = p->joined ? &b->joined : &b->left;
	struct buf *users = p->joined ? &b->users_joined : &b->users_left;
	struct change *c = &b->changes[b->n++];

	*c = (struct change){ (uint32_t)b->names.n, (uint32_t)p->member.client.n, 0, 0 };
	buf_slice(&b->names, p->member.client);
	add_item(members);
	envelope_member(members, &p->member);
	if (!p->user_edge)
		return;
	c->user_at = (uint32_t)b->names.n;
	c->user_n = (uint32_t)p->member.user.n;
	buf_slice(&b->names, p->member.user);
	add_item(users);
	buf_json(users, p->member.user);
}

void presence_change(struct channel *c, const struct parcel *p)
{
	struct presence_batch *b = c->batch;

	if (c->n_seeing == 0)
		return;
	if (b != NULL && (p->counts_only ? b->n > 0 : b->n == BATCH_CHANGES || holds(b, p))) {
		presence_flush(c);
		b = NULL;
	}
	if (b == NULL)
		b = batch_start(c);
	if (b == NULL)
		return; /* no memory: the jump of `rev` will tell */
	b->rev = p->rev;
	b->count = p->count;
	b->users = p->users;
	if (!p->counts_only)
		add_change(b, p);
	if (c->hub->config->presence_batch_ms == 0)
		presence_flush(c);
}

static void add_list(struct buf *out, const char *field, const struct buf *items, bool always)
{
	if (items->n == 0 && !always)
		return;
	buf_printf(out, ",\"%s\":[", field);
	buf_slice(out, buf_view(items));
	buf_char(out, ']');
}

static void write_notice(struct buf *out, const struct presence_batch *b, size_t *topic_at)
{
	struct slice topic = channel_topic(b->channel);

	buf_str(out, "{\"type\":\"presence\",\"topic\":\"");
	*topic_at = out->n;
	buf_slice(out, topic);
	buf_str(out, "\",\"room\":\"");
	buf_slice(out, channel_name(b->channel));
	buf_printf(out, "\",\"rev\":%llu", (unsigned long long)b->rev);
	add_list(out, "joined", &b->joined, b->n > 0);
	add_list(out, "left", &b->left, b->n > 0);
	add_list(out, "users_joined", &b->users_joined, false);
	add_list(out, "users_left", &b->users_left, false);
	buf_printf(out, ",\"count\":%llu,\"users\":%llu}", (unsigned long long)b->count,
	           (unsigned long long)b->users);
}

void presence_flush(struct channel *c)
{
	struct presence_batch *b = c->batch;
	struct hub *h = c->hub;
	struct message *m = NULL;
	size_t topic_at = 0;

	if (b == NULL)
		return;
	buf_reset(&h->text);
	write_notice(&h->text, b, &topic_at);
	if (!h->text.failed && !b->joined.failed && !b->left.failed && !b->names.failed)
		m = message_new(&h->budget, buf_view(&h->text));
	if (m != NULL) {
		message_set_topic(m, topic_at, c->len);
		m->drop = DROP_HIGH;
		h->metrics->presence_notices++;
		delivery_presence(c, m, b->rev);
		message_unref(m);
	}
	batch_free(b);
}

void presence_forget(struct channel *c)
{
	if (c->batch != NULL)
		batch_free(c->batch);
}

void presence_due(void *ctx)
{
	struct hub *h = ctx;
	struct list_node *n;
	uint64_t now = loop_now_ms(h->loop);

	while ((n = list_first(&h->batches)) != NULL) {
		struct presence_batch *b = container_of(n, struct presence_batch, node);

		if (b->due_ms > now) {
			timer_set(&h->batch_timer, b->due_ms - now);
			return;
		}
		presence_flush(b->channel);
	}
}
