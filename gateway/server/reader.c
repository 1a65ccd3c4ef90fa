#include "gateway/server/reader.h"

#include "broker-common/utf8.h"

#include <stdlib.h>

enum opcode {
	OP_CONTINUATION = 0,
	OP_TEXT = 1,
	OP_BINARY = 2,
	OP_CLOSE = 8,
	OP_PING = 9,
	OP_PONG = 10,
};

#define CONTROL_MOST 125u

struct head {
	uint64_t n; /* bytes of payload */
	uint32_t size;
	uint8_t opcode;
	bool fin;
	uint8_t mask[4];
};

static void fail(struct reader *r, const struct reader_options *o, enum close_why why)
{
	if (r->mute)
		return;
	r->mute = true;
	o->events->broken(o->ctx, why);
}

/* --- heads -------------------------------------------------------------------------------------- */

enum parsed { HEAD_SHORT, HEAD_OK, HEAD_WRONG };

/* RFC 6455 section 5.2, as a server must see it. */
static enum parsed parse_head(const uint8_t *p, size_t n, struct head *h)
{
	uint32_t at = 2;

	if (n < 2)
		return HEAD_SHORT;
	h->fin = p[0] & 0x80;
	h->opcode = p[0] & 15;
	h->n = p[1] & 127;
	if ((p[0] & 0x70) || !(p[1] & 0x80))
		return HEAD_WRONG; /* reserved bits; not masked */
	if (h->opcode > OP_PONG || (h->opcode > OP_BINARY && h->opcode < OP_CLOSE))
		return HEAD_WRONG;
	if (h->opcode >= OP_CLOSE && (!h->fin || h->n > CONTROL_MOST))
		return HEAD_WRONG;
	if (h->n >= 126) {
		uint32_t wide = h->n == 126 ? 2 : 8;

		if (n < 2 + wide)
			return HEAD_SHORT;
		h->n = 0;
		for (; at < 2 + wide; at++)
			h->n = h->n << 8 | p[at];
		if (h->n < (wide == 2 ? 126u : 65536u) || h->n >> 63)
			return HEAD_WRONG; /* not the shortest form; the highest bit set */
	}
	if (n < at + 4)
		return HEAD_SHORT;
	memcpy(h->mask, p + at, 4);
	h->size = at + 4;
	return HEAD_OK;
}

/* --- unmasking ------------------------------------------------------------------------------------ */

/* Eight bytes at a time; `mask` is turned so that it fits what comes next. */
static void unmask(char *p, size_t n, uint8_t mask[4])
{
	uint64_t wide, word;
	uint8_t turned[4];
	size_t i = 0;

	memcpy(&wide, mask, 4);
	memcpy((char *)&wide + 4, mask, 4);
	for (; i + 8 <= n; i += 8) {
		memcpy(&word, p + i, 8);
		word ^= wide;
		memcpy(p + i, &word, 8);
	}
	for (; i < n; i++)
		p[i] ^= (char)mask[i & 3];
	for (size_t k = 0; k < 4; k++)
		turned[k] = mask[(n + k) & 3];
	memcpy(mask, turned, 4);
}

/* --- control frames -------------------------------------------------------------------------------- */

/* RFC 6455 section 7.4 and the registry that it began. */
static bool code_may_be_sent(int code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
		(code >= 3000 && code <= 4999);
}

static void take_close(struct reader *r, const struct reader_options *o, struct slice payload)
{
	const uint8_t *p = (const uint8_t *)payload.p;
	struct slice reason = { NULL, 0 };
	int code = 1005; /* none: section 7.1.5 */

	if (payload.n >= 2) {
		code = p[0] << 8 | p[1];
		reason = (struct slice){ payload.p + 2, payload.n - 2 };
	}
	if (payload.n == 1 || (payload.n >= 2 && !code_may_be_sent(code)))
		fail(r, o, CLOSE_PROTOCOL);
	else if (!utf8_is(reason))
		fail(r, o, CLOSE_NOT_UTF8);
	else {
		r->mute = r->done = true;
		o->events->closed(o->ctx, code, reason);
	}
}

static void take_control(struct reader *r, const struct reader_options *o, const struct head *h,
                         char *payload)
{
	struct slice s = { payload, (size_t)h->n };
	uint8_t mask[4];

	memcpy(mask, h->mask, 4);
	unmask(payload, s.n, mask);
	if (h->opcode == OP_CLOSE)
		take_close(r, o, s);
	else if (r->mute)
		return;
	else if (h->opcode == OP_PING)
		o->events->ping(o->ctx, s);
	else
		o->events->pong(o->ctx, s);
}

