/*
 * Frames from clients: the fields are noted once, then the reader of the frame's verb takes those
 * that it knows. What it does not know is let pass: a newer client may say more.
 */
#include "broker-common/envelope.h"

#include "broker-common/envelope_fields.h"
#include "broker-common/event_types.h"
#include "broker-common/json.h"

#include <assert.h>

static const struct {
	struct slice type;
	unsigned int flags;
} verbs[VERB_COUNT] = {
	[VERB_NONE] = { { "none", 4 }, 0 },
#define VERB(symbol, type, flags) [VERB_##symbol] = { { type, sizeof(type) - 1 }, flags },
#include "broker-common/verbs.def"
};

const char *verb_type(enum verb v)
{
	assert(v < VERB_COUNT);
	return verbs[v].type.p;
}

unsigned int verb_flags(enum verb v)
{
	assert(v < VERB_COUNT);
	return verbs[v].flags;
}

/* ---- fields that several verbs have, or that have rules of their own ---- */

/* Whether names are valid is not asked here: the verb answers that name by name. */
static enum err read_names(struct fields *f, enum field which, struct frame *frame)
{
	return fields_list(f, which, frame->names, ENVELOPE_NAMES_MAX, &frame->n_names);
}

static enum err read_room(struct fields *f, struct frame *frame)
{
	enum err e = fields_need(f, FIELD_ROOM);

	if (e == ERR_OK)
		e = fields_text(f, FIELD_ROOM, &frame->names[0]);
	if (e != ERR_OK)
		return e;
	frame->n_names = 1;
	frame->one_name = true;
	return ERR_OK;
}

static enum err read_rooms(struct fields *f, struct frame *frame)
{
	if (f->raw[FIELD_ROOMS].p == NULL)
		return read_room(f, frame);
	if (f->raw[FIELD_ROOM].p != NULL)
		return fields_refuse(f, ERR_BAD_FRAME, "room and rooms are both there: give one");
	return read_names(f, FIELD_ROOMS, frame);
}

static enum err read_topic(struct fields *f, struct frame *frame)
{
	struct slice text;
	enum err e = fields_need(f, FIELD_TOPIC);

	if (e == ERR_OK)
		e = fields_text(f, FIELD_TOPIC, &text);
	if (e == ERR_OK)
		e = topic_parse(text, &frame->topic);
	return e;
}

/* After the topic. */
static enum err read_event_type(struct fields *f, struct frame *frame)
{
	bool in_topic = frame->topic.kind == TOPIC_EVENT;
	enum err e;

	if (in_topic && f->raw[FIELD_EVENT_TYPE].p == NULL) {
		frame->event_type = frame->topic.name;
		return ERR_OK;
	}
	e = fields_need(f, FIELD_EVENT_TYPE);
	if (e == ERR_OK)
		e = fields_text(f, FIELD_EVENT_TYPE, &frame->event_type);
	if (e != ERR_OK)
		return e;
	if (!topic_name_ok(frame->event_type))
		return fields_must_be(f, FIELD_EVENT_TYPE,
		                      "1 to 200 of A-Z a-z 0-9 _ - = @ , . ; :");
	if (in_topic && !slice_eq(frame->event_type, frame->topic.name))
		return fields_must_be(f, FIELD_EVENT_TYPE, "the type in the topic, or left out");
	return ERR_OK;
}

static enum err read_priority(struct fields *f, struct frame *frame)
{
	static const char *const names[DROP_CLASSES] = {
		[DROP_LOW] = "low",
		[DROP_NORMAL] = "normal",
		[DROP_HIGH] = "high",
	};
	struct slice value = f->raw[FIELD_PRIORITY];

	if (value.p == NULL)
		return ERR_OK;
	for (enum drop_class c = 0; c < DROP_CLASSES && json_type_of(value) == JSON_STRING; c++) {
		if (json_text_is((struct slice){ value.p + 1, value.n - 2 }, names[c])) {
			frame->priority = c;
			return ERR_OK;
		}
	}
	return fields_must_be(f, FIELD_PRIORITY, "high, normal or low");
}

static enum err read_key(struct fields *f, struct frame *frame)
{
	struct slice *key = &frame->key;
	enum err e = fields_text(f, FIELD_KEY, key);

	if (e == ERR_OK && key->p != NULL && (key->n == 0 || key->n > ENVELOPE_KEY_MAX))
		return fields_must_be(f, FIELD_KEY, "a string of 1 to 64 bytes");
	return e;
}

static enum err read_want_ack(struct fields *f, struct frame *frame)
{
	enum err e = fields_flag(f, FIELD_ACK, &frame->want_ack);

	if (e == ERR_OK && frame->want_ack && frame->topic.kind != TOPIC_CLIENT &&
	    frame->topic.kind != TOPIC_USER)
		return fields_refuse(f, ERR_BAD_FRAME, "ack is for client: and user: topics only");
	return e;
}

/* ---- one reader for each verb ---- */

static enum err read_hello(struct fields *f, struct frame *frame)
{
	return fields_text(f, FIELD_TOKEN, &frame->token);
}

