/*
 * The shape of a JSON object that another gateway made: which members it must have, and of which type.
 * Others are not looked at, so that a newer gateway may say more.
 */
#ifndef ROOMCAST_CORE_SHAPE_H
#define ROOMCAST_CORE_SHAPE_H

#include "broker-common/json.h"

struct shape {
	const char *name;
	enum json_type type; /* JSON_TRUE: or JSON_FALSE; numbers: integers, not negative */
	bool optional;
	const struct shape *inside; /* of an object; NULL: anything */
};

/* `shape` ends with a name that is NULL, behind 63 rows at most. A member that stands there twice is
 * wrong. The text must have been checked by json_check(). */
bool shape_fits(struct slice object, const struct shape *shape);

/* The raw value of a member, or NULL. Of a string without escapes, the inside of its quotes; of a number,
 * its value. Of another type: NULL, 0. */
struct slice shape_value(struct slice object, const char *name);
struct slice shape_text(struct slice object, const char *name);
uint64_t shape_number(struct slice object, const char *name);

#endif
