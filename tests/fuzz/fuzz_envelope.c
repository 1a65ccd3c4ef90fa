/*
 * Any bytes as a frame: decoding them twice gives the same, what comes out lies inside of what
 * went in, the payload is as it was, and what is built from it is JSON.
 */
#include "broker-common/envelope.h"
#include "broker-common/json.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	struct frame frame;
	char *text;
	size_t n;
	enum err e;
	char scratch[128];
	const char *detail;
};

static const struct json_limits frame_limits = { .depth = 33, .keys = 1024 };

static void decode(struct run *r, const uint8_t *data, size_t size, bool publish)
{
	r->text = malloc(size == 0 ? 1 : size);
	assert(r->text != NULL);
	if (size != 0)
		memcpy(r->text, data, size);
	r->n = size;
	if (publish)
		r->e = envelope_decode_publish(r->text, size, &r->frame, r->scratch, &r->detail);
	else
		r->e = envelope_decode(r->text, size, &r->frame, r->scratch, &r->detail);
}

/* Both are not there, or both are the same bytes at the same place inside of their text. */
static void same(const struct run *a, struct slice x, const struct run *b, struct slice y)
{
	assert((x.p == NULL) == (y.p == NULL) && x.n == y.n);
	if (x.p == NULL)
		return;
	assert(x.p >= a->text && x.p + x.n <= a->text + a->n);
	assert(x.p - a->text == y.p - b->text);
	assert(slice_eq(x, y));
}

static void compare(const struct run *a, const struct run *b)
{
	const struct frame *f = &a->frame, *g = &b->frame;

	assert(a->e == b->e && f->verb == g->verb && f->n_names == g->n_names);
	assert((a->detail == NULL) == (b->detail == NULL));
	assert(a->detail == NULL || strcmp(a->detail, b->detail) == 0);
	assert(f->n_names <= ENVELOPE_NAMES_MAX);
	for (uint32_t i = 0; i < f->n_names; i++) {
		same(a, f->names[i], b, g->names[i]);
		assert(memchr(f->names[i].p, '\0', f->names[i].n) == NULL);
	}
	same(a, f->id, b, g->id);
	same(a, f->info, b, g->info);
	same(a, f->topic.text, b, g->topic.text);
	same(a, f->topic.name, b, g->topic.name);
	same(a, f->event_type, b, g->event_type);
	same(a, f->payload, b, g->payload);
	same(a, f->key, b, g->key);
	same(a, f->token, b, g->token);
}

/* What is said of a wrong frame is printable, and the frame that says it is JSON. */
static void answer(const struct run *r, struct buf *b)
{
	for (const char *p = r->detail; p != NULL && *p != '\0'; p++)
		assert(*p >= ' ' && *p <= '~');
	buf_reset(b);
	envelope_error(b, r->frame.id, r->e, r->detail);
	assert(json_check(buf_view(b), &frame_limits, NULL) == JSON_OBJECT);
}

static void deliver(const struct run *r, const uint8_t *data, struct buf *b)
{
	const struct frame *f = &r->frame;
	struct parcel p = { .kind = PARCEL_EVENT,
		            .topic = f->topic.text,
		            .event_type = f->event_type,
		            .payload = f->payload,
		            .id = f->key };
	size_t at;

	assert(memcmp(f->payload.p, data + (f->payload.p - r->text), f->payload.n) == 0);
	buf_reset(b);
	envelope_event(b, &p, &at);
	assert(json_check(buf_view(b), &frame_limits, NULL) == JSON_OBJECT);
	assert(memcmp(b->p + at, f->topic.text.p, f->topic.text.n) == 0);
	assert(memcmp(b->p + b->n - 1 - f->payload.n, f->payload.p, f->payload.n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run a, b;
	static struct buf built;

	for (int publish = 0; publish < 2; publish++) {
		decode(&a, data, size, publish);
		decode(&b, data, size, publish);
		compare(&a, &b);
		if (a.e != ERR_OK)
			answer(&a, &built);
		else if (a.frame.verb == VERB_publish)
			deliver(&a, data, &built);
		free(a.text);
		free(b.text);
	}
	return 0;
}
