/*
 * A strict JSON scanner (RFC 8259) that copies nothing.
 *
 * json_check() walks a text once: UTF-8 (no surrogates, no overlong forms), numbers and escapes by
 * the grammar, nothing behind the value, and the limits below. An escaped surrogate without its
 * other half is refused too: many readers cannot take one, and what is passed on must not break
 * them. After that, the json_next_* calls step through it without checking again.
 */
#ifndef ROOMCAST_JSON_H
#define ROOMCAST_JSON_H

#include "broker-common/slice.h"

#include <stdint.h>

#define JSON_DEPTH_MAX 64 /* the most that `depth` may be */

enum json_type {
	JSON_INVALID,
	JSON_NULL,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

struct json_limits {
	uint32_t depth; /* nested arrays and objects; a scalar has 0 */
	uint32_t keys;  /* members of one object, elements excluded */
};

extern const struct json_limits json_default_limits; /* 32 deep, 1024 keys an object */

/* The type of the one value that `text` holds (blanks around it allowed), or JSON_INVALID. With a
 * `why`, it is then set to some words for a person ("trailing comma", "not UTF-8", …). */
enum json_type json_check(struct slice text, const struct json_limits *l, const char **why);

/* Walk over an object's members: `*at` starts at 0. `key` is the raw inside of its quotes, `value` the
 * raw value. False at the end, and when it is no object. The text must have been checked. */
bool json_next_member(struct slice object, size_t *at, struct slice *key, struct slice *value);

/* The same for an array's elements. */
bool json_next_element(struct slice array, size_t *at, struct slice *value);

enum json_type json_type_of(struct slice value); /* by its first byte that is no blank */

/* The text of a JSON string value, unescaped in place (the result is never longer); false when it
 * holds NUL, its bytes are then of no more use. `value` must lie in memory that may be written. */
bool json_unescape(struct slice value, struct slice *text);

/* Whether the raw inside of a string's quotes is this text, escapes resolved. */
bool json_text_is(struct slice raw, const char *text);

/* A number that is an integer in its text (no '.', no exponent) and fits; else false. */
bool json_int(struct slice value, int64_t *out);

/* Any number, for comparing with bounds (the last digit may be off, too large is infinite, in
 * every locale); false when not a number. */
bool json_double(struct slice value, double *out);

#endif
