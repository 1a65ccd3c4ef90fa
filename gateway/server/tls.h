/*
 * Whether a certificate and its key can be used, before anybody connects: libwebsockets would go on
 * without them.
 */
#ifndef ROOMCAST_TLS_H
#define ROOMCAST_TLS_H

#include "broker-common/buf.h"

/* False with one sentence in `error`: a file cannot be read (and `*unreadable`), is no PEM, or they do
 * not belong together. */
bool tls_check(const char *cert, const char *key, struct buf *error, bool *unreadable);

#endif
