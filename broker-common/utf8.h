/*
 * UTF-8 (RFC 3629).
 */
#ifndef ROOMCAST_UTF8_H
#define ROOMCAST_UTF8_H

#include "broker-common/slice.h"

/* Bytes of the UTF-8 character at the start of `s` (not ASCII), or 0: overlong forms, surrogates,
 * what is above U+10FFFF and what is cut short are not UTF-8. */
size_t utf8_length(const unsigned char *s, size_t n);

/* Whether all of it is. */
bool utf8_is(struct slice text);

#endif
