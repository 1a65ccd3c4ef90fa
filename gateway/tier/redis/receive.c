/*
 * The way down: what came on a channel is checked and handed up. What is broken is counted and
 * dropped; the log names the cause, once a minute at most for each.
 */
#include "broker-common/log.h"
#include "broker-common/topic.h"
#include "gateway/tier/redis/redis.h"

#define LOG_AGAIN_MS 60000

static void broken(struct server *s, struct slice topic, const char *why)
{
	struct redis_tier *t = s->t;
	uint64_t now = loop_now_ms(t->loop);

	t->metrics->tier_parcels_broken++;
	if (t->broken_why == why && now < t->broken_ms + LOG_AGAIN_MS)
		return;
	t->broken_why = why;
	t->broken_ms = now;
	log_write(LOG_WARN, "tier.parcel_broken", LOG_SLICE("channel", topic),
	          LOG_TEXT("reason", why), LOG_END);
}

static bool is_own_client(const struct redis_tier *t, struct slice topic)
{
	return topic.n > 7 + NODE_ID_LEN && slice_starts(topic, slice_of("client:")) &&
		memcmp(topic.p + 7, t->node, NODE_ID_LEN) == 0;
}

static void to_node(struct server *s, struct slice topic, struct parcel *p)
{
	struct redis_tier *t = s->t;

	switch (p->kind) {
	case PARCEL_CALL: calls_asked(t, p); return;
	case PARCEL_REPLY: calls_answered(t, p); return;
	case PARCEL_EVENT:
	case PARCEL_ACKED:
		if (is_own_client(t, p->topic)) {
			t->ev->message(t->ctx, p);
			return;
		}
		break;
	case PARCEL_PRESENCE:
	case PARCEL_KINDS: break;
	}
	broken(s, topic, "not for this node");
}

static void to_topic(struct server *s, struct slice topic, struct parcel *p)
{
	if (!slice_eq(p->topic, topic))
		broken(s, topic, "another topic than its channel's");
	else if (p->kind != PARCEL_EVENT && p->kind != PARCEL_PRESENCE)
		broken(s, topic, "only a node's channel carries that kind");
	else
		s->t->ev->message(s->t->ctx, p);
}

void redis_receive(struct server *s, struct slice topic, char *bytes, size_t n)
{
	struct parcel p;
	const char *why = "";

	s->t->metrics->tier_parcels_received++;
	if (parcel_decode(bytes, n, &p, &why) != ERR_OK) {
		broken(s, topic, why);
		return;
	}
	if (p.kind == PARCEL_EVENT && p.ts_ms == 0) /* a backend's own, which carries no time */
		p.ts_ms = (int64_t)(loop_wall_us(s->t->loop) / 1000u);
	if (slice_is(topic, s->t->node_topic))
		to_node(s, topic, &p);
	else
		to_topic(s, topic, &p);
}
