/*
 * Questions between gateways: what only a client's own gateway knows or can do, asked over the tier's
 * `call`. A question is its name, a blank, and its arguments with a blank between; each has its row in
 * ask.c. Who writes to the tier's medium is trusted to ask, as it is to publish.
 */
#ifndef ROOMCAST_ASK_H
#define ROOMCAST_ASK_H

#include "broker-common/buf.h"
#include "broker-common/err.h"
#include "broker-common/parcel.h"

struct hub;

#define ASK_ANSWER_MAX (4u << 20) /* bytes; what is longer is no answer */

/* struct tier_events' `call`: another gateway asks the hub `ctx`. */
void ask_answer(void *ctx, struct slice request, struct buf *reply);

/* Ask the gateway `node`; this one too, and then without the tier. ERR_GONE: there is no such gateway.
 * ERR_UNCERTAIN: no answer in time. ERR_NOT_SUPPORTED: it does not know the question. ERR_TOO_BIG: see
 * above. Not ERR_OK as the result: `done` does not come. */
typedef void ask_done(void *ctx, enum err e, struct slice reply);
enum err ask_node(struct hub *h, struct slice node, struct slice question, ask_done *done,
                  void *ctx) must_check;

/* Deliver `p` to the client `name`, which another gateway has: the answer is "1" if it is there, or "0". */
enum err ask_deliver(struct hub *h, struct slice name, const struct parcel *p, ask_done *done,
                     void *ctx) must_check;

/* For hub_close(): answers will not come any more. */
void ask_forget(struct hub *h);

#endif
