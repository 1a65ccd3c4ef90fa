/*
 * base64url without padding (RFC 4648 section 5), strictly: one text for each run of bytes.
 *
 * No `=`, no blanks, no length that no bytes have, and the unused bits of the last digit are 0; so what was
 * signed cannot be written in another way.
 */
#ifndef ROOMCAST_BASE64URL_H
#define ROOMCAST_BASE64URL_H

#include "broker-common/buf.h"

/* Bytes that `n` digits stand for. */
#define BASE64URL_BYTES(n) ((n) / 4 * 3 + (n) % 4 * 3 / 4)

/* Decode to `out` (BASE64URL_BYTES(text.n) bytes), `*n` of them. False: it is none. */
bool base64url_decode(struct slice text, void *out, size_t *n);

void base64url_encode(const void *bytes, size_t n, struct buf *out);

#endif
