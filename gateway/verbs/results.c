#include "gateway/verbs/results.h"

#include <stdlib.h>

struct results {
	struct request request;
	struct buf text; /* of the answer so far */
	struct slice *names;
	uint32_t n_names, next;
	uint32_t pending; /* items under way, and one until results_close() */
	uint32_t written;
	bool one;    /* the result stands in the ack itself */
	bool failed; /* the one item was refused, and the client told */
};

static void results_fini(struct request *request)
{
	struct results *r = container_of(request, struct results, request);

	buf_fini(&r->text);
	free(r->names);
}

struct results *results_new(const struct verb_call *v)
{
	const struct frame *f = v->frame;
	size_t bytes = f->n_names * sizeof(struct slice);
	struct results *r;
	char *text;

	for (uint32_t i = 0; i < f->n_names; i++)
		bytes += f->names[i].n;
	r = request_new(v->session, sizeof *r, f->id);
	if (r == NULL)
		return NULL;
	r->names = malloc(bytes + 1);
	if (r->names == NULL) {
		request_end(&r->request);
		return NULL;
	}
	text = (char *)(r->names + f->n_names);
	for (uint32_t i = 0; i < f->n_names; i++) {
		r->names[i] = (struct slice){ text, f->names[i].n };
		memcpy(text, f->names[i].p, f->names[i].n);
		text += f->names[i].n;
	}
	r->n_names = f->n_names;
	r->request.fini = results_fini;
	r->one = f->one_name;
	r->pending = 1;
	buf_init(&r->text);
	client_barrier(v->session, true);
	if (!r->one)
		client_hold(v->session, true);
	return r;
}

struct slice results_name(const struct results *r, uint32_t item)
{
	return r->names[item];
}

static bool named_before(const struct results *r, uint32_t item)
{
	if (r->names[item].n > TOPIC_NAME_MAX)
		return false; /* no name: refused each time, and not worth comparing */
	for (uint32_t i = 0; i < item; i++)
		if (slice_eq(r->names[i], r->names[item]))
			return true;
	return false;
}

bool results_next(struct results *r, uint32_t *item)
{
	while (r->next < r->n_names) {
		*item = r->next++;
		if (named_before(r, *item))
			continue;
		r->pending++;
		if (topic_name_ok(r->names[*item]))
			return true;
		results_settle(r, *item, ERR_BAD_TOPIC, NULL);
	}
	return false;
}

/* "members":[…],"count":…,"users":…,"rev":… without braces. */
static void write_room(struct buf *b, const struct tier_room *room)
{
	if (!room->counts_only) {
		buf_str(b, "\"members\":[");
		for (size_t i = 0; i < room->n_members; i++) {
			if (i > 0)
				buf_char(b, ',');
			envelope_member(b, &room->members[i]);
		}
		buf_str(b, "],");
	}
	buf_printf(b, "\"count\":%llu,\"users\":%llu,\"rev\":%llu", (unsigned long long)room->count,
	           (unsigned long long)room->users, (unsigned long long)room->rev);
}

static void write_item(struct results *r, uint32_t item, enum err e, const struct tier_room *room)
{
	struct buf *b = &r->text;

	if (r->written++ > 0)
		buf_char(b, ',');
	buf_json(b, r->names[item]);
	buf_str(b, ":{");
	if (e != ERR_OK) {
		buf_str(b, "\"error\":");
		envelope_error_object(b, e, NULL);
		client_count_error(r->request.session, e);
	} else if (room != NULL) {
		write_room(b, room);
	}
	buf_char(b, '}');
}

static void answer(struct results *r)
{
	struct session *s = r->request.session;
	struct buf *b;

	if (!r->failed && r->request.id.p != NULL) {
		b = client_text(s);
		buf_str(b, "{\"type\":\"ack\",\"id\":");
		buf_slice(b, r->request.id);
		if (r->one && r->text.n > 0)
			buf_char(b, ',');
		else if (!r->one)
			buf_str(b, ",\"results\":{");
		buf_slice(b, buf_view(&r->text));
		b->failed |= r->text.failed;
		buf_str(b, r->one ? "}" : "}}");
		client_send(s, b);
	}
}

static void put(struct results *r)
{
	struct session *s = r->request.session;

	if (--r->pending > 0)
		return;
	answer(r);
	if (!r->one)
		client_hold(s, false);
	client_barrier(s, false);
	request_end(&r->request);
}

void results_settle(struct results *r, uint32_t item, enum err e, const struct tier_room *room)
{
	struct session *s = r->request.session;

	if (e != ERR_OK && (r->one || r->request.id.p == NULL)) {
		client_error(s, r->request.id, e, NULL);
		r->failed = r->one;
	} else if (r->one && room != NULL) {
		write_room(&r->text, room);
	} else if (!r->one && r->request.id.p != NULL) {
		write_item(r, item, e, room);
	}
	put(r);
}

void results_close(struct results *r)
{
	put(r);
}
