/*
 * Questions between gateways: what only a client's own gateway knows or can do, asked over the tier's
 * `call`. A question is its name, a blank, and what belongs to it; each has its row in ask.c.
 */
#ifndef ROOMCAST_ASK_H
#define ROOMCAST_ASK_H

#include "broker-common/buf.h"
#include "broker-common/err.h"
#include "broker-common/parcel.h"

struct hub;

/* struct tier_events' `call`: another gateway asks the hub `ctx`. */
void ask_answer(void *ctx, struct slice request, struct buf *reply);

/* Deliver `p` to the client `name`, which another gateway has. `there`: that it is. ERR_GONE: there is no
 * such gateway. ERR_UNCERTAIN: no answer in time. Not ERR_OK as the result: `done` does not come. */
typedef void ask_delivered(void *ctx, enum err e, bool there);
enum err ask_deliver(struct hub *h, struct slice name, const struct parcel *p, ask_delivered *done,
                     void *ctx) must_check;

/* For hub_close(): answers will not come any more. */
void ask_forget(struct hub *h);

#endif
