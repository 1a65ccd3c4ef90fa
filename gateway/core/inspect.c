#include "gateway/core/inspect.h"

#include "gateway/core/inquiry.h"
#include "gateway/core/roll.h"
#include "gateway/core/shape.h"

#include <assert.h>
#include <stdlib.h>

static const struct slice none = { NULL, 0 };

/* The question, its names and its limit. */
static void ask_for(struct inquiry *q, const char *question, struct slice name)
{
	buf_str(&q->question, question);
	if (name.p != NULL) {
		buf_char(&q->question, ' ');
		buf_slice(&q->question, name);
	}
}

static void ask_for_page(struct inquiry *q, const char *question, struct slice name)
{
	ask_for(q, question, name);
	buf_char(&q->question, ' ');
	buf_u64(&q->question, q->limit);
	if (q->after.p != NULL) {
		buf_char(&q->question, ' ');
		buf_slice(&q->question, q->after);
	}
}

/* What a call ends with, when nothing may have been started. */
static enum err started(struct inquiry *q, enum err e)
{
	if (e != ERR_OK)
		inquiry_free(q);
	return e;
}

static enum err all_started(struct inquiry *q, void (*finish)(struct inquiry *q))
{
	return started(q, inquiry_ask_all(q, finish));
}

static void number(struct buf *b, const char *name, uint64_t value)
{
	buf_str(b, name);
	buf_u64(b, value);
}

/* --- clients ------------------------------------------------------------------------------------------- */

/* One who is in a room and says something of itself. */
struct known_member {
	struct slice client, info; /* in inquiry.infos */
};

static int by_client(const void *a, const void *b)
{
	const struct slice x = ((const struct known_member *)a)->client;
	const struct slice y = ((const struct known_member *)b)->client;
	int order = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);

	return order != 0 ? order : (x.n > y.n) - (x.n < y.n);
}

static struct slice info_of(const struct inquiry *q, struct slice client)
{
	const struct known_member key = { client, { NULL, 0 } };
	const struct known_member *m = q->n_members == 0
		? NULL
		: bsearch(&key, q->members, q->n_members, sizeof key, by_client);

	return m == NULL ? none : m->info;
}

static void write_roll(struct inquiry *q, const struct roll *r)
{
	buf_str(&q->out, "\"clients\":[");
	for (size_t i = 0; i < r->n; i++) {
		struct slice client = r->entries[i].client, info = info_of(q, r->entries[i].id);

		if (i > 0)
			buf_char(&q->out, ',');
		if (info.p != NULL) {
			buf_add(&q->out, client.p, client.n - 1); /* its brace comes behind */
			buf_str(&q->out, ",\"info\":");
			buf_slice(&q->out, info);
			client = slice_of("}");
		}
		buf_slice(&q->out, client);
	}
	buf_char(&q->out, ']');
	if (r->more && r->n > 0) {
		buf_str(&q->out, ",\"next\":");
		buf_json(&q->out, r->entries[r->n - 1].id);
	}
}

/* The list that ends all of these answers. */
static void end_with_roll(struct inquiry *q, const struct roll *r)
{
	write_roll(q, r);
	inquiry_write_unanswered(q);
	buf_char(&q->out, '}');
	inquiry_end(q, ERR_OK);
}

static void finish_clients(struct inquiry *q)
{
	struct roll r;

	if (!roll_read(&r, q)) {
		inquiry_end(q, ERR_INTERNAL);
	} else if (q->name.p != NULL && q->sources->e == ERR_GONE) {
		inquiry_end(q, ERR_GONE);
	} else {
		buf_char(&q->out, '{');
		end_with_roll(q, &r);
	}
	roll_fini(&r);
}

