/*
 * What this gateway knows of itself and its clients, as the answers to other gateways' questions.
 */
#include "broker-common/json.h"
#include "broker-common/version.h"
#include "gateway/core/answers.h"
#include "gateway/core/ask.h"
#include "gateway/core/channel.h"
#include "gateway/core/inspect.h"
#include "gateway/core/session_core.h"

#include <stdlib.h>

#define CLIENT_TEXT_MAX 4096 /* bytes of one client in a list: no name in it is longer than 200 */

static void number(struct buf *b, const char *name, uint64_t value)
{
	buf_str(b, name);
	buf_u64(b, value);
}

static void text(struct buf *b, const char *name, struct slice value)
{
	buf_str(b, name);
	buf_json(b, value);
}

static uint64_t since(const struct hub *h, uint64_t then_ms)
{
	uint64_t now = loop_now_ms(h->loop);

	return now > then_ms ? now - then_ms : 0;
}

static uint64_t wall_ms(const struct hub *h)
{
	return loop_wall_us(h->loop) / 1000u;
}

/* --- a client --------------------------------------------------------------------------------------- */

static void write_queue(struct buf *b, const struct session *s)
{
	uint64_t oldest = queue_oldest_us(&s->queue), now = loop_wall_us(s->hub->loop);

	number(b, ",\"queue\":{\"messages\":", s->queue.messages);
	number(b, ",\"bytes\":", s->queue.bytes);
	number(b, ",\"control_messages\":", s->queue.control_messages);
	if (oldest != UINT64_MAX)
		number(b, ",\"oldest_ms\":", now > oldest ? (now - oldest) / 1000u : 0);
	buf_char(b, '}');
}

/* Without its last brace, so that more can be said. */
static void write_client(struct buf *b, const struct session *s)
{
	const struct hub *h = s->hub;

	text(b, "{\"client\":", session_id(s));
	if (s->user != NULL)
		text(b, ",\"user\":", (struct slice){ s->user, s->user_n });
	text(b, ",\"node\":", hub_node(h));
	text(b, ",\"address\":", (struct slice){ s->address->text, s->address->len });
	text(b, ",\"state\":", slice_of(session_state_name(s)));
	number(b, ",\"connected_ms\":", since(h, s->opened_ms));
	number(b, ",\"silent_ms\":", since(h, s->heard_ms));
	if (s->counts.round_trip_us != 0)
		number(b, ",\"round_trip_us\":", s->counts.round_trip_us);
	number(b, ",\"topics_count\":", s->n_seats);
	write_queue(b, s);
}

static void write_counters(struct buf *b, const struct session_counts *c)
{
	number(b, ",\"counters\":{\"frames_received\":", c->frames_received);
	number(b, ",\"messages_sent\":", c->messages_sent);
	number(b, ",\"bytes_sent\":", c->bytes_sent);
	number(b, ",\"messages_dropped\":", c->messages_dropped);
	number(b, ",\"errors\":", c->errors);
	number(b, ",\"rate_limited\":", c->rate_limited);
	buf_char(b, '}');
}

bool answer_client(struct hub *h, struct slice what, struct buf *reply)
{
	struct slice id;
	struct session *s;

	if (!ask_name(&what, &id) || !ask_ends(what))
		return false;
	s = session_find(h, id);
	if (s == NULL) {
		buf_str(reply, "{}");
		return true;
	}
	write_client(reply, s);
	write_counters(reply, &s->counts);
	buf_str(reply, ",\"topics\":[");
	for (uint32_t i = 0; i < s->n_seats; i++)
		text(reply, i == 0 ? "" : ",", channel_topic(s->seats[i].channel));
	buf_str(reply, "]}");
	return true;
}

/* --- pages of clients ------------------------------------------------------------------------------- */

/* The first `limit` ids behind `after`, of all that are offered: twice as many are kept, and the
 * greater half is thrown away whenever they are full. */
struct page {
	struct slice after;
	size_t limit, n;
	const struct session **at;
	uint64_t all, behind; /* offered; of these behind `after` */
	bool cut;             /* at[limit - 1] is known to be the greatest wanted */
};

static int by_id(const void *a, const void *b)
{
	const struct session *const *x = a, *const *y = b;

	return memcmp((*x)->id, (*y)->id, CLIENT_ID_LEN);
}

static void page_cut(struct page *p)
{
	if (p->n > 0)
		qsort(p->at, p->n, sizeof *p->at, by_id);
	if (p->n < p->limit)
		return;
	p->n = p->limit;
	p->cut = true;
}

static bool is_behind(struct slice id, struct slice after)
{
	int order = after.p == NULL ? 1 : memcmp(id.p, after.p, id.n < after.n ? id.n : after.n);

	return order > 0 || (order == 0 && id.n > after.n);
}

static void page_offer(struct page *p, const struct session *s)
{
	if (s->state == SESSION_DISCONNECTED)
		return; /* its topics are left when the loop turns */
	p->all++;
	if (!is_behind(session_id(s), p->after))
		return;
	p->behind++;
	if (p->cut && by_id(&s, &p->at[p->limit - 1]) > 0)
		return;
	p->at[p->n++] = s;
	if (p->n == 2 * p->limit)
		page_cut(p);
}

