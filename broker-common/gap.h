/*
 * A gap: what a client has missed at one place of its queue, by reason.
 *
 * It only ever grows until it is told to the client, one frame a reason. Part of queue.c.
 */
#ifndef ROOMCAST_GAP_H
#define ROOMCAST_GAP_H

#include "broker-common/message.h"
#include "broker-common/queue.h"

struct gap_part {
	uint64_t count;   /* messages missed, as far as known */
	char *names;      /* topics, each behind a byte with its length */
	uint16_t names_n; /* bytes */
	uint8_t topics;
	bool everything; /* `names` is of no more interest */
};

struct gap {
	struct gap_part part[GAP_REASONS];
	uint32_t span; /* slots that it stands for: see queue_lane.h */
};

struct gap *gap_new(void); /* NULL: no memory */
void gap_free(struct gap *g);

/* `topic` "*" or NULL: everything. Never fails: without memory for a name, it is everything. */
void gap_add(struct gap *g, enum gap_reason why, struct slice topic, uint64_t count);

/* Add all that `other` says, and free it. */
void gap_absorb(struct gap *g, struct gap *other);

/* Whether it has something to say for this reason, and the frame that says it (one reference, the
 * caller's; NULL: no memory). */
bool gap_has(const struct gap *g, enum gap_reason why);
struct message *gap_frame(const struct gap *g, enum gap_reason why, struct budget *b);

/* That has been said. */
void gap_forget(struct gap *g, enum gap_reason why);

#endif