enum err inspect_clients(struct hub *h, struct slice node, struct slice after, size_t limit,
                         inspect_done *done, void *ctx)
{
	enum err e;
	struct inquiry *q;

	assert(limit >= 1 && limit <= INSPECT_LIMIT_MAX);
	if (node.p != NULL && node.n != NODE_ID_LEN)
		return ERR_GONE;
	q = inquiry_new(h, node, none, after, done, ctx, &e);
	if (q == NULL)
		return e;
	q->limit = limit;
	ask_for_page(q, "clients", none);
	if (node.p != NULL)
		return started(q, inquiry_ask(q, node, finish_clients));
	return all_started(q, finish_clients);
}

static void finish_user(struct inquiry *q)
{
	struct roll r;

	if (!roll_read(&r, q)) {
		inquiry_end(q, ERR_INTERNAL);
	} else if (r.all == 0 && !inquiry_has_unanswered(q)) {
		inquiry_end(q, ERR_GONE);
	} else {
		buf_str(&q->out, "{\"user\":");
		buf_json(&q->out, q->name);
		number(&q->out, ",\"connections\":", r.all);
		buf_char(&q->out, ',');
		r.more = false; /* there are no pages of these */
		end_with_roll(q, &r);
	}
	roll_fini(&r);
}

enum err inspect_user(struct hub *h, struct slice user, inspect_done *done, void *ctx)
{
	enum err e;
	struct inquiry *q = inquiry_new(h, user, none, none, done, ctx, &e);

	if (q == NULL)
		return e;
	q->limit = INSPECT_LIMIT_MAX;
	ask_for_page(q, "user", user);
	return all_started(q, finish_user);
}

static const struct shape details_shape[] = {
	{ "topics", JSON_ARRAY, false, NULL },
	{ "counters", JSON_OBJECT, false, NULL },
	{ NULL, JSON_INVALID, false, NULL },
};

static void finish_client(struct inquiry *q)
{
	struct source *s = q->sources;
	size_t at = 0;
	struct slice key, value;

	if (s->answer.p == NULL) {
		inquiry_end(q, s->e == ERR_GONE ? ERR_GONE : ERR_UNCERTAIN);
	} else if (!json_next_member(s->answer, &at, &key, &value)) {
		inquiry_end(q, ERR_GONE); /* {} */
	} else if (!roll_is_client(s, s->answer) || !shape_fits(s->answer, details_shape) ||
	           !slice_eq(shape_text(s->answer, "client"), q->name)) {
		inquiry_refuse(s);
		inquiry_end(q, ERR_UNCERTAIN);
	} else {
		buf_slice(&q->out, s->answer);
		inquiry_end(q, ERR_OK);
	}
}

enum err inspect_client(struct hub *h, struct slice id, inspect_done *done, void *ctx)
{
	enum err e;
	struct inquiry *q;

	if (id.n != CLIENT_ID_LEN)
		return ERR_GONE; /* no client has such an id */
	q = inquiry_new(h, id, none, none, done, ctx, &e);
	if (q == NULL)
		return e;
	ask_for(q, "client", id);
	return started(q, inquiry_ask(q, (struct slice){ id.p, NODE_ID_LEN }, finish_client));
}

/* --- a room ---------------------------------------------------------------------------------------------- */

static void finish_room(struct inquiry *q)
{
	const struct tier_room *room = &q->room;
	struct roll r;

	if (!roll_read(&r, q)) {
		inquiry_end(q, ERR_INTERNAL);
	} else {
		buf_str(&q->out, "{\"name\":");
		buf_json(&q->out, q->name);
		number(&q->out, ",\"members\":", room->connections);
		number(&q->out, ",\"visible\":", room->count);
		number(&q->out, ",\"users\":", room->users);
		number(&q->out, ",\"rev\":", room->rev);
		number(&q->out, ",\"gateways\":", room->gateways);
		buf_char(&q->out, ',');
		end_with_roll(q, &r);
	}
	roll_fini(&r);
}