/* The limit and, perhaps, where the page begins. */
static bool page_init(struct page *p, struct slice what)
{
	struct slice word;
	int64_t limit;

	*p = (struct page){ .limit = 0 };
	if (!ask_name(&what, &word) || !json_int(word, &limit) || limit < 1 ||
	    limit > INSPECT_LIMIT_MAX)
		return false;
	if (!ask_ends(what) && (!ask_name(&what, &p->after) || !ask_ends(what)))
		return false;
	p->limit = (size_t)limit;
	p->at = malloc(2 * p->limit * sizeof *p->at);
	return p->at != NULL;
}

static bool is_seen(const struct channel *c, const struct session *s)
{
	const struct seat_ref *seat = channel_seat(c, s);

	return seat != NULL && c->members[seat->at].visible;
}

/* `room`: whose members they are, or NULL. Frees the page. */
static void page_write(struct page *p, const struct channel *room, struct buf *reply)
{
	size_t i;

	page_cut(p);
	number(reply, "{\"n\":", p->all);
	buf_str(reply, ",\"clients\":[");
	for (i = 0; i < p->n && reply->n < ASK_ANSWER_MAX - CLIENT_TEXT_MAX; i++) {
		if (i > 0)
			buf_char(reply, ',');
		write_client(reply, p->at[i]);
		if (room != NULL)
			buf_str(reply,
			        is_seen(room, p->at[i]) ? ",\"presence\":true"
			                                : ",\"presence\":false");
		buf_char(reply, '}');
	}
	buf_printf(reply, "],\"more\":%s}", p->behind > i ? "true" : "false");
	free(p->at);
}

static void offer_session(struct map_node *n, void *ctx)
{
	const struct session *s = container_of(n, const struct session, node);

	if (s->counted)
		page_offer(ctx, s);
}

bool answer_clients(struct hub *h, struct slice what, struct buf *reply)
{
	struct page p;

	if (!page_init(&p, what))
		return false;
	map_each(&h->sessions, offer_session, &p);
	page_write(&p, NULL, reply);
	return true;
}

static bool answer_members(struct hub *h, enum topic_kind kind, struct slice what,
                           struct buf *reply)
{
	char topic[TOPIC_MAX];
	struct channel *c;
	struct slice name;
	struct page p;

	if (!ask_name(&what, &name) || !page_init(&p, what))
		return false;
	c = channel_find(h, topic_make(kind, name, topic));
	for (uint32_t i = 0; c != NULL && i < c->n_members; i++)
		page_offer(&p, c->members[i].session);
	page_write(&p, kind == TOPIC_ROOM ? c : NULL, reply);
	return true;
}

bool answer_room(struct hub *h, struct slice what, struct buf *reply)
{
	return answer_members(h, TOPIC_ROOM, what, reply);
}

bool answer_user(struct hub *h, struct slice what, struct buf *reply)
{
	return answer_members(h, TOPIC_USER, what, reply);
}

/* --- the gateway ------------------------------------------------------------------------------------- */

bool answer_node(struct hub *h, struct slice what, struct buf *reply)
{
	const char *reason;
	bool ready = hub_ready(h, &reason);

	if (!ask_ends(what))
		return false;
	text(reply, "{\"node\":", hub_node(h));
	number(reply, ",\"connections\":", h->connections);
	text(reply, ",\"version\":", slice_of(ROOMCAST_VERSION));
	number(reply, ",\"uptime_s\":", since(h, h->opened_ms) / 1000u);
	text(reply, ",\"state\":", slice_of(hub_status_word(h, ready)));
	text(reply, ",\"reason\":", slice_of(reason));
	buf_printf(reply, ",\"ready\":%s", ready ? "true" : "false");
	number(reply, ",\"wall_ms\":", wall_ms(h));
	number(reply, ",\"queued_bytes\":", h->budget.used);
	number(reply, ",\"loop_lag_ms\":", hub_lag_ms(h, LAG_OPERATOR));
	text(reply, ",\"tier\":{\"name\":", slice_of(h->tier->ops->name));
	buf_printf(reply, ",\"up\":%s}}", h->link.up ? "true" : "false");
	return true;
}

static void write_counter(void *ctx, const char *name, uint64_t value)
{
	struct buf *b = ctx;

	if (b->n > 0 && b->p[b->n - 1] != '{')
		buf_char(b, ',');
	text(b, "", slice_of(name));
	number(b, ":", value);
}

bool answer_stats(struct hub *h, struct slice what, struct buf *reply)
{
	if (!ask_ends(what))
		return false;
	text(reply, "{\"node\":", hub_node(h));
	number(reply, ",\"connections\":", h->connections);
	number(reply, ",\"rooms_local\":", h->metrics->rooms);
	buf_str(reply, ",\"totals\":{");
	metrics_each_counter(h->metrics, write_counter, reply);
	buf_str(reply, "}}");
	return true;
}
