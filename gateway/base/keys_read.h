/*
 * Reading key files. Part of keys.c.
 */
#ifndef ROOMCAST_KEYS_READ_H
#define ROOMCAST_KEYS_READ_H

#include "broker-common/jwks.h"
#include "gateway/base/config.h"

/* All keys of all files that the options name, added to `r`. False with one sentence: `r` is then empty. */
bool keys_read(const struct config *c, struct keyring *r, struct buf *error);

/* Whether the URL may be fetched from; false with one sentence. */
bool keys_url_ok(const char *url, struct buf *error);

#endif
