#include "gateway/core/delivery.h"

#include "gateway/core/channel.h"
#include "gateway/core/presence.h"
#include "gateway/core/quota.h"
#include "gateway/core/session_core.h"

/* Above the pressure mark messages of the lowest class are not queued; a gap stands for each. */
static bool shed(const struct hub *h, const struct message *m)
{
	return m->drop == DROP_LOW && h->overload >= OVERLOAD_PRESSURED;
}

static void deliver(struct session *s, struct message *m, bool shedding)
{
	if (!shedding) {
		session_push(s, m);
		return;
	}
	session_gap(s, m->lane, message_topic(m), GAP_OVERLOAD, 1);
	session_dropped(s, DROPPED_OVERLOAD, 1);
}

/* One copy of the event, framed; NULL (counted as an error by the caller) without memory. */
static struct message *frame_event(struct hub *h, const struct parcel *p)
{
	struct message *m;
	size_t topic_at;

	buf_reset(&h->text);
	envelope_event(&h->text, p, &topic_at);
	if (h->text.failed)
		return NULL;
	m = message_new(&h->budget, buf_view(&h->text));
	if (m == NULL)
		return NULL;
	message_set_topic(m, topic_at, p->topic.n);
	m->drop = (uint8_t)p->drop;
	m->born_us = p->born_us;
	return m;
}

/* Receivers are fetched into the cache before it is their turn: none of them is there any more from
 * the message before. First the session, then what it wakes. */
#define AHEAD 8u

static void fetch_session(const struct channel *c, uint32_t i)
{
	const char *s;

	if (i >= c->n_members)
		return;
	s = (const char *)c->members[i].session;
	__builtin_prefetch(s, 1);
	__builtin_prefetch(s + 64, 1);
}

static void fetch_transport(const struct channel *c, uint32_t i)
{
	if (i < c->n_members)
		__builtin_prefetch(c->members[i].session->transport);
}

static void event_to_channel(struct hub *h, struct channel *c, const struct parcel *p)
{
	struct session *excluded = NULL;
	struct message *m;
	bool shedding;

	presence_flush(c);
	m = frame_event(h, p);
	if (m == NULL) {
		for (uint32_t i = 0; i < c->n_members; i++)
			session_gap(c->members[i].session, c->lane, p->topic, GAP_OVERLOAD, 1);
		return;
	}
	m->lane = c->lane;
	m->policy = c->policy;
	shedding = shed(h, m);
	if (p->exclude.p != NULL)
		excluded = session_find(h, p->exclude);
	for (uint32_t i = 0; i < AHEAD; i++)
		fetch_session(c, i);
	for (uint32_t i = 0; i < c->n_members; i++) {
		fetch_session(c, i + AHEAD);
		fetch_transport(c, i + AHEAD / 2);
		if (c->members[i].session != excluded)
			deliver(c->members[i].session, m, shedding);
	}
	message_unref(m);
}

static void event_to_client(struct hub *h, struct slice name, const struct parcel *p)
{
	struct session *s = session_find(h, name);
	struct message *m;

	if (s == NULL || slice_eq(name, p->exclude))
		return;
	m = frame_event(h, p);
	if (m == NULL) {
		session_gap(s, LANE_HIGH, p->topic, GAP_OVERLOAD, 1);
		return;
	}
	m->lane = LANE_HIGH;
	m->policy = (uint8_t)h->config->queue_policy;
	deliver(s, m, shed(h, m));
	message_unref(m);
}

static void on_event(struct hub *h, const struct topic *t, const struct parcel *p)
{
	struct channel *c;
	uint64_t now;

	if (t->kind == TOPIC_CLIENT)
		event_to_client(h, t->name, p);
	else if ((c = channel_find(h, t->text)) != NULL)
		event_to_channel(h, c, p);
	if (p->born_us == 0)
		return;
	now = loop_wall_us(h->loop);
	histogram_add(&h->metrics->publish_queued_seconds, now > p->born_us ? now - p->born_us : 0);
}

void delivery_message(void *ctx, const struct parcel *p)
{
	struct hub *h = ctx;
	struct channel *c;
	struct topic t;

	if (topic_parse(p->topic, &t) != ERR_OK)
		return;
	h->metrics->messages_received++;
	quota_look(h);
	switch (p->kind) {
	case PARCEL_EVENT: on_event(h, &t, p); break;
	case PARCEL_PRESENCE:
		c = channel_find(h, p->topic);
		if (c != NULL)
			presence_change(c, p);
		break;
	case PARCEL_ACKED: session_confirmed(h, t.name, p); break;
	case PARCEL_CALL:
	case PARCEL_REPLY:
	case PARCEL_KINDS: break; /* between tiers: none comes up here */
	}
}

static void gap_one(struct map_node *n, void *ctx)
{
	struct session *s = container_of(n, struct session, node);

	session_gap(s, LANE_NORMAL, slice_of("*"), *(enum gap_reason *)ctx, 0);
}

void delivery_gap_all(struct hub *h, enum gap_reason why)
{
	map_each(&h->sessions, gap_one, &why);
}
