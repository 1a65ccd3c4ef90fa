/*
 * Heartbeat: one FIFO by last activity for those not pinged since, one for those who were.
 *
 * Both are in the order of the last byte heard, so only their heads are ever looked at: no
 * timer per client, O(1) for each byte and each ping.
 */
#include "gateway/core/quota.h"
#include "gateway/core/session_core.h"

static struct session *head(struct list *l)
{
	struct list_node *n = list_first(l);

	return n == NULL ? NULL : container_of(n, struct session, beat);
}

static uint64_t silence(const struct session *s, uint64_t now)
{
	return now > s->heard_ms ? now - s->heard_ms : 0;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* How long until `limit` of silence; at least 1 ms, so that rounding makes no busy loop. */
static uint64_t time_left(const struct session *s, uint64_t limit, uint64_t now)
{
	return limit > silence(s, now) ? limit - silence(s, now) : 1;
}

/* Look again when the first of the heads is due, and often enough for a client that comes meanwhile. */
static void rearm(struct hub *h, uint64_t now)
{
	const struct config *c = h->config;
	uint64_t ping = (uint64_t)c->ping_interval_ms;
	uint64_t delay = lesser(1000, (uint64_t)c->handshake_timeout_ms);
	struct session *s = head(&h->beat.fresh);

	if (ping > 0)
		delay = lesser(delay, s == NULL ? ping : time_left(s, ping, now));
	s = head(&h->beat.pinged);
	if (s != NULL)
		delay = lesser(delay, time_left(s, (uint64_t)c->client_timeout_ms, now));
	timer_set(&h->beat.timer, delay);
}

/* A promised hello that did not come, or a tier that does not answer: nobody is left waiting. */
static void close_late_handshakes(struct hub *h, uint64_t now)
{
	uint64_t limit = (uint64_t)h->config->handshake_timeout_ms;
	struct list_node *n;

	while ((n = list_first(&h->greeting)) != NULL) {
		struct session *s = container_of(n, struct session, phase);

		if (now - s->opened_ms < limit)
			return;
		h->metrics->connections_refused[REFUSED_TIMEOUT]++;
		if (s->hello_due)
			session_close(s, CLOSE_UNAUTHENTICATED);
		else
			session_refuse(s, "tier");
	}
}

/* Who asks and does not read the answers. */
static void close_jammed(struct hub *h, uint64_t now)
{
	struct list_node *n;

	while ((n = list_first(&h->jammed)) != NULL) {
		struct session *s = container_of(n, struct session, phase);

		if (silence(s, now) < (uint64_t)h->config->control_timeout_ms)
			return;
		session_close(s, CLOSE_TOO_SLOW);
	}
}

static void beat(void *ctx)
{
	struct hub *h = ctx;
	uint64_t now = loop_now_ms(h->loop);
	uint64_t ping = (uint64_t)h->config->ping_interval_ms;
	uint64_t timeout = (uint64_t)h->config->client_timeout_ms;
	struct session *s;

	quota_look(h);
	close_late_handshakes(h, now);
	close_jammed(h, now);
	while (ping > 0 && (s = head(&h->beat.pinged)) != NULL && silence(s, now) >= timeout)
		session_close(s, CLOSE_HEARTBEAT);
	while (ping > 0 && (s = head(&h->beat.fresh)) != NULL && silence(s, now) >= ping) {
		list_remove(&s->beat);
		list_push(&h->beat.pinged, &s->beat);
		h->metrics->pings_sent++;
		s->ops->ping(s->transport);
	}
	rearm(h, now);
}

void heartbeat_init(struct hub *h)
{
	list_init(&h->beat.fresh);
	list_init(&h->beat.pinged);
	list_init(&h->greeting);
	list_init(&h->jammed);
	timer_init(&h->beat.timer, h->loop, beat, h);
	rearm(h, loop_now_ms(h->loop));
}

void heartbeat_fini(struct hub *h)
{
	timer_stop(&h->beat.timer);
}

void heartbeat_add(struct session *s)
{
	s->heard_ms = s->opened_ms = loop_now_ms(s->hub->loop);
	list_push(&s->hub->beat.fresh, &s->beat);
	list_push(&s->hub->greeting, &s->phase);
}

void heartbeat_heard(struct session *s)
{
	s->heard_ms = loop_now_ms(s->hub->loop);
	if (!list_has(&s->beat))
		return; /* closing */
	list_remove(&s->beat);
	list_push(&s->hub->beat.fresh, &s->beat);
}

void session_alive(struct session *s)
{
	heartbeat_heard(s);
}

void session_pong(struct session *s, uint64_t round_trip_us)
{
	histogram_add(&s->hub->metrics->ping_round_trip_seconds, round_trip_us);
	s->counts.round_trip_us = round_trip_us == 0 ? 1
		: round_trip_us < UINT32_MAX         ? (uint32_t)round_trip_us
						     : UINT32_MAX;
}