/* What members say of themselves, kept until their gateways have told the rest. */
static bool keep_infos(struct inquiry *q, const struct tier_room *room)
{
	size_t at = 0;

	q->members = calloc(room->n_members + 1, sizeof *q->members);
	if (q->members == NULL)
		return false;
	for (size_t i = 0; i < room->n_members; i++) {
		const struct member *m = &room->members[i];

		if (m->info.n == 0)
			continue;
		q->members[q->n_members++] = (struct known_member){ m->client, m->info };
		buf_slice(&q->infos, m->client);
		buf_slice(&q->infos, m->info);
	}
	if (q->infos.failed)
		return false;
	for (size_t i = 0; i < q->n_members; i++) {
		struct known_member *m = &q->members[i];

		m->client.p = q->infos.p + at;
		m->info.p = m->client.p + m->client.n;
		at += m->client.n + m->info.n;
	}
	qsort(q->members, q->n_members, sizeof *q->members, by_client);
	return true;
}

static void on_room(void *ctx, enum err e, const struct tier_room *room)
{
	struct inquiry *q = ctx;

	if (e == ERR_OK && room->connections == 0)
		e = ERR_GONE;
	if (e == ERR_OK && !keep_infos(q, room))
		e = ERR_INTERNAL;
	if (e == ERR_OK) {
		q->room = *room;
		q->room.members = NULL;
		ask_for_page(q, "room", q->name);
		e = inquiry_ask_all(q, finish_room);
	}
	if (e != ERR_OK)
		inquiry_end(q, e);
}

enum err inspect_room(struct hub *h, struct slice room, struct slice after, size_t limit,
                      inspect_done *done, void *ctx)
{
	char text[TOPIC_MAX];
	enum err e;
	struct inquiry *q = inquiry_new(h, room, none, after, done, ctx, &e);

	assert(limit >= 1 && limit <= INSPECT_LIMIT_MAX);
	if (q == NULL)
		return e;
	q->limit = limit;
	return started(q,
	               h->tier->ops->room(h->tier, topic_make(TOPIC_ROOM, room, text),
	                                  INSPECT_LIMIT_MAX, on_room, q));
}

/* --- gateways --------------------------------------------------------------------------------------------- */

static const struct shape tier_shape[] = {
	{ "name", JSON_STRING, false, NULL },
	{ "up", JSON_TRUE, false, NULL },
	{ NULL, JSON_INVALID, false, NULL },
};

static const struct shape node_shape[] = {
	{ "node", JSON_STRING, false, NULL },         { "connections", JSON_NUMBER, false, NULL },
	{ "version", JSON_STRING, false, NULL },      { "uptime_s", JSON_NUMBER, false, NULL },
	{ "state", JSON_STRING, false, NULL },        { "reason", JSON_STRING, false, NULL },
	{ "ready", JSON_TRUE, false, NULL },          { "wall_ms", JSON_NUMBER, false, NULL },
	{ "queued_bytes", JSON_NUMBER, false, NULL }, { "loop_lag_ms", JSON_NUMBER, false, NULL },
	{ "tier", JSON_OBJECT, false, tier_shape },   { NULL, JSON_INVALID, false, NULL },
};

/* Of every gateway one answer of this shape, about itself. */
static void check_sources(struct inquiry *q, const struct shape *shape)
{
	for (size_t i = 0; i < q->n_sources; i++) {
		struct source *s = &q->sources[i];

		if (s->answer.p != NULL &&
		    (!shape_fits(s->answer, shape) ||
		     !slice_eq(shape_text(s->answer, "node"),
		               (struct slice){ s->node, NODE_ID_LEN })))
			inquiry_refuse(s);
	}
}

