/*
 * A JSON object that means something, read by the names of its members.
 *
 * For the small objects of tokens and keys, where a member that is there twice would be one thing
 * to us and another to somebody else: no name may be repeated, known or not.
 */
#ifndef ROOMCAST_OBJECT_H
#define ROOMCAST_OBJECT_H

#include "broker-common/slice.h"

#define OBJECT_MEMBERS_MAX 64

/* Find `n` names: the raw value of names[i] goes to values[i] (NULL: not there). The text must have been
 * checked and lie in memory that may be written: names are unescaped in place. False with a `*why`
 * (static): no object, a name twice, more than 64 members. */
bool object_read(struct slice object, const char *const *names, size_t n, struct slice *values,
                 const char **why);

/* The text of a JSON string, unescaped in place, of `least` to `most` bytes; false when it is none. */
bool object_text(struct slice value, size_t least, size_t most, struct slice *text);

#endif
