/*
 * The demo page, embedded in the program.
 */
#ifndef ROOMCAST_DEMO_H
#define ROOMCAST_DEMO_H

#include "broker-common/buf.h"

struct lws;

/* Answer with it. False: the connection cannot be used any more. */
bool demo_send(struct lws *wsi);

/* The page's Content-Security-Policy: its own scripts by their hashes and nothing from outside. */
void demo_policy(struct slice page, struct buf *out);

#endif
