/*
 * Parcels from bytes: where the parts stand is noted, then the reader of the kind takes those that
 * it knows and checks them. Parts that only other kinds have are let pass like unknown ones.
 */
#include "broker-common/parcel.h"

#include "broker-common/envelope.h"
#include "broker-common/json.h"
#include "broker-common/parcel_wire.h"

/* ---- where the parts stand ---- */

struct parts {
	uint32_t seen;           /* a bit for each tag; what has none is not set in `part` */
	struct slice part[TAGS]; /* by tag */
};

/* Not as loops: so they become one load. */
static inline uint32_t get_u32(const char *from)
{
	const unsigned char *p = (const unsigned char *)from;

	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t get_u64(const char *from)
{
	return get_u32(from) | (uint64_t)get_u32(from + 4) << 32;
}

static const char *note_parts(struct parts *parts, const char *p, const char *end)
{
	parts->seen = 0;
	while (p < end) {
		uint8_t tag;
		size_t n;

		if (end - p < PART_HEAD_BYTES)
			return "length";
		tag = (uint8_t)*p;
		n = get_u32(p + 1);
		p += PART_HEAD_BYTES;
		if (n > (size_t)(end - p))
			return "length";
		if (tag > 0 && tag < TAGS) {
			if ((parts->seen & UINT32_C(1) << tag) != 0)
				return "a part twice";
			parts->seen |= UINT32_C(1) << tag;
			parts->part[tag] = (struct slice){ p, n };
		}
		p += n;
	}
	return NULL;
}

/* ---- taking them; false: it is there, and not as it must be ---- */

static inline struct slice take(const struct parts *parts, enum tag tag)
{
	if ((parts->seen & UINT32_C(1) << tag) == 0)
		return (struct slice){ NULL, 0 };
	return parts->part[tag];
}

static bool take_byte(const struct parts *parts, enum tag tag, uint8_t *out)
{
	struct slice s = take(parts, tag);

	if (s.p != NULL && s.n != 1)
		return false;
	*out = s.p == NULL ? 0 : (uint8_t)*s.p;
	return true;
}

static bool take_number(const struct parts *parts, enum tag tag, uint64_t most, uint64_t *out)
{
	struct slice s = take(parts, tag);

	if (s.p != NULL && s.n != NUMBER_BYTES)
		return false;
	*out = s.p == NULL ? 0 : get_u64(s.p);
	return *out <= most;
}

static bool take_name(const struct parts *parts, enum tag tag, struct slice *out)
{
	*out = take(parts, tag);
	return out->p == NULL || topic_name_ok(*out);
}

/* It goes into frames as it stands. */
static bool take_id(const struct parts *parts, struct slice *out)
{
	*out = take(parts, TAG_ID);
	if (out->p == NULL)
		return true;
	if (out->n == 0 || out->n > ENVELOPE_ID_MAX)
		return false;
	for (size_t i = 0; i < out->n; i++)
		if (out->p[i] < ' ' || out->p[i] > '~' || out->p[i] == '"' || out->p[i] == '\\')
			return false;
	return true;
}

static bool take_from(const struct parts *parts, struct member *out)
{
	if (!take_name(parts, TAG_CLIENT, &out->client) || !take_name(parts, TAG_USER, &out->user))
		return false;
	return out->user.p == NULL || out->client.p != NULL;
}

static bool take_error(const struct parts *parts, enum err *out)
{
	uint64_t number;

	if (!take_number(parts, TAG_ERROR, UINT32_MAX, &number))
		return false;
	*out = err_of_number((uint32_t)number);
	return *out != ERR_OK || take(parts, TAG_ERROR).p == NULL;
}

/* One byte of length, and a name or (where it may be empty) nothing; `*at` goes behind it. */
static bool blob_name(struct slice blob, size_t *at, struct slice *out)
{
	size_t n;

	if (*at == blob.n)
		return false;
	n = (unsigned char)blob.p[(*at)++];
	if (n > blob.n - *at)
		return false;
	*out = (struct slice){ blob.p + *at, n };
	*at += n;
	return true;
}

bool parcel_decode_member(struct slice blob, struct member *out)
{
	size_t at = 0;

	if (!blob_name(blob, &at, &out->client) || !topic_name_ok(out->client))
		return false;
	if (!blob_name(blob, &at, &out->user) || (out->user.n > 0 && !topic_name_ok(out->user)))
		return false;
	out->info = (struct slice){ blob.p + at, blob.n - at };
	if (out->user.n == 0)
		out->user.p = NULL;
	if (out->info.n == 0)
		out->info.p = NULL;
	return out->info.n <= ENVELOPE_INFO_MAX &&
		(out->info.n == 0 ||
	         json_check(out->info, &json_default_limits, NULL) != JSON_INVALID);
}

/* ---- one reader for each kind: NULL, or the name of the part that is missing or wrong ---- */

static const char *read_event(const struct parts *parts, struct parcel *p)
{
	struct topic topic;
	uint64_t ts_ms;
	uint8_t drop;

	p->topic = take(parts, TAG_TOPIC);
	if (topic_parse(p->topic, &topic) != ERR_OK)
		return "topic";
	if (!take_name(parts, TAG_EVENT_TYPE, &p->event_type) || p->event_type.p == NULL)
		return "event_type";
	if (!take_from(parts, &p->from))
		return "from";
	if (!take_name(parts, TAG_EXCLUDE, &p->exclude))
		return "exclude";
	if (!take_id(parts, &p->id))
		return "id";
	if (!take_number(parts, TAG_TS_MS, PARCEL_NUMBER_MAX, &ts_ms))
		return "ts_ms";
	if (!take_number(parts, TAG_BORN_US, PARCEL_NUMBER_MAX, &p->born_us))
		return "born_us";
	if (!take_byte(parts, TAG_DROP, &drop) || drop >= DROP_CLASSES)
		return "drop class";
	p->payload = take(parts, TAG_PAYLOAD);
	if (json_check(p->payload, &json_default_limits, NULL) == JSON_INVALID)
		return "payload";
	p->ts_ms = (int64_t)ts_ms;
	p->drop = drop;
	return NULL;
}

/* Flags that a newer minor version may have are let pass, as its tags are. */
static const char *read_presence(const struct parts *parts, struct parcel *p)
{
	struct slice member = take(parts, TAG_MEMBER);
	struct topic topic;
	uint8_t flags;

	p->topic = take(parts, TAG_TOPIC);
	if (topic_parse(p->topic, &topic) != ERR_OK || topic.kind != TOPIC_ROOM)
		return "topic";
	if (!take_byte(parts, TAG_FLAGS, &flags))
		return "presence flags";
	p->joined = (flags & FLAG_JOINED) != 0;
	p->user_edge = (flags & FLAG_USER_EDGE) != 0;
	p->counts_only = (flags & FLAG_COUNTS_ONLY) != 0;
	if (member.p == NULL ? !p->counts_only : !parcel_decode_member(member, &p->member))
		return "member";
	if (!take_number(parts, TAG_REV, PARCEL_NUMBER_MAX, &p->rev) || p->rev == 0)
		return "rev";
	if (!take_number(parts, TAG_COUNT, PARCEL_NUMBER_MAX, &p->count))
		return "count";
	return take_number(parts, TAG_USERS, PARCEL_NUMBER_MAX, &p->users) ? NULL : "users";
}

static const char *read_acked(const struct parts *parts, struct parcel *p)
{
	struct topic topic;

	p->topic = take(parts, TAG_TOPIC);
	if (topic_parse(p->topic, &topic) != ERR_OK || topic.kind != TOPIC_CLIENT)
		return "topic";
	if (!take_from(parts, &p->from) || p->from.client.p == NULL)
		return "from";
	return take_id(parts, &p->id) && p->id.p != NULL ? NULL : "id";
}

static const char *read_call(const struct parts *parts, struct parcel *p)
{
	if (!take_name(parts, TAG_NODE, &p->node) || p->node.p == NULL)
		return "node";
	if (!take_number(parts, TAG_NUMBER, UINT64_MAX, &p->number) ||
	    take(parts, TAG_NUMBER).p == NULL)
		return "number";
	p->body = take(parts, TAG_BODY);
	return NULL;
}

static const char *read_reply(const struct parts *parts, struct parcel *p)
{
	const char *why = read_call(parts, p);

	if (why == NULL && !take_error(parts, &p->error))
		why = "error";
	return why;
}

static const char *(*const readers[PARCEL_KINDS])(const struct parts *parts, struct parcel *p) = {
	[PARCEL_EVENT] = read_event, [PARCEL_PRESENCE] = read_presence, [PARCEL_ACKED] = read_acked,
	[PARCEL_CALL] = read_call,   [PARCEL_REPLY] = read_reply,
};

/* ---- whole parcels ---- */

/* Not inlined: a frame is kilobytes, which the other form's stack shall not have to hold. */
__attribute__((noinline)) static enum err decode_json(char *bytes, size_t n, struct parcel *out,
                                                      const char **why)
{
	static char scratch[128]; /* outlives the call, as `why` does */
	struct frame f;
	enum err e = envelope_decode_publish(bytes, n, &f, scratch, why);

	if (e != ERR_OK) {
		if (*why == NULL)
			*why = err_sentence(e);
		return e;
	}
	if (f.key.p != NULL) {
		*why = "key";
		return ERR_BAD_FRAME;
	}
	*why = NULL;
	out->topic = f.topic.text;
	out->event_type = f.event_type;
	out->payload = f.payload;
	out->drop = f.priority;
	return ERR_OK;
}

static inline void init(struct parcel *p)
{
	const struct slice none = { NULL, 0 };
	const struct member nobody = { none, none, none };

	/* Field by field: clearing it in one go (`rep stos`) was a quarter of all decoding. */
	p->kind = PARCEL_EVENT;
	p->from = p->member = nobody;
	p->topic = p->id = p->event_type = p->payload = p->exclude = p->node = p->body = none;
	p->ts_ms = 0;
	p->born_us = p->rev = p->count = p->users = p->number = 0;
	p->drop = DROP_LOW;
	p->joined = p->user_edge = p->counts_only = false;
	p->error = ERR_OK;
}

/* Behind the major version anything may be different in another one. */
static enum err check_head(const char *bytes, size_t n, const char **why)
{
	*why = "magic";
	if (n < HEAD_BYTES || memcmp(bytes, PARCEL_MAGIC, 2) != 0)
		return ERR_BAD_FRAME;
	*why = "version";
	if ((unsigned char)bytes[2] != PARCEL_MAJOR)
		return ERR_NOT_SUPPORTED;
	*why = "length";
	return n - HEAD_BYTES == get_u32(bytes + 4) ? ERR_OK : ERR_BAD_FRAME;
}

static const char *read_parts(const struct parts *parts, struct parcel *out)
{
	uint8_t kind;

	if (!take_byte(parts, TAG_KIND, &kind) || kind >= PARCEL_KINDS ||
	    take(parts, TAG_KIND).p == NULL)
		return "kind";
	out->kind = kind;
	return readers[kind](parts, out);
}

enum err parcel_decode(char *bytes, size_t n, struct parcel *out, const char **why)
{
	struct parts parts;
	enum err e;

	init(out);
	if (n > 0 && bytes[0] == '{')
		return decode_json(bytes, n, out, why);
	e = check_head(bytes, n, why);
	if (e != ERR_OK)
		return e;
	*why = note_parts(&parts, bytes + HEAD_BYTES, bytes + n);
	if (*why == NULL)
		*why = read_parts(&parts, out);
	return *why == NULL ? ERR_OK : ERR_BAD_FRAME;
}
