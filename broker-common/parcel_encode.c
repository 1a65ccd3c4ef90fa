/*
 * Parcels to bytes: once for each message that is published, so room is made once and all that
 * follows are plain stores.
 */
#include "broker-common/parcel.h"
#include "broker-common/parcel_wire.h"
#include "broker-common/topic.h"

#include <assert.h>

static inline char *put_u32(char *to, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		to[i] = (char)(v >> 8 * i & 0xff);
	return to + 4;
}

static inline char *put_u64(char *to, uint64_t v)
{
	for (int i = 0; i < NUMBER_BYTES; i++)
		to[i] = (char)(v >> 8 * i & 0xff);
	return to + NUMBER_BYTES;
}

static inline char *put_bytes(char *to, struct slice s)
{
	if (s.n != 0)
		memcpy(to, s.p, s.n);
	return to + s.n;
}

static inline char *put_head(char *to, enum tag tag, size_t n)
{
	*to++ = (char)tag;
	return put_u32(to, (uint32_t)n);
}

static inline char *put_slice(char *to, enum tag tag, struct slice s)
{
	return s.p == NULL ? to : put_bytes(put_head(to, tag, s.n), s);
}

static inline char *put_byte(char *to, enum tag tag, uint8_t v)
{
	to = put_head(to, tag, 1);
	*to++ = (char)v;
	return to;
}

/* 0 is the same as not there. */
static inline char *put_number(char *to, enum tag tag, uint64_t v)
{
	return v == 0 ? to : put_u64(put_head(to, tag, NUMBER_BYTES), v);
}

static size_t member_size(const struct member *m)
{
	return 2 + m->client.n + m->user.n + m->info.n;
}

static char *put_member(char *to, const struct member *m)
{
	assert(m->client.n <= TOPIC_NAME_MAX && m->user.n <= TOPIC_NAME_MAX);
	*to++ = (char)m->client.n;
	to = put_bytes(to, m->client);
	*to++ = (char)m->user.n;
	to = put_bytes(to, m->user);
	return put_bytes(to, m->info);
}

void parcel_encode_member(struct buf *b, const struct member *m)
{
	if (!buf_reserve(b, member_size(m)))
		return;
	put_member(b->p + b->n, m);
	b->n += member_size(m);
}

static char *put_event(char *to, const struct parcel *p)
{
	to = put_slice(to, TAG_EVENT_TYPE, p->event_type);
	to = put_slice(to, TAG_PAYLOAD, p->payload);
	to = put_slice(to, TAG_EXCLUDE, p->exclude);
	to = put_number(to, TAG_TS_MS, (uint64_t)p->ts_ms);
	to = put_number(to, TAG_BORN_US, p->born_us);
	return put_byte(to, TAG_DROP, (uint8_t)p->drop);
}

static char *put_presence(char *to, const struct parcel *p)
{
	unsigned int flags = (p->joined ? FLAG_JOINED : 0u) | (p->user_edge ? FLAG_USER_EDGE : 0u) |
		(p->counts_only ? FLAG_COUNTS_ONLY : 0u);

	if (p->member.client.p != NULL) {
		to = put_head(to, TAG_MEMBER, member_size(&p->member));
		to = put_member(to, &p->member);
	}
	to = put_byte(to, TAG_FLAGS, (uint8_t)flags);
	to = put_number(to, TAG_REV, p->rev);
	to = put_number(to, TAG_COUNT, p->count);
	return put_number(to, TAG_USERS, p->users);
}

static char *put_call(char *to, const struct parcel *p)
{
	to = put_slice(to, TAG_NODE, p->node);
	to = put_u64(put_head(to, TAG_NUMBER, NUMBER_BYTES), p->number); /* 0 is one like others */
	if (p->error != ERR_OK)
		to = put_number(to, TAG_ERROR, (uint64_t)err_number(p->error));
	return put_slice(to, TAG_BODY, p->body);
}

void parcel_encode(struct buf *b, const struct parcel *p)
{
	size_t most = HEAD_BYTES + TAGS * (PART_HEAD_BYTES + NUMBER_BYTES) + p->topic.n +
		p->event_type.n + p->payload.n + p->from.client.n + p->from.user.n + p->exclude.n +
		p->id.n + member_size(&p->member) + p->node.n + p->body.n;
	char *start, *to;

	assert(p->kind < PARCEL_KINDS);
	if (!buf_reserve(b, most))
		return;
	start = b->p + b->n;
	to = put_byte(start + HEAD_BYTES, TAG_KIND, (uint8_t)p->kind);
	to = put_slice(to, TAG_TOPIC, p->topic);
	to = put_slice(to, TAG_CLIENT, p->from.client);
	to = put_slice(to, TAG_USER, p->from.user);
	to = put_slice(to, TAG_ID, p->id);
	if (p->kind == PARCEL_EVENT)
		to = put_event(to, p);
	else if (p->kind == PARCEL_PRESENCE)
		to = put_presence(to, p);
	else if (p->kind != PARCEL_ACKED)
		to = put_call(to, p);
	memcpy(start, PARCEL_MAGIC, 2);
	start[2] = PARCEL_MAJOR;
	start[3] = 0; /* minor */
	put_u32(start + 4, (uint32_t)(to - start - HEAD_BYTES));
	b->n = (size_t)(to - b->p);
}
