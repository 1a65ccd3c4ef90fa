#include "broker-common/envelope.h"

#include <assert.h>

static const char *const reasons[GAP_REASONS] = {
	[GAP_SLOW] = "slow",
	[GAP_TIER] = "tier",
	[GAP_OVERLOAD] = "overload",
};

/* ---- errors ---- */

static void add_error(struct buf *b, enum err e, const char *detail)
{
	buf_str(b, "\"code\":");
	buf_i64(b, err_number(e));
	buf_str(b, ",\"name\":\"");
	buf_str(b, err_name(e));
	buf_str(b, "\",\"message\":");
	buf_json(b, slice_of(detail == NULL ? err_sentence(e) : detail));
	buf_char(b, '}');
}

void envelope_error(struct buf *b, struct slice id, enum err e, const char *detail)
{
	buf_str(b, "{\"type\":\"error\",");
	if (id.p != NULL) {
		buf_str(b, "\"id\":");
		buf_slice(b, id);
		buf_char(b, ',');
	}
	add_error(b, e, detail);
}

void envelope_error_object(struct buf *b, enum err e, const char *detail)
{
	buf_char(b, '{');
	add_error(b, e, detail);
}

/* ---- gaps and members ---- */

void envelope_gap(struct buf *b, const struct slice *topics, size_t n, enum gap_reason why,
                  uint64_t count)
{
	assert(why < GAP_REASONS);
	buf_str(b, "{\"type\":\"gap\",\"topics\":");
	if (n == 0)
		buf_str(b, "\"*\"");
	for (size_t i = 0; i < n; i++) {
		buf_char(b, i == 0 ? '[' : ',');
		buf_json(b, topics[i]);
	}
	buf_str(b, n == 0 ? ",\"reason\":\"" : "],\"reason\":\"");
	buf_str(b, reasons[why]);
	buf_char(b, '"');
	if (count != 0) {
		buf_str(b, ",\"count\":");
		buf_u64(b, count);
	}
	buf_char(b, '}');
}

void envelope_member(struct buf *b, const struct member *m)
{
	buf_str(b, "{\"client\":");
	buf_json(b, m->client);
	if (m->user.p != NULL) {
		buf_str(b, ",\"user\":");
		buf_json(b, m->user);
	}
	if (m->info.p != NULL) {
		buf_str(b, ",\"info\":");
		buf_slice(b, m->info);
	}
	buf_char(b, '}');
}

/* ---- events ---- */

#define NUMBER_MAX 20 /* bytes of an int64_t in decimal */

static const char head[] = "{\"type\":\"event\",\"topic\":\"";
static const char type_head[] = "\",\"event_type\":\"";
static const char ts_head[] = "\",\"ts\":";
static const char from_head[] = ",\"from\":{\"client\":\"";
static const char user_head[] = "\",\"user\":\"";
static const char from_tail[] = "\"}";
static const char id_head[] = ",\"id\":";
static const char payload_head[] = ",\"payload\":";

static inline char *put(char *to, const char *p, size_t n)
{
	memcpy(to, p, n);
	return to + n;
}

static inline char *put_slice(char *to, struct slice s)
{
	return put(to, s.p, s.n);
}

static char *put_number(char *to, int64_t v)
{
	char digits[NUMBER_MAX], *p = digits + sizeof(digits);
	uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do
		*--p = (char)('0' + rest % 10);
	while ((rest /= 10) != 0);
	if (v < 0)
		*--p = '-';
	return put(to, p, (size_t)(digits + sizeof(digits) - p));
}

/* Once for each message that is published: room is made once, and nothing is escaped, as names
 * are checked and ids are names. */
void envelope_event(struct buf *b, const struct parcel *p, size_t *topic_at)
{
	size_t heads = sizeof(head) + sizeof(type_head) + sizeof(ts_head) + sizeof(from_head) +
		sizeof(user_head) + sizeof(from_tail) + sizeof(id_head) + sizeof(payload_head);
	char *to;

	*topic_at = sizeof(head) - 1;
	if (!buf_reserve(b,
	                 heads + NUMBER_MAX + p->topic.n + p->event_type.n + p->from.client.n +
	                         p->from.user.n + p->payload.n))
		return;
	to = put(b->p + b->n, head, sizeof(head) - 1);
	to = put_slice(to, p->topic);
	to = put(to, type_head, sizeof(type_head) - 1);
	to = put_slice(to, p->event_type);
	to = put(to, ts_head, sizeof(ts_head) - 1);
	to = put_number(to, p->ts_ms);
	if (p->from.client.p != NULL) {
		to = put(to, from_head, sizeof(from_head) - 1);
		to = put_slice(to, p->from.client);
		if (p->from.user.p != NULL) {
			to = put(to, user_head, sizeof(user_head) - 1);
			to = put_slice(to, p->from.user);
		}
		to = put(to, from_tail, sizeof(from_tail) - 1);
	}
	b->n = (size_t)(to - b->p);
	if (p->id.p != NULL) {
		buf_add(b, id_head, sizeof(id_head) - 1);
		buf_json(b, p->id);
	}
	buf_add(b, payload_head, sizeof(payload_head) - 1);
	buf_slice(b, p->payload);
	buf_char(b, '}');
}