static void write_node(struct inquiry *q, const struct source *s)
{
	bool self = memcmp(s->node, q->hub->node, NODE_ID_LEN) == 0;
	struct slice key, value;
	size_t at = 0;

	buf_str(&q->out, "{\"node\":");
	buf_json(&q->out, (struct slice){ s->node, NODE_ID_LEN });
	buf_str(&q->out, self ? ",\"self\":true" : ",\"self\":false");
	while (json_next_member(s->answer, &at, &key, &value)) {
		if (json_text_is(key, "node") || json_text_is(key, "self"))
			continue;
		buf_str(&q->out, ",\"");
		buf_slice(&q->out, key);
		buf_str(&q->out, "\":");
		buf_slice(&q->out, value);
	}
	buf_char(&q->out, '}');
}

static void finish_nodes(struct inquiry *q)
{
	const char *before = "";

	check_sources(q, node_shape);
	buf_str(&q->out, "{\"nodes\":[");
	for (size_t i = 0; i < q->n_sources; i++) {
		if (q->sources[i].answer.p == NULL)
			continue;
		buf_str(&q->out, before);
		write_node(q, &q->sources[i]);
		before = ",";
	}
	buf_char(&q->out, ']');
	inquiry_write_unanswered(q);
	buf_char(&q->out, '}');
	inquiry_end(q, ERR_OK);
}

enum err inspect_nodes(struct hub *h, inspect_done *done, void *ctx)
{
	enum err e;
	struct inquiry *q = inquiry_new(h, none, none, none, done, ctx, &e);

	if (q == NULL)
		return e;
	ask_for(q, "node", none);
	return all_started(q, finish_nodes);
}

static const struct shape stats_shape[] = {
	{ "node", JSON_STRING, false, NULL },        { "connections", JSON_NUMBER, false, NULL },
	{ "rooms_local", JSON_NUMBER, false, NULL }, { "totals", JSON_OBJECT, false, NULL },
	{ NULL, JSON_INVALID, false, NULL },
};

/* A member of every answer, or of every answer's "totals". A gateway that does not count it has none. */
static uint64_t sum_of(const struct inquiry *q, const char *inside, const char *name)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < q->n_sources; i++) {
		struct slice object = q->sources[i].answer;

		if (object.p != NULL && inside != NULL)
			object = shape_value(object, inside);
		if (object.p != NULL)
			sum += shape_number(object, name) & PARCEL_NUMBER_MAX;
	}
	return sum;
}

static void write_total(void *ctx, const char *name, uint64_t value)
{
	struct inquiry *q = ctx;

	(void)value; /* ours is among the answers */
	buf_str(&q->out, q->n++ == 0 ? "\"" : ",\"");
	buf_str(&q->out, name);
	number(&q->out, "\":", sum_of(q, "totals", name));
}

static void finish_stats(struct inquiry *q)
{
	uint64_t answered = 0;

	check_sources(q, stats_shape);
	for (size_t i = 0; i < q->n_sources; i++)
		answered += q->sources[i].answer.p != NULL;
	number(&q->out, "{\"nodes\":", answered);
	number(&q->out, ",\"connections\":", sum_of(q, NULL, "connections"));
	number(&q->out, ",\"rooms_local\":", sum_of(q, NULL, "rooms_local"));
	buf_str(&q->out, ",\"totals\":{");
	metrics_each_counter(q->hub->metrics, write_total, q);
	buf_str(&q->out, "},\"per_node\":[");
	for (size_t i = 0, n = 0; i < q->n_sources; i++) {
		if (q->sources[i].answer.p == NULL)
			continue;
		if (n++ > 0)
			buf_char(&q->out, ',');
		buf_slice(&q->out, q->sources[i].answer);
	}
	number(&q->out, "],\"wall_ms\":", loop_wall_us(q->hub->loop) / 1000u);
	inquiry_write_unanswered(q);
	buf_char(&q->out, '}');
	inquiry_end(q, ERR_OK);
}

enum err inspect_stats(struct hub *h, inspect_done *done, void *ctx)
{
	enum err e;
	struct inquiry *q = inquiry_new(h, none, none, none, done, ctx, &e);

	if (q == NULL)
		return e;
	ask_for(q, "stats", none);
	return all_started(q, finish_stats);
}
