#include "tools/bench/crowd.h"

#include "broker-common/json.h"
#include "tools/bench/clock.h"
#include "tools/bench/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HANDSHAKES_AT_ONCE 128 /* keeps a server's accept queue short and its core busy */
#define FAILED_MAX 100
#define COMPLAINTS_MAX 5
#define PORTS_PER_ADDRESS 20000 /* Linux has some 28 000 for one address */
#define FINISH_NS (2 * NS_PER_SECOND)

const struct dialect dialect_roomcast = {
	.join_head = "{\"type\":\"join\",\"id\":1,\"room\":\"bench.",
	.join_tail = "\"}",
	.join_tail_presence = "\",\"presence\":true}",
	.publish_head = "{\"type\":\"publish\",\"topic\":\"room:bench.",
	.publish_middle = "\",\"event_type\":\"m\",\"payload\":\"",
	.publish_tail = "\"}",
};

const struct dialect dialect_floor = {
	.join_head = "+",
	.join_tail = "",
	.join_tail_presence = "",
	.publish_head = "",
	.publish_middle = " ",
	.publish_tail = "",
};

/* ---- what happens to one client ---- */

static void say(struct client *c, const char *what, struct slice detail)
{
	struct crowd *crowd = c->crowd;

	if (crowd->complaints++ < COMPLAINTS_MAX)
		complain("%s: connection %u to %s: %s%s%.*s", crowd->plan.label, c->index,
		         c->conn.to->authority, what, detail.n > 0 ? ": " : "",
		         (int)(detail.n < 200 ? detail.n : 200), detail.n > 0 ? detail.p : "");
	else if (crowd->complaints == COMPLAINTS_MAX + 1)
		complain("%s: … and more of this kind", crowd->plan.label);
}

static void fail(struct client *c, const char *what, struct slice detail)
{
	say(c, what, detail);
	conn_drop(&c->conn);
	c->state = CLIENT_GONE;
	c->crowd->failed++;
	c->crowd->settled++;
}

static void get_ready(struct client *c)
{
	c->state = CLIENT_READY;
	c->crowd->ready++;
	c->crowd->open++;
	c->crowd->settled++;
}

static void join(struct client *c)
{
	const struct crowd_plan *plan = &c->crowd->plan;
	const struct dialect *d = plan->dialect;
	char text[128];
	size_t n = (size_t)snprintf(text, sizeof(text), "%s%u%s", d->join_head, c->room,
	                            plan->presence ? d->join_tail_presence : d->join_tail);

	memcpy(conn_put(&c->conn, n), text, n);
	conn_put_end(&c->conn, n);
	c->state = CLIENT_JOINING;
	conn_flush(&c->conn);
}

/* Whatever carries no stamp: the server speaks for itself. */
static void take_notice(struct client *c, struct slice text)
{
	struct slice type = { "", 0 }, key, value;
	size_t at = 0;

	if (json_check(text, &json_default_limits, NULL) != JSON_OBJECT) {
		c->crowd->errors++;
		say(c, "not a JSON object", text);
		return;
	}
	while (json_next_member(text, &at, &key, &value))
		if (slice_is(key, "type"))
			type = value;
	if (slice_is(type, "\"error\"")) {
		if (c->state != CLIENT_READY) {
			fail(c, "refused", text);
			return;
		}
		c->crowd->errors++;
		say(c, "error", text);
	} else if (slice_is(type, "\"gap\"")) {
		c->crowd->gaps++;
		say(c, "gap", text);
	} else if (slice_is(type, "\"reconnect\"")) {
		say(c, "sent away", text);
	} else if (slice_is(type, "\"event\"")) {
		c->crowd->strangers++; /* somebody else publishes to our rooms */
	} else if (slice_is(type, "\"welcome\"") && c->state == CLIENT_GREETED_NOT) {
		if (client_is_publisher(c))
			get_ready(c);
		else
			join(c);
	} else if (slice_is(type, "\"ack\"") && c->state == CLIENT_JOINING) {
		get_ready(c);
	}
}

static void on_opened(struct conn *conn)
{
	struct client *c = (struct client *)conn;

	c->state = CLIENT_GREETED_NOT;
}

static void on_message(struct conn *conn, const char *text, size_t n, size_t wire_bytes)
{
	struct client *c = (struct client *)conn;
	const char *found = NULL;
	struct stamp s;

	if (c->stamp_at + STAMP_BYTES <= n &&
	    memcmp(text + c->stamp_at, &c->crowd->mark, STAMP_MARK_BYTES) == 0)
		found = text + c->stamp_at;
	else
		found = memmem(text, n, &c->crowd->mark, STAMP_MARK_BYTES);
	if (found == NULL || (size_t)(text + n - found) < STAMP_BYTES) {
		take_notice(c, (struct slice){ text, n });
		return;
	}
	c->stamp_at = (uint32_t)(found - text);
	s = stamp_read(found);
	c->crowd->events.delivered(c->crowd->events.ctx, c, &s, wire_bytes);
}

static void on_closed(struct conn *conn, const char *why)
{
	struct client *c = (struct client *)conn;
	bool was_ready = c->state == CLIENT_READY;

	if (!was_ready) {
		fail(c, why == NULL ? "closed" : why, (struct slice){ NULL, 0 });
		return;
	}
	c->state = CLIENT_GONE;
	c->crowd->open--;
	if (why == NULL)
		return;
	say(c, why, (struct slice){ NULL, 0 });
	c->crowd->closed++;
	c->crowd->events.gone(c->crowd->events.ctx, c);
}

