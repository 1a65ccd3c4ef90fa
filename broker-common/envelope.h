/*
 * A frame of the wire protocol, as a struct and as JSON (see PROTOCOL.md).
 */
#ifndef ROOMCAST_ENVELOPE_H
#define ROOMCAST_ENVELOPE_H

#include "broker-common/buf.h"
#include "broker-common/err.h"
#include "broker-common/message.h"
#include "broker-common/parcel.h"
#include "broker-common/queue.h"
#include "broker-common/topic.h"

#define ENVELOPE_ID_MAX 64     /* bytes of `id` as it stands in the frame's JSON, quotes excluded */
#define ENVELOPE_KEY_MAX 64    /* bytes of `key` */
#define ENVELOPE_INFO_MAX 1024 /* bytes of raw `info` */
#define ENVELOPE_NAMES_MAX 256 /* names in one `rooms`, `events` or `ids` */
#define ENVELOPE_FIELDS_MAX 64 /* fields of a frame, unknown ones included */
#define ENVELOPE_FIELD_MAX 64  /* bytes of a field's name: each is compared with each */

enum verb {
	VERB_NONE,
#define VERB(symbol, type, flags) VERB_##symbol,
#include "broker-common/verbs.def"
	VERB_COUNT
};

#define VERB_LATER 1u

const char *verb_type(enum verb v); /* "none" for VERB_NONE */
unsigned int verb_flags(enum verb v);

/* One frame from a client. Slices point into the text that was decoded. What was not given is
 * NULL (slices), 0 or the default. */
struct frame {
	enum verb verb;
	struct slice id; /* raw JSON, a number or a string with quotes: goes back as it came */

	struct slice names[ENVELOPE_NAMES_MAX]; /* of `room`, `rooms`, `events`, `ids`; unescaped */
	uint32_t n_names;
	bool one_name; /* it was `room`: the result stands in the ack itself */

	bool presence;     /* join */
	struct slice info; /* join: raw JSON */

	struct topic topic;      /* publish, history */
	struct slice event_type; /* publish */
	struct slice payload;    /* publish: raw JSON, unchanged */
	struct slice key;        /* publish: unescaped */
	enum drop_class priority;
	bool echo, want_ack; /* publish */

	struct slice token; /* hello, refresh: unescaped. Never log it */
};

/* Decode and check one frame; `text` is written to (names are unescaped in place), the payload is
 * not. On an error `frame->id` is set where it could be read, and `*detail` (static or in `scratch`,
 * 128 bytes) says for a person which field is wrong and why; or is NULL: the error's own sentence. */
enum err envelope_decode(char *text, size_t n, struct frame *frame, char scratch[128],
                         const char **detail) must_check;

/* The body of POST /v1/publish: the fields of `publish` without `type`. The same checks. */
enum err envelope_decode_publish(char *text, size_t n, struct frame *frame, char scratch[128],
                                 const char **detail) must_check;

/* Server to client. Each appends one whole JSON object. */
void envelope_error(struct buf *b, struct slice id, enum err e, const char *detail);
void envelope_error_object(struct buf *b, enum err e, const char *detail); /* {code,name,message} */
void envelope_gap(struct buf *b, const struct slice *topics, size_t n, enum gap_reason why,
                  uint64_t count); /* n 0: "*" */
void envelope_member(struct buf *b, const struct member *m);

/* A parcel of kind EVENT. `*topic_at` is where the topic's text begins in what was appended. */
void envelope_event(struct buf *b, const struct parcel *p, size_t *topic_at);

#endif