static enum err read_join(struct fields *f, struct frame *frame)
{
	enum err e = read_rooms(f, frame);

	if (e == ERR_OK)
		e = fields_flag(f, FIELD_PRESENCE, &frame->presence);
	if (e == ERR_OK && f->raw[FIELD_INFO].n > ENVELOPE_INFO_MAX)
		e = fields_must_be(f, FIELD_INFO, "1024 bytes or less");
	if (e == ERR_OK)
		frame->info = f->raw[FIELD_INFO];
	return e;
}

static enum err read_leave(struct fields *f, struct frame *frame)
{
	return read_rooms(f, frame);
}

static enum err read_subscribe(struct fields *f, struct frame *frame)
{
	return read_names(f, FIELD_EVENTS, frame);
}

static enum err read_unsubscribe(struct fields *f, struct frame *frame)
{
	return read_names(f, FIELD_EVENTS, frame);
}

static enum err read_publish(struct fields *f, struct frame *frame)
{
	enum err e = read_topic(f, frame);

	if (e == ERR_OK)
		e = read_event_type(f, frame);
	if (e == ERR_OK)
		e = fields_need(f, FIELD_PAYLOAD);
	if (e == ERR_OK)
		e = fields_flag(f, FIELD_ECHO, &frame->echo);
	if (e == ERR_OK)
		e = read_priority(f, frame);
	if (e == ERR_OK)
		e = read_key(f, frame);
	if (e == ERR_OK)
		e = read_want_ack(f, frame);
	if (e != ERR_OK)
		return e;
	frame->payload = f->raw[FIELD_PAYLOAD];
	e = event_type_check(frame->event_type, frame->payload, f->scratch);
	if (e != ERR_OK)
		*f->detail = f->scratch;
	return e;
}

static enum err read_ack(struct fields *f, struct frame *frame)
{
	return read_names(f, FIELD_IDS, frame);
}

static enum err read_presence(struct fields *f, struct frame *frame)
{
	return read_room(f, frame);
}

static enum err read_history(struct fields *f, struct frame *frame)
{
	return read_topic(f, frame);
}

static enum err read_refresh(struct fields *f, struct frame *frame)
{
	enum err e = fields_need(f, FIELD_TOKEN);

	return e == ERR_OK ? fields_text(f, FIELD_TOKEN, &frame->token) : e;
}

static enum err read_ping(struct fields *f, struct frame *frame)
{
	(void)f;
	(void)frame;
	return ERR_OK;
}

static enum err (*const readers[VERB_COUNT])(struct fields *f, struct frame *frame) = {
#define VERB(symbol, type, flags) [VERB_##symbol] = read_##symbol,
#include "broker-common/verbs.def"
};

/* ---- whole frames ---- */

static enum err read_verb(struct fields *f, enum verb *verb)
{
	struct slice type;
	char text[33];
	enum err e = fields_need(f, FIELD_TYPE);

	if (e == ERR_OK)
		e = fields_text(f, FIELD_TYPE, &type);
	if (e != ERR_OK)
		return e;
	for (enum verb v = VERB_NONE + 1; v < VERB_COUNT; v++) {
		if (slice_eq(type, verbs[v].type)) {
			*verb = v;
			return ERR_OK;
		}
	}
	return fields_refuse(f, ERR_UNKNOWN_TYPE, "there is no frame type \"%s\"",
	                     fields_printable(type, text));
}

static void init(struct frame *frame)
{
	struct slice none = { NULL, 0 };

	/* Field by field: `names` is large, and nobody looks behind `n_names`. */
	frame->verb = VERB_NONE;
	frame->id = none;
	frame->n_names = 0;
	frame->one_name = frame->presence = frame->want_ack = false;
	frame->echo = true;
	frame->priority = DROP_NORMAL;
	frame->info = frame->event_type = frame->payload = frame->key = frame->token = none;
	frame->topic = (struct topic){ .kind = TOPIC_ROOM };
}

enum err envelope_decode(char *text, size_t n, struct frame *frame, char scratch[128],
                         const char **detail)
{
	struct fields f;
	enum err e;

	init(frame);
	e = fields_open(&f, text, n, &frame->id, scratch, detail);
	if (e == ERR_OK)
		e = read_verb(&f, &frame->verb);
	if (e == ERR_OK)
		e = readers[frame->verb](&f, frame);
	return e;
}

enum err envelope_decode_publish(char *text, size_t n, struct frame *frame, char scratch[128],
                                 const char **detail)
{
	struct fields f;
	enum verb verb = VERB_publish;
	enum err e;

	init(frame);
	e = fields_open(&f, text, n, NULL, scratch, detail);
	if (e == ERR_OK && f.raw[FIELD_TYPE].p != NULL)
		e = read_verb(&f, &verb);
	if (e != ERR_OK)
		return e;
	if (verb != VERB_publish)
		return fields_must_be(&f, FIELD_TYPE, "publish, or left out");
	frame->verb = verb;
	e = read_publish(&f, frame);
	if (e == ERR_OK && frame->want_ack)
		return fields_refuse(&f, ERR_BAD_FRAME,
		                     "ack is for clients: nobody waits for it here");
	return e;
}
