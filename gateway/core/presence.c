#include "gateway/core/presence.h"

#include "gateway/core/channel.h"
#include "gateway/core/session_core.h"

#include <stdlib.h>

#define BATCH_CHANGES 64

/* One change; its texts are in the batch's `text`, one behind the other. */
struct change {
	uint32_t at;       /* the client's id, the user's, the member as JSON */
	uint32_t member_n; /* bytes of the JSON */
	uint8_t client_n;
	uint8_t user_n; /* 0: no user came or went with it */
	bool joined;
};

/* Changes of one room, with no `rev` between them missing. */
struct presence_batch {
	struct list_node node; /* of hub.batches */
	struct channel *channel;
	uint64_t due_ms;
	uint64_t rev, count, users; /* after the last change */
	struct buf text;
	struct change changes[BATCH_CHANGES];
	uint32_t n; /* 0: the room is above `presence_max`, only the counts are told */
};

static void batch_free(struct presence_batch *b)
{
	list_remove(&b->node);
	b->channel->told_rev = b->rev;
	b->channel->batch = NULL;
	buf_fini(&b->text);
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

static struct slice client_of(const struct presence_batch *b, const struct change *c)
{
	return (struct slice){ b->text.p + c->at, c->client_n };
}

static struct slice user_of(const struct presence_batch *b, const struct change *c)
{
	return (struct slice){ b->text.p + c->at + c->client_n, c->user_n };
}

static struct slice member_of(const struct presence_batch *b, const struct change *c)
{
	return (struct slice){ b->text.p + c->at + c->client_n + c->user_n, c->member_n };
}

/* Whether the batch already holds a change of this client or user. */
static bool holds(const struct presence_batch *b, const struct parcel *p)
{
	for (uint32_t i = 0; i < b->n; i++) {
		const struct change *c = &b->changes[i];

		if (slice_eq(client_of(b, c), p->member.client))
			return true;
		if (p->user_edge && c->user_n > 0 && slice_eq(user_of(b, c), p->member.user))
			return true;
	}
	return false;
}

static void add_change(struct presence_batch *b, const struct parcel *p)
{
	struct change *c = &b->changes[b->n++];
	size_t member_at;

	*c = (struct change){ .at = (uint32_t)b->text.n,
		              .client_n = (uint8_t)p->member.client.n,
		              .user_n = p->user_edge ? (uint8_t)p->member.user.n : 0,
		              .joined = p->joined };
	buf_slice(&b->text, p->member.client);
	if (p->user_edge)
		buf_slice(&b->text, p->member.user);
	member_at = b->text.n;
	envelope_member(&b->text, &p->member);
	c->member_n = (uint32_t)(b->text.n - member_at);
}

static bool takes(const struct presence_batch *b, const struct parcel *p)
{
	return p->rev == b->rev + 1 && (b->n == 0) == p->counts_only && b->n < BATCH_CHANGES &&
		!holds(b, p);
}

void presence_change(struct channel *c, const struct parcel *p)
{
	struct presence_batch *b = c->batch;

	if (c->n_seeing == 0) {
		presence_forget(c);
		c->told_rev = p->rev;
		return;
	}
	if (b != NULL && p->rev <= b->rev)
		return; /* old */
	if (b != NULL && !takes(b, p)) {
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

/* The last `n` changes that came or went, as members or as users. */
static void write_list(struct buf *out, const struct presence_batch *b, uint32_t n, bool joined,
                       bool users)
{
	static const char *const fields[2][2] = { { "left", "joined" },
		                                  { "users_left", "users_joined" } };
	uint32_t written = 0;

	for (uint32_t i = b->n - n; i < b->n; i++) {
		const struct change *c = &b->changes[i];

		if (c->joined != joined || (users && c->user_n == 0))
			continue;
		if (written++ == 0)
			buf_printf(out, ",\"%s\":[", fields[users][joined]);
		else
			buf_char(out, ',');
		if (users)
			buf_json(out, user_of(b, c));
		else
			buf_slice(out, member_of(b, c));
	}
	if (written > 0)
		buf_char(out, ']');
	else if (!users)
		buf_printf(out, ",\"%s\":[]", fields[users][joined]);
}

/* A notice of the batch's last `n` changes. NULL: no memory; the jump of `rev` will tell. */
static struct message *make_notice(const struct presence_batch *b, uint32_t n)
{
	struct channel *c = b->channel;
	struct buf *out = &c->hub->text;
	struct message *m;
	size_t topic_at;

	buf_reset(out);
	buf_str(out, "{\"type\":\"presence\",\"topic\":\"");
	topic_at = out->n;
	buf_slice(out, channel_topic(c));
	buf_str(out, "\",\"room\":\"");
	buf_slice(out, channel_name(c));
	buf_str(out, "\",\"rev\":");
	buf_u64(out, b->rev);
	if (n > 0) {
		write_list(out, b, n, true, false);
		write_list(out, b, n, false, false);
		write_list(out, b, n, true, true);
		write_list(out, b, n, false, true);
	}
	buf_printf(out, ",\"count\":%llu,\"users\":%llu}", (unsigned long long)b->count,
	           (unsigned long long)b->users);
	m = out->failed || b->text.failed ? NULL : message_new(&c->hub->budget, buf_view(out));
	if (m == NULL)
		return NULL;
	message_set_topic(m, topic_at, c->len);
	m->drop = DROP_HIGH;
	m->lane = c->lane;
	m->policy = c->policy;
	c->hub->metrics->presence_notices++;
	return m;
}

/* Who got its list while the batch was gathered has some of the changes: it is told the others. */
static void tell_rest(const struct presence_batch *b, struct session *s, uint64_t missing)
{
	struct message *m = make_notice(b, (uint32_t)missing);

	if (m != NULL)
		session_push(s, m);
	message_unref(m);
}

void presence_flush(struct channel *c)
{
	struct presence_batch *b = c->batch;
	struct message *whole;

	if (b == NULL)
		return;
	whole = make_notice(b, b->n);
	for (uint32_t i = 0; i < c->n_members; i++) {
		const struct channel_member *m = &c->members[i];
		uint64_t missing = b->rev > m->seen_rev ? b->rev - m->seen_rev : 0;

		if (!m->sees || missing == 0)
			continue;
		if (b->n > 0 && missing < b->n)
			tell_rest(b, m->session, missing);
		else if (whole != NULL)
			session_push(m->session, whole);
	}
	message_unref(whole);
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
