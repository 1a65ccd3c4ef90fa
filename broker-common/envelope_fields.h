/*
 * The fields of a frame from a client, read by name: what envelope.c decodes with.
 *
 * fields_open() checks the text and notes where each known field stands; the fields_* calls below
 * then read one of them, and refuse what is not as it must be. All of them answer ERR_OK, or an
 * error with `*detail` saying which field is wrong and why. Strings are unescaped in place, so
 * each may be read once; nothing else in the text is written to.
 */
#ifndef ROOMCAST_ENVELOPE_FIELDS_H
#define ROOMCAST_ENVELOPE_FIELDS_H

#include "broker-common/err.h"
#include "broker-common/slice.h"

#include <stdint.h>

/* Looked up one after the other, so those of a publish come first. */
enum field {
	FIELD_TYPE,
	FIELD_ID,
	FIELD_TOPIC,
	FIELD_EVENT_TYPE,
	FIELD_PAYLOAD,
	FIELD_ECHO,
	FIELD_PRIORITY,
	FIELD_KEY,
	FIELD_ACK,
	FIELD_ROOM,
	FIELD_ROOMS,
	FIELD_PRESENCE,
	FIELD_INFO,
	FIELD_EVENTS,
	FIELD_IDS,
	FIELD_TOKEN,
	FIELDS
};

struct fields {
	struct slice raw[FIELDS]; /* values as they stand in the text; p NULL: not there */
	char *scratch;            /* 128 bytes */
	const char **detail;
};

/* The frame's JSON, and its fields: each at most once. `*id` is set also when something else is
 * wrong with the frame; with an `id` of NULL that field is left alone. */
enum err fields_open(struct fields *f, char *text, size_t n, struct slice *id, char scratch[128],
                     const char **detail) must_check;

/* Refuse the frame. */
__attribute__((format(printf, 3, 4))) enum err fields_refuse(struct fields *f, enum err e,
                                                             const char *format, ...);
enum err fields_must_be(struct fields *f, enum field which, const char *what);

/* ERR_MISSING_FIELD when it is not there. */
enum err fields_need(struct fields *f, enum field which) must_check;

/* What is not there leaves `*out` as it is. */
enum err fields_flag(struct fields *f, enum field which, bool *out) must_check;
enum err fields_text(struct fields *f, enum field which, struct slice *out) must_check;

/* An array of 1 to `most` strings; needed. */
enum err fields_list(struct fields *f, enum field which, struct slice *out, uint32_t most,
                     uint32_t *n) must_check;

/* Text of the client's, fit for a message: cut, and `?` for what does not print. */
const char *fields_printable(struct slice text, char out[33]);

#endif
