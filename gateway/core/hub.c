#include "gateway/core/hub.h"

#include "broker-common/log.h"
#include "broker-common/version.h"
#include "gateway/core/channel.h"
#include "gateway/core/delivery.h"
#include "gateway/core/presence.h"
#include "gateway/core/quota.h"
#include "gateway/core/session_core.h"

#include <assert.h>
#include <stdlib.h>

static struct slice address_key(const struct map_node *n)
{
	const struct address *a = container_of(n, const struct address, node);

	return (struct slice){ a->text, a->len };
}

static void on_link(void *ctx, bool up, bool lost, const char *reason)
{
	struct hub *h = ctx;

	h->tier_up = up;
	h->metrics->tier_up = up;
	log_write(up ? LOG_INFO : LOG_WARN, "tier.link", LOG_TEXT("state", up ? "up" : "down"),
	          LOG_TEXT("reason", reason), LOG_END);
	if (lost)
		delivery_gap_all(h, GAP_TIER);
}

/* Nothing is asked of other nodes yet. */
static void on_call(void *ctx, struct slice request, struct buf *reply)
{
	(void)ctx, (void)request;
	envelope_error_object(reply, ERR_NOT_SUPPORTED, NULL);
}

static const struct tier_events events = {
	.message = delivery_message,
	.link = on_link,
	.call = on_call,
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
	h->dispatch = o->dispatch;
	h->opened_ms = loop_now_ms(h->loop);
	map_init(&h->sessions, session_key);
	map_init(&h->channels, channel_key);
	map_init(&h->addresses, address_key);
	list_init(&h->ending);
	list_init(&h->requests);
	list_init(&h->ups);
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
	hub_forget_publishes(h);
	map_each(&h->channels, forget_channel, NULL);
	map_fini(&h->channels);
	map_fini(&h->sessions);
	map_fini(&h->addresses);
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

bool hub_ready(const struct hub *h, const char **reason)
{
	*reason = "ready";
	if (h->drain.asked)
		*reason = "draining";
	else if (!h->tier_up)
		*reason = "tier down";
	else if (h->overload == OVERLOAD_OVERLOADED)
		*reason = "overloaded";
	else if (h->connections >= (uint64_t)h->config->max_connections)
		*reason = "full";
	else
		return true;
	return false;
}

void hub_status(struct hub *h, struct buf *out)
{
	static const char *const overload[] = { "normal", "pressured", "overloaded" };
	const char *reason;
	bool ready = hub_ready(h, &reason);

	hub_measure(h);
	buf_printf(out,
	           "{\"status\":\"%s\",\"reason\":\"%s\",\"node\":\"%.*s\",\"version\":\"%s\","
	           "\"uptime_s\":%llu,\"connections\":%u,\"max_connections\":%lld,"
	           "\"tier\":{\"name\":\"%s\",\"up\":%s},\"overload\":\"%s\","
	           "\"queued_bytes\":%llu,\"memory_limit\":%llu}",
	           ready                    ? "ok"
	                   : h->drain.asked ? "draining"
	                                    : "degraded",
	           reason, NODE_ID_LEN, h->node, ROOMCAST_VERSION,
	           (unsigned long long)(loop_now_ms(h->loop) - h->opened_ms) / 1000u,
	           h->connections, (long long)h->config->max_connections, h->tier->ops->name,
	           h->tier_up ? "true" : "false", overload[h->overload],
	           (unsigned long long)h->budget.used, (unsigned long long)h->memory_limit);
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
	h->metrics->connections = h->connections;
	h->metrics->queued_bytes = h->budget.used;
	h->metrics->draining = h->drain.asked;
	h->metrics->loop_lag_milliseconds = loop_lag_ms(h->loop);
}