static const struct conn_events conn_events = { .opened = on_opened,
	                                        .message = on_message,
	                                        .closed = on_closed };

/* ---- all of them ---- */

static uint64_t new_mark(void)
{
	char text[STAMP_MARK_BYTES];
	uint64_t spelled = stamp_spell((uint32_t)now_ns() ^ (uint32_t)getpid() << 16), mark;

	memcpy(text, &spelled, sizeof(text));
	memcpy(text, "rcb", 3); /* recognisable in a dump; five letters are left to chance */
	memcpy(&mark, text, sizeof(text));
	return mark;
}

bool crowd_init(struct crowd *c, const struct crowd_plan *plan, const struct crowd_events *events)
{
	memset(c, 0, sizeof(*c));
	c->plan = *plan;
	c->events = *events;
	c->mark = new_mark();
	c->count = plan->subscribers + plan->publishers;
	c->client = calloc(c->count + 1, sizeof(*c->client));
	if (!net_init(&c->net, &conn_events, plan->trust) || c->client == NULL)
		return false;
	for (uint32_t i = 0; i < c->count; i++) {
		c->client[i].crowd = c;
		c->client[i].index = i;
		c->client[i].room = i % plan->rooms;
	}
	return true;
}

void crowd_fini(struct crowd *c)
{
	for (uint32_t i = 0; c->client != NULL && i < c->count; i++)
		conn_drop(&c->client[i].conn);
	free(c->client);
	c->client = NULL;
	net_fini(&c->net);
}

/* Round robin, shifted by one from room to room: so the members of each room meet all endpoints,
 * whatever the two numbers are. */
static const struct endpoint *endpoint_of(const struct crowd *c, uint32_t i)
{
	const struct endpoints *e = c->plan.endpoints;

	if (i >= c->plan.subscribers)
		return &e->at[(i - c->plan.subscribers) % e->count];
	return &e->at[(i % c->plan.rooms + i / c->plan.rooms) % e->count];
}

static void start(struct client *c)
{
	struct crowd *crowd = c->crowd;

	crowd->started++;
	c->deadline_ns = now_ns() + ns_of_seconds(crowd->plan.timeout_s);
	if (!conn_open(&c->conn, &crowd->net, endpoint_of(crowd, c->index),
	               c->index / PORTS_PER_ADDRESS))
		fail(c, link_why(), (struct slice){ NULL, 0 });
}

static const char *waiting_for(const struct client *c)
{
	if (c->state == CLIENT_JOINING)
		return "no ack of its join";
	if (c->state == CLIENT_GREETED_NOT)
		return "no welcome";
	return c->conn.state == CONN_UPGRADING ? "no answer to the WebSocket handshake"
					       : "no connection";
}

/* `oldest`: all before it are settled; they start in order, so deadlines come in order. */
static uint32_t expire(struct crowd *c, uint32_t oldest)
{
	uint64_t now = now_ns();

	for (; oldest < c->started; oldest++) {
		struct client *client = &c->client[oldest];
		char what[80];

		if (client->state == CLIENT_READY || client->state == CLIENT_GONE)
			continue;
		if (client->deadline_ns > now)
			break;
		snprintf(what, sizeof(what), "%s within %g s", waiting_for(client),
		         c->plan.timeout_s);
		fail(client, what, (struct slice){ NULL, 0 });
	}
	return oldest;
}

static bool may_start(const struct crowd *c, uint64_t since_ns)
{
	if (c->started == c->count || c->started - c->settled >= HANDSHAKES_AT_ONCE)
		return false;
	return c->plan.connect_rate <= 0 ||
		c->started <= seconds_of_ns(since_ns) * c->plan.connect_rate;
}

bool crowd_connect(struct crowd *c)
{
	uint64_t begin = now_ns();
	uint32_t oldest = 0;

	while (c->settled < c->count && c->failed < FAILED_MAX) {
		while (may_start(c, now_ns() - begin))
			start(&c->client[c->started]);
		net_turn(&c->net, c->plan.connect_rate > 0 ? 1 : 20);
		oldest = expire(c, oldest);
		if (progress_is_due(now_ns()))
			progress_show("%s: %u of %u connected", c->plan.label, c->ready, c->count);
	}
	return c->failed < FAILED_MAX && c->ready > 0;
}

void crowd_wait(struct crowd *c, uint64_t ns)
{
	uint64_t end = now_ns() + ns;

	for (uint64_t now = now_ns(); now < end; now = now_ns()) {
		net_turn(&c->net, end - now > 10 * NS_PER_MS ? 10 : 1);
		if (progress_is_due(now))
			progress_show("%s: %u connected, idle for another %.1f s", c->plan.label,
			              c->ready, seconds_of_ns(end - now));
	}
}

void crowd_finish(struct crowd *c)
{
	uint64_t end = now_ns() + FINISH_NS;

	for (uint32_t i = 0; i < c->count; i++) {
		if (i % HANDSHAKES_AT_ONCE == 0)
			net_turn(&c->net, 0);
		if (c->client[i].state == CLIENT_READY)
			conn_finish(&c->client[i].conn);
	}
	while (c->open > 0 && now_ns() < end)
		net_turn(&c->net, 10);
}
