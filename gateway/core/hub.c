#include "gateway/core/hub.h"

#include "broker-common/log.h"
#include "broker-common/version.h"
#include "gateway/core/ask.h"
#include "gateway/core/channel.h"
#include "gateway/core/delivery.h"
#include "gateway/core/inquiry.h"
#include "gateway/core/presence.h"
#include "gateway/core/quota.h"
#include "gateway/core/rooms.h"
#include "gateway/core/session_core.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static struct slice address_key(const struct map_node *n)
{
	const struct address *a = container_of(n, const struct address, node);

	return (struct slice){ a->text, a->len };
}

/* The reason comes from outside: it is cut where it is too long. */
static void keep_reason(struct link *l, const char *reason)
{
	static const char *const heads[] = { "tier not reached yet", "tier down" };
	const char *head = heads[l->been_up];

	snprintf(l->why, sizeof l->why, "%s%s%s", head, *reason == '\0' ? "" : ": ", reason);
	l->reason = l->why + strlen(head) + (*reason == '\0' ? 0 : 2);
}

static void on_link(void *ctx, bool up, bool lost, const char *reason)
{
	struct hub *h = ctx;
	struct link *l = &h->link;
	bool news = up != l->up || !lost;

	if (l->up && !up)
		l->down_since_ms = loop_now_ms(h->loop);
	l->up = up;
	l->been_up |= up;
	keep_reason(l, reason);
	h->metrics->tier_up = up;
	if (news)
		log_write(up ? LOG_INFO : LOG_WARN, "tier.link",
		          LOG_TEXT("state", up ? "up" : "down"), LOG_TEXT("reason", reason),
		          LOG_END);
	if (lost)
		delivery_gap_all(h, GAP_TIER);
}

static void on_trouble(void *ctx, const char *what)
{
	struct hub *h = ctx;

	snprintf(h->link.trouble, sizeof h->link.trouble, "%s", what == NULL ? "" : what);
	log_write(what == NULL ? LOG_INFO : LOG_WARN, "tier.trouble",
	          LOG_TEXT("what", what == NULL ? "none" : what), LOG_END);
}

static void on_unfit(void *ctx, const char *reason)
{
	struct hub *h = ctx;

	log_write(LOG_ERROR, "tier.unfit", LOG_TEXT("reason", reason), LOG_END);
	if (h->unfit != NULL)
		h->unfit(h->unfit_ctx);
}

static const struct tier_events events = {
	.message = delivery_message,
	.link = on_link,
	.call = ask_answer,
	.unfit = on_unfit,
	.trouble = on_trouble,
};

static void draw_node_id(struct hub *h)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint64_t chance = loop_random(h->loop);

	for (int i = 0; i < NODE_ID_LEN; i++, chance >>= 5)
		h->node[i] = digits[chance & 31];
}

struct hub *hub_open(const struct hub_options *o)
{
	struct hub *h = calloc(1, sizeof *h);
	struct tier_options t = {
		.loop = o->loop, .config = o->config, .metrics = o->metrics, .medium = o->medium
	};

	if (h == NULL)
		return NULL;
	h->loop = o->loop;
	h->config = o->config;
	h->metrics = o->metrics;
	h->keys = o->keys;
	h->dispatch = o->dispatch;
	h->unfit = o->unfit;
	h->unfit_ctx = o->unfit_ctx;
	h->drain_asked = o->drain;
	h->drain_ctx = o->drain_ctx;
	h->opened_ms = h->link.down_since_ms = loop_now_ms(h->loop);
	keep_reason(&h->link, "");
	map_init(&h->sessions, session_key);
	map_init(&h->channels, channel_key);
	map_init(&h->addresses, address_key);
	rooms_init(h);
	list_init(&h->ending);
	list_init(&h->requests);
	list_init(&h->ups);
	list_init(&h->asked);
	list_init(&h->inquiries);
	list_init(&h->batches);
	h->end = (struct deferred){ .run = session_end_all, .ctx = h };
	timer_init(&h->batch_timer, h->loop, presence_due, h);
	buf_init(&h->text);
	quota_configure(h);
	draw_node_id(h);
	t.node = hub_node(h);
	h->tier = o->tier->open(&t, &events, h);
	if (h->tier == NULL) {
		log_write(LOG_ERROR, "tier.open_failed", LOG_TEXT("tier", o->tier->name), LOG_END);
		free(h);
		return NULL;
	}
	heartbeat_init(h);
	drain_init(h);
	return h;
}

struct slice hub_node(const struct hub *h)
{
	return (struct slice){ h->node, NODE_ID_LEN };
}

/* Requests whose answers will not come any more give their sessions and channels back. */
static void forget_requests(struct hub *h)
{
	struct list_node *n;

	while ((n = list_first(&h->requests)) != NULL)
		request_end(container_of(n, struct request, node));
}

static void forget_channel(struct map_node *n, void *ctx)
{
	struct channel *c = container_of(n, struct channel, node);

	(void)ctx;
	assert(c->n_members == 0);
	list_init(&c->waiting);
	c->refs = 1;
	channel_put(c);
}

