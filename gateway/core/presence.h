/*
 * Presence: who came and who went, gathered for a moment and told in one notice.
 *
 * The changes of a room come from the tier one by one, in order, each with its `rev`. A
 * notice is made after `presence_batch_ms`, or sooner when a message of the room comes (so
 * that notices and messages keep their one order), or when a client or user changes twice (so that
 * a notice's `rev` is the one before plus the number of its changes: a receiver can see a hole).
 * Who got the room's list meanwhile is told only the changes behind it.
 */
#ifndef ROOMCAST_PRESENCE_H
#define ROOMCAST_PRESENCE_H

#include "gateway/core/state.h"

/* A change has come from the tier. */
void presence_change(struct channel *c, const struct parcel *p);

/* Tell now what has been gathered. */
void presence_flush(struct channel *c);

/* Drop what has been gathered: nobody is left to hear it. */
void presence_forget(struct channel *c);

/* Timer of hub.batches. */
void presence_due(void *hub);

#endif