/* --- data frames ------------------------------------------------------------------------------------- */

static void drop_joined(struct reader *r, const struct reader_options *o)
{
	joiner_drop(o->joiner, r->joined, o->limits.budget);
	r->joined = NULL;
}

/* Keep a piece of a message that did not come whole. */
static void join(struct reader *r, const struct reader_options *o, const char *piece, size_t n)
{
	switch (joiner_add(o->joiner, &r->joined, &o->limits, piece, n, r->left)) {
	case ERR_OK: return;
	case ERR_TOO_BIG: fail(r, o, CLOSE_TOO_BIG); break;
	case ERR_OVERLOADED: fail(r, o, CLOSE_TRY_LATER); break;
	default: fail(r, o, CLOSE_INTERNAL); break;
	}
	drop_joined(r, o);
}

static void hand_over(struct reader *r, const struct reader_options *o)
{
	struct joined *whole = r->joined;

	r->joined = NULL;
	if (whole != NULL && !r->mute)
		o->events->message(o->ctx, whole->bytes, whole->n);
	joiner_drop(o->joiner, whole, o->limits.budget);
}

/* What is there of the frame under way; how much that is. */
static size_t take_piece(struct reader *r, const struct reader_options *o, char *p, size_t n)
{
	size_t piece = r->left < n ? (size_t)r->left : n;

	r->left -= piece;
	if (r->mute)
		return piece;
	unmask(p, piece, r->mask);
	if (r->last && r->left == 0 && r->joined == NULL && !r->in_message) {
		/* Whole, in place. Its size has been looked at with the head. */
		o->events->message(o->ctx, p, piece);
		return piece;
	}
	join(r, o, p, piece);
	if (r->left == 0 && r->last && !r->mute) {
		r->in_message = false;
		hand_over(r, o);
	}
	return piece;
}

static bool start_data(struct reader *r, const struct reader_options *o, const struct head *h)
{
	if (h->opcode == OP_BINARY)
		fail(r, o, CLOSE_BINARY);
	else if ((h->opcode == OP_CONTINUATION) != r->in_message)
		fail(r, o, CLOSE_PROTOCOL);
	else if (h->n > o->limits.message_most)
		fail(r, o, CLOSE_TOO_BIG);
	r->left = h->n;
	r->last = h->fin;
	memcpy(r->mask, h->mask, 4);
	if (!h->fin)
		r->in_message = true;
	return !r->mute;
}

/* --- all of it ----------------------------------------------------------------------------------------- */

size_t reader_tail(struct reader *r, char *out)
{
	size_t n = r->tail_n;

	if (n == 0)
		return 0;
	memcpy(out, r->tail, n);
	free(r->tail);
	r->tail = NULL;
	r->tail_n = 0;
	return n;
}

/* A head, or a control frame, that has not come whole: a handful of bytes. */
static void keep_tail(struct reader *r, const struct reader_options *o, const char *p, size_t n)
{
	r->tail = malloc(n);
	if (r->tail == NULL) {
		fail(r, o, CLOSE_INTERNAL);
		return;
	}
	memcpy(r->tail, p, n);
	r->tail_n = (uint8_t)n;
}

/* One frame, or what is there of it; 0: it has to wait for more. */
static size_t take_frame(struct reader *r, const struct reader_options *o, char *p, size_t n)
{
	struct head h;

	if (r->left > 0)
		return take_piece(r, o, p, n);
	switch (parse_head((const uint8_t *)p, n, &h)) {
	case HEAD_SHORT: return 0;
	case HEAD_WRONG:
		fail(r, o, CLOSE_PROTOCOL);
		return n; /* where the next begins is unknown */
	case HEAD_OK: break;
	}
	if (h.opcode >= OP_CLOSE) {
		if (n < h.size + h.n)
			return 0;
		take_control(r, o, &h, p + h.size);
		return h.size + (size_t)h.n;
	}
	start_data(r, o, &h);
	return h.size + take_piece(r, o, p + h.size, n - h.size);
}

void reader_feed(struct reader *r, const struct reader_options *o, char *bytes, size_t n)
{
	size_t at = 0, used;

	while (at < n && !r->done) {
		used = take_frame(r, o, bytes + at, n - at);
		if (used == 0) {
			keep_tail(r, o, bytes + at, n - at);
			return;
		}
		at += used;
	}
}

void reader_fini(struct reader *r, const struct reader_options *o)
{
	drop_joined(r, o);
	free(r->tail);
	r->tail = NULL;
	r->tail_n = 0;
	r->mute = true;
}
