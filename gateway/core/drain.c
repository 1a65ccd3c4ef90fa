/*
 * Draining: everybody is sent away, a few at a time, so that nobody's next gateway is stormed.
 */
#include "broker-common/log.h"
#include "gateway/core/session_core.h"

#include <assert.h>

#define TICK_MS 20
#define LEFT_OVER_MS 2500 /* after the spread: a transport cuts within 1 s; then we end anyway */

static void finish(struct hub *h)
{
	h->drain.finished = true;
	log_write(LOG_INFO, "drain.done", LOG_NUM("left", h->sessions.n), LOG_END);
	h->drain.done(h->drain.ctx);
}

static struct session *next_session(struct hub *h)
{
	struct list_node *n = list_first(&h->beat.fresh);

	if (n == NULL)
		n = list_first(&h->beat.pinged);
	return n == NULL ? NULL : container_of(n, struct session, beat);
}

/* They come back at different moments, too. */
static void send_away(struct session *s)
{
	session_send_reconnect(s, 100 + loop_random(s->hub->loop) % 900, "restart");
	session_close(s, CLOSE_RESTART);
}

/* As many as keep the pace; the fraction is decided by chance, which is the jitter. */
static uint64_t share(struct hub *h, uint64_t left_ms)
{
	uint64_t milli;

	if (left_ms <= TICK_MS)
		return h->sessions.n;
	milli = (uint64_t)h->sessions.n * 1000u * TICK_MS / left_ms;
	return milli / 1000u + (loop_random(h->loop) % 1000u < milli % 1000u);
}

static void tick(void *ctx)
{
	struct hub *h = ctx;
	struct drain *d = &h->drain;
	uint64_t now = loop_now_ms(h->loop);
	struct session *s;

	if (!d->refusing) { /* the grace is over */
		d->refusing = true;
		d->until_ms = now + (uint64_t)h->config->drain_ms;
		d->stop_accepting(d->ctx);
	}
	for (uint64_t n = share(h, d->until_ms > now ? d->until_ms - now : 0); n > 0; n--) {
		s = next_session(h);
		if (s == NULL)
			break;
		send_away(s);
	}
	if (h->sessions.n == 0 || now >= d->until_ms + LEFT_OVER_MS)
		finish(h);
	else
		timer_set(&d->timer, TICK_MS);
}

void drain_init(struct hub *h)
{
	timer_init(&h->drain.timer, h->loop, tick, h);
}

void drain_fini(struct hub *h)
{
	timer_stop(&h->drain.timer);
}

void hub_drain(struct hub *h, void (*stop_accepting)(void *ctx), void (*done)(void *ctx), void *ctx)
{
	struct drain *d = &h->drain;

	if (d->asked)
		return;
	d->asked = true;
	d->stop_accepting = stop_accepting;
	d->done = done;
	d->ctx = ctx;
	log_write(LOG_INFO, "drain.begins", LOG_NUM("connections", h->connections),
	          LOG_NUM("over_ms", h->config->drain_ms), LOG_END);
	timer_set(&d->timer, (uint64_t)h->config->drain_grace_ms);
}
