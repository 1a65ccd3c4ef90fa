#include "gateway/core/quota.h"

#include "broker-common/log.h"
#include "gateway/base/memory.h"
#include "gateway/core/login.h"
#include "gateway/core/session_core.h"

#include <assert.h>
#include <stdlib.h>

/* Percent of `memory_limit`: above `rise` a state begins, below `fall` it ends. */
static const struct {
	const char *name;
	uint64_t rise, fall;
} states[] = {
	[OVERLOAD_NORMAL] = { "normal", 0, 0 },
	[OVERLOAD_PRESSURED] = { "pressured", 70, 65 },
	[OVERLOAD_OVERLOADED] = { "overloaded", 90, 85 },
};

void quota_configure(struct hub *h)
{
	const struct config *c = h->config;

	h->limits = (struct queue_limits){
		.messages = (uint32_t)c->queue_messages,
		.bytes = (size_t)c->queue_bytes,
		.control_messages = (uint32_t)c->control_messages,
		.control_bytes = (size_t)c->control_bytes,
	};
	h->memory_limit = (uint64_t)c->memory_limit;
	if (h->memory_limit == 0)
		h->memory_limit = memory_available() / 2;
	h->metrics->memory_limit_bytes = h->memory_limit;
	quota_look(h);
}

static void shed(struct map_node *n, void *ctx)
{
	struct session *s = container_of(n, struct session, node);

	(void)ctx;
	session_dropped(s, DROPPED_OVERLOAD, queue_shed(&s->queue));
}

static enum overload measure(const struct hub *h)
{
	enum overload o = h->overload;
	uint64_t used = h->budget.used, limit = h->memory_limit;

	while (o < OVERLOAD_OVERLOADED && used > limit / 100 * states[o + 1].rise)
		o++;
	while (o > OVERLOAD_NORMAL && used < limit / 100 * states[o].fall)
		o--;
	return o;
}

void quota_look(struct hub *h)
{
	enum overload now;

	/* The usual case costs one comparison. */
	if (h->overload == OVERLOAD_NORMAL && h->budget.used < h->memory_limit / 2)
		return;
	now = measure(h);
	if (now == h->overload)
		return;
	if (h->overload == OVERLOAD_NORMAL)
		map_each(&h->sessions, shed, NULL);
	h->overload = now;
	h->metrics->overload_state = now;
	h->metrics->overload_transitions[now]++;
	log_write(now == OVERLOAD_NORMAL ? LOG_INFO : LOG_WARN, "overload.changed",
	          LOG_TEXT("state", states[now].name), LOG_TEXT("reason", "memory"),
	          LOG_NUM("queued_bytes", h->budget.used), LOG_NUM("limit", h->memory_limit),
	          LOG_END);
}

bool quota_takes(struct hub *h, enum drop_class drop)
{
	quota_look(h);
	return h->overload == OVERLOAD_NORMAL ||
		(h->overload == OVERLOAD_PRESSURED && drop != DROP_LOW);
}

/* --- errors and rate -------------------------------------------------------------------------- */

/* The counters of a client are of this minute. */
static void turn_minute(struct session *s)
{
	uint32_t minute = (uint32_t)(loop_now_ms(s->hub->loop) / 60000u);

	if (s->minute == minute)
		return;
	s->minute = minute;
	s->errors = s->limited = 0;
}

bool quota_error(struct session *s, enum err e)
{
	if (!err_in_budget(e))
		return false;
	turn_minute(s);
	return ++s->errors > (uint64_t)s->hub->config->max_errors;
}

/* A token's own rate has the burst that goes with it. */
static int64_t burst(const struct session *s)
{
	const struct config *c = s->hub->config;
	int64_t rate = login_max_rate(s);

	return c->rate_burst > 0 && rate == c->max_rate ? c->rate_burst : 2 * rate;
}

/* A token bucket; who goes on sending above it is closed after as many refusals in a minute as
 * its burst. */
bool client_rate(struct session *s, uint32_t cost)
{
	uint64_t now = loop_now_ms(s->hub->loop);
	int64_t most = burst(s) * 1000, since = (int64_t)(now - s->rate.at_ms);
	int64_t rate = login_max_rate(s);

	/* Long silence fills the bucket; no product that could overflow. */
	s->rate.milli = since > most / rate ? most : s->rate.milli + since * rate;
	if (s->rate.milli > most)
		s->rate.milli = most;
	s->rate.at_ms = now;
	if (s->rate.milli >= 1000) { /* a list is paid for afterwards */
		s->rate.milli -= (int64_t)cost * 1000;
		return true;
	}
	s->hub->metrics->rate_limited++;
	s->counts.rate_limited++;
	turn_minute(s);
	if (++s->limited > (uint64_t)burst(s))
		session_close(s, CLOSE_RATE_LIMIT);
	return false;
}

/* --- connections ------------------------------------------------------------------------------- */

static struct address *address_find(struct hub *h, struct slice text)
{
	struct map_node *n = map_find(&h->addresses, text);

	return n == NULL ? NULL : container_of(n, struct address, node);
}

enum admission session_admit(struct hub *h, struct slice address)
{
	const struct config *c = h->config;
	struct address *a;

	quota_look(h);
	if (h->drain.refusing)
		return ADMIT_DRAINING;
	if (!h->link.up)
		return ADMIT_TIER;
	if (h->overload == OVERLOAD_OVERLOADED)
		return ADMIT_OVERLOADED;
	if (h->connections >= (uint64_t)c->max_connections)
		return ADMIT_FULL;
	if (c->max_connections_per_address == 0)
		return ADMIT_OK;
	a = address_find(h, address);
	if (a != NULL && a->sessions >= (uint64_t)c->max_connections_per_address)
		return ADMIT_ADDRESS;
	return ADMIT_OK;
}

int admission_label(enum admission a)
{
	switch (a) {
	case ADMIT_ADDRESS: return REFUSED_ADDRESS;
	case ADMIT_OVERLOADED: return REFUSED_OVERLOADED;
	case ADMIT_DRAINING: return REFUSED_DRAINING;
	case ADMIT_TIER: return REFUSED_TIER;
	case ADMIT_OK:
	case ADMIT_FULL: break;
	}
	return REFUSED_FULL;
}

static struct address *address_get(struct hub *h, struct slice text)
{
	struct address *a = address_find(h, text);

	if (a == NULL) {
		a = calloc(1, sizeof *a + text.n);
		if (a == NULL)
			return NULL;
		a->len = (uint32_t)text.n;
		memcpy(a->text, text.p, text.n);
		if (!map_add(&h->addresses, &a->node)) {
			free(a);
			return NULL;
		}
	}
	a->refs++;
	return a;
}

bool quota_count(struct session *s, struct slice address)
{
	s->address = address_get(s->hub, address);
	if (s->address == NULL)
		return false;
	if (s->counted) {
		s->address->sessions++;
		s->hub->connections++;
	}
	return true;
}

void quota_drop(struct session *s)
{
	struct address *a = s->address;

	if (a == NULL)
		return;
	if (s->counted) {
		a->sessions--;
		s->hub->connections--;
	}
	s->address = NULL;
	if (--a->refs > 0)
		return;
	map_remove(&s->hub->addresses, &a->node);
	free(a);
}
