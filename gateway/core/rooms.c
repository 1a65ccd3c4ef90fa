#include "gateway/core/rooms.h"

#include "gateway/core/client.h"

#include <stdlib.h>

#define SWEEP_FIRST 64u /* rooms; then whenever twice as many are kept as the last sweep left */

struct room_rate {
	struct map_node node; /* of hub.room_rates, by topic */
	struct bucket bucket;
	int64_t rate; /* messages a second */
	uint32_t n;
	char topic[];
};

static struct slice rate_key(const struct map_node *n)
{
	const struct room_rate *r = container_of(n, const struct room_rate, node);

	return (struct slice){ r->topic, r->n };
}

void rooms_init(struct hub *h)
{
	map_init(&h->room_rates, rate_key);
	h->room_rates_sweep = SWEEP_FIRST;
}

static void forget(struct map_node *n, void *ctx)
{
	struct hub *h = ctx;

	map_remove(&h->room_rates, n);
	free(container_of(n, struct room_rate, node));
}

void rooms_fini(struct hub *h)
{
	map_each(&h->room_rates, forget, h);
	map_fini(&h->room_rates);
}

/* As many thousandths as have come since; at most twice the rate. */
static void fill(struct room_rate *r, uint64_t now)
{
	int64_t most = 2 * r->rate * 1000, since = (int64_t)(now - r->bucket.at_ms);

	r->bucket.milli = since > most / r->rate ? most : r->bucket.milli + since * r->rate;
	if (r->bucket.milli > most)
		r->bucket.milli = most;
	r->bucket.at_ms = now;
}

static void forget_silent(struct map_node *n, void *ctx)
{
	struct room_rate *r = container_of(n, struct room_rate, node);
	struct hub *h = ctx;

	fill(r, loop_now_ms(h->loop));
	if (r->bucket.milli == 2 * r->rate * 1000)
		forget(n, h);
}

static struct room_rate *rate_get(struct hub *h, struct slice topic, int64_t rate)
{
	struct map_node *n = map_find(&h->room_rates, topic);
	struct room_rate *r = n == NULL ? NULL : container_of(n, struct room_rate, node);

	if (r != NULL) {
		r->rate = rate; /* a reload may have changed it */
		return r;
	}
	if (h->room_rates.n >= h->room_rates_sweep) {
		map_each(&h->room_rates, forget_silent, h);
		h->room_rates_sweep = SWEEP_FIRST + 2 * h->room_rates.n;
	}
	r = malloc(sizeof *r + topic.n);
	if (r == NULL)
		return NULL;
	*r = (struct room_rate){ .bucket = { 2 * rate * 1000, loop_now_ms(h->loop) },
		                 .rate = rate,
		                 .n = (uint32_t)topic.n };
	memcpy(r->topic, topic.p, topic.n);
	if (map_add(&h->room_rates, &r->node))
		return r;
	free(r);
	return NULL;
}

enum err rooms_take(struct hub *h, const struct topic *t, size_t payload_n)
{
	struct room_policy p;
	struct room_rate *r;

	if (t->kind != TOPIC_ROOM || h->config->n_policies == 0)
		return ERR_OK;
	p = config_room_policy(h->config, t->name);
	if (p.publish_bytes > 0 && payload_n > (uint64_t)p.publish_bytes)
		return ERR_TOO_BIG;
	if (p.publish_rate == 0)
		return ERR_OK;
	r = rate_get(h, t->text, p.publish_rate);
	if (r == NULL)
		return ERR_INTERNAL;
	fill(r, loop_now_ms(h->loop));
	if (r->bucket.milli < 1000)
		return ERR_RATE_LIMITED;
	r->bucket.milli -= 1000;
	return ERR_OK;
}

enum err client_room_takes(struct session *s, const struct topic *t, size_t payload_n)
{
	enum err e = rooms_take(s->hub, t, payload_n);

	s->hub->metrics->rate_limited += e == ERR_RATE_LIMITED;
	return e;
}
