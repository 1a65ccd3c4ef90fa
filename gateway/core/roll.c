#include "gateway/core/roll.h"

#include "gateway/core/shape.h"

#include <stdlib.h>

static const struct shape queue_shape[] = {
	{ "messages", JSON_NUMBER, false, NULL },
	{ "bytes", JSON_NUMBER, false, NULL },
	{ "control_messages", JSON_NUMBER, false, NULL },
	{ "oldest_ms", JSON_NUMBER, true, NULL },
	{ NULL, JSON_INVALID, false, NULL },
};

static const struct shape client_shape[] = {
	{ "client", JSON_STRING, false, NULL },       { "user", JSON_STRING, true, NULL },
	{ "node", JSON_STRING, false, NULL },         { "address", JSON_STRING, false, NULL },
	{ "state", JSON_STRING, false, NULL },        { "connected_ms", JSON_NUMBER, false, NULL },
	{ "silent_ms", JSON_NUMBER, false, NULL },    { "round_trip_us", JSON_NUMBER, true, NULL },
	{ "topics_count", JSON_NUMBER, false, NULL }, { "queue", JSON_OBJECT, false, queue_shape },
	{ "presence", JSON_TRUE, true, NULL },        { NULL, JSON_INVALID, false, NULL },
};

static const struct shape page_shape[] = {
	{ "n", JSON_NUMBER, false, NULL },
	{ "clients", JSON_ARRAY, false, NULL },
	{ "more", JSON_TRUE, false, NULL },
	{ NULL, JSON_INVALID, false, NULL },
};

static int by_bytes(struct slice a, struct slice b)
{
	int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static int by_id(const void *a, const void *b)
{
	return by_bytes(((const struct roll_entry *)a)->id, ((const struct roll_entry *)b)->id);
}

bool roll_is_client(const struct source *s, struct slice client)
{
	struct slice node = { s->node, NODE_ID_LEN }, id;

	if (json_type_of(client) != JSON_OBJECT || !shape_fits(client, client_shape))
		return false;
	id = shape_text(client, "client");
	return topic_name_ok(id) && slice_starts(id, node) &&
		slice_eq(shape_text(client, "node"), node);
}

/* Its clients, one behind the other, at most as many as were asked for; how many. -1: absurd. */
static long check_page(const struct inquiry *q, const struct source *s, struct slice clients)
{
	struct slice last = q->after, client, id;
	size_t at = 0, n = 0;

	for (; json_next_element(clients, &at, &client); n++) {
		if (n == q->limit || !roll_is_client(s, client))
			return -1;
		id = shape_text(client, "client");
		if (last.p != NULL && by_bytes(last, id) >= 0)
			return -1;
		last = id;
	}
	return (long)n;
}

static bool reserve(struct roll *r, size_t more)
{
	struct roll_entry *e = realloc(r->entries, (r->n + more + 1) * sizeof *e);

	if (e == NULL)
		return false;
	r->entries = e;
	return true;
}

/* What a gateway left out ends the page: behind it we do not know who comes next. */
static void end_at(struct slice *end, const struct roll *r)
{
	struct slice last = r->entries[r->n - 1].id;

	if (end->p == NULL || by_bytes(last, *end) < 0)
		*end = last;
}

static bool read_source(struct roll *r, struct inquiry *q, struct source *s, struct slice *end)
{
	struct slice clients, client;
	size_t at = 0;
	long n = -1;

	if (shape_fits(s->answer, page_shape)) {
		clients = shape_value(s->answer, "clients");
		n = check_page(q, s, clients);
	}
	if (n < 0) {
		inquiry_refuse(s);
		return true;
	}
	r->all += shape_number(s->answer, "n");
	if (!reserve(r, (size_t)n))
		return false;
	while (json_next_element(clients, &at, &client))
		r->entries[r->n++] = (struct roll_entry){ shape_text(client, "client"), client };
	if (n > 0 && json_type_of(shape_value(s->answer, "more")) == JSON_TRUE)
		end_at(end, r);
	return true;
}

bool roll_read(struct roll *r, struct inquiry *q)
{
	struct slice end = { NULL, 0 };
	size_t n;

	*r = (struct roll){ NULL, 0, 0, false };
	for (size_t i = 0; i < q->n_sources; i++)
		if (q->sources[i].answer.p != NULL && !read_source(r, q, &q->sources[i], &end))
			return false;
	if (r->n > 0)
		qsort(r->entries, r->n, sizeof *r->entries, by_id);
	n = r->n;
	while (end.p != NULL && by_bytes(r->entries[n - 1].id, end) > 0)
		n--;
	if (n > q->limit)
		n = q->limit;
	r->more = n < r->n || end.p != NULL;
	r->n = n;
	return true;
}

void roll_fini(struct roll *r)
{
	free(r->entries);
}