void hub_close(struct hub *h)
{
	if (h == NULL)
		return;
	assert(h->sessions.n == 0);
	h->closing = true;
	heartbeat_fini(h);
	drain_fini(h);
	timer_stop(&h->batch_timer);
	deferred_cancel(&h->end);
	session_end_all(h);
	h->tier->ops->close(h->tier);
	forget_requests(h);
	ask_forget(h);
	inquiry_forget(h);
	hub_forget_publishes(h);
	map_each(&h->channels, forget_channel, NULL);
	map_fini(&h->channels);
	map_fini(&h->sessions);
	map_fini(&h->addresses);
	rooms_fini(h);
	buf_fini(&h->text);
	assert(h->budget.used == 0);
	free(h);
}

static void reconfigure_channel(struct map_node *n, void *ctx)
{
	(void)ctx;
	channel_configure(container_of(n, struct channel, node));
}

void hub_reconfigure(struct hub *h)
{
	quota_configure(h);
	map_each(&h->channels, reconfigure_channel, NULL);
}

static uint64_t down_for_ms(const struct hub *h)
{
	return h->link.up ? 0 : loop_now_ms(h->loop) - h->link.down_since_ms;
}

/* A moment without the tier is no reason to send this gateway's clients elsewhere: the others may
 * have lost it too. */
static bool tier_missed(const struct hub *h)
{
	return !h->link.been_up || down_for_ms(h) >= (uint64_t)h->config->degraded_ready_ms;
}

bool hub_ready(const struct hub *h, const char **reason)
{
	*reason = !h->link.up                ? h->link.why
		: h->link.trouble[0] != '\0' ? h->link.trouble
					     : "ready";
	if (h->drain.asked)
		*reason = "draining";
	else if (!h->link.up && tier_missed(h))
		return false;
	else if (h->overload == OVERLOAD_OVERLOADED)
		*reason = "overloaded";
	else if (h->connections >= (uint64_t)h->config->max_connections)
		*reason = "full";
	else
		return true;
	return false;
}

const char *hub_status_word(const struct hub *h, bool ready)
{
	if (h->drain.asked)
		return "draining";
	return ready && h->link.up && h->link.trouble[0] == '\0' ? "ok" : "degraded";
}

static void write_link(const struct hub *h, struct buf *out)
{
	buf_printf(out, "\"tier\":{\"name\":\"%s\",\"up\":%s,\"reason\":", h->tier->ops->name,
	           h->link.up ? "true" : "false");
	buf_json(out, slice_of(h->link.trouble[0] != '\0' ? h->link.trouble : h->link.reason));
	buf_printf(out, ",\"down_ms\":%llu}", (unsigned long long)down_for_ms(h));
}

void hub_status(struct hub *h, struct buf *out)
{
	static const char *const overload[] = { "normal", "pressured", "overloaded" };
	const char *reason;
	bool ready = hub_ready(h, &reason);

	hub_measure(h);
	buf_printf(out, "{\"status\":\"%s\",\"reason\":", hub_status_word(h, ready));
	buf_json(out, slice_of(reason));
	buf_printf(out,
	           ",\"node\":\"%.*s\",\"version\":\"%s\",\"uptime_s\":%llu,\"connections\":%u,"
	           "\"max_connections\":%lld,",
	           NODE_ID_LEN, h->node, ROOMCAST_VERSION,
	           (unsigned long long)(loop_now_ms(h->loop) - h->opened_ms) / 1000u,
	           h->connections, (long long)h->config->max_connections);
	write_link(h, out);
	buf_printf(out, ",\"overload\":\"%s\",\"queued_bytes\":%llu,\"memory_limit\":%llu}",
	           overload[h->overload], (unsigned long long)h->budget.used,
	           (unsigned long long)h->memory_limit);
}

uint64_t hub_lag_ms(struct hub *h, enum lag_reader reader)
{
	uint64_t lag = loop_lag_ms(h->loop);

	for (int i = 0; i < LAG_READERS; i++)
		if (lag > h->lag_ms[i])
			h->lag_ms[i] = lag;
	lag = h->lag_ms[reader];
	h->lag_ms[reader] = 0;
	return lag;
}

static void measure_queue(struct map_node *n, void *ctx)
{
	const struct session *s = container_of(n, const struct session, node);
	struct metrics *m = ctx;

	m->queued_messages += s->queue.messages;
	if (s->queue.messages > m->queue_longest)
		m->queue_longest = s->queue.messages;
}

void hub_measure(struct hub *h)
{
	h->metrics->queued_messages = h->metrics->queue_longest = 0;
	map_each(&h->sessions, measure_queue, h->metrics);
	quota_look(h);
	if (h->tier->ops->measure != NULL)
		h->tier->ops->measure(h->tier);
	h->metrics->connections = h->connections;
	h->metrics->max_connections = (uint64_t)h->config->max_connections;
	h->metrics->queued_bytes = h->budget.used;
	h->metrics->draining = h->drain.asked;
	h->metrics->loop_lag_seconds = hub_lag_ms(h, LAG_METRICS);
}
