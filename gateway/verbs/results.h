/*
 * Results: the answer to a frame that names several topics, item by item.
 *
 * One name (`room`): its result stands in the ack itself, its error is the answer. Several
 * (`rooms`, `events`): `results` holds {NAME: {…}} or {NAME: {"error": {…}}}. Without an id the
 * errors alone are sent.
 */
#ifndef ROOMCAST_RESULTS_H
#define ROOMCAST_RESULTS_H

#include "gateway/verbs/verb.h"

struct results;

/* A barrier stands until the answer is queued. NULL: no memory. */
struct results *results_new(const struct verb_call *v);

/* The next name that was not named before and is a name; false at the end. Names that are none get their
 * error here. `*item` says which one it is. */
bool results_next(struct results *r, uint32_t *item);
struct slice results_name(const struct results *r, uint32_t item);

/* An item is settled. `room` (or NULL) becomes its result where it has members to show. Settled items
 * may come in any order; after the last one, and results_close(), the answer goes out and `r` is freed. */
void results_settle(struct results *r, uint32_t item, enum err e, const struct tier_room *room);

/* No more items will be started. */
void results_close(struct results *r);

#endif
