/*
 * What a room's policy says of messages to it: how large, and how many a second.
 *
 * Publishers need not be members, so the rate is kept by name, from the first message until the room has been
 * silent for as long as its bucket takes to fill.
 */
#ifndef ROOMCAST_ROOMS_H
#define ROOMCAST_ROOMS_H

#include "gateway/core/state.h"

void rooms_init(struct hub *h);
void rooms_fini(struct hub *h);

/* One message more from a client of this gateway. ERR_TOO_BIG, ERR_RATE_LIMITED, ERR_INTERNAL (no memory). */
enum err rooms_take(struct hub *h, const struct topic *t, size_t payload_n) must_check;

#endif
