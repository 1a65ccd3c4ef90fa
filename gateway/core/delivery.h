/*
 * The way down: what the tier brings becomes frames in clients' queues.
 *
 * A message is framed once and shared by all its receivers.
 */
#ifndef ROOMCAST_DELIVERY_H
#define ROOMCAST_DELIVERY_H

#include "gateway/core/state.h"

/* The tier's message event; `hub` is a struct hub. */
void delivery_message(void *hub, const struct parcel *p);

/* Every client missed something that nobody can name. */
void delivery_gap_all(struct hub *h, enum gap_reason why);

#endif
