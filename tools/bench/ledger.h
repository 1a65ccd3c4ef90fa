/*
 * The ledger: what was published, who got it, in which order.
 *
 * A stream is what one publisher sends to one room; its messages are numbered from 1. For each
 * subscriber and stream of its room there is a receipt, so that every single delivery is judged:
 * in order, late (others overtook it), twice, or in the wrong room; what never came is lost.
 * With a window, the ledger also knows when a message has reached everybody.
 */
#ifndef ROOMCAST_BENCH_LEDGER_H
#define ROOMCAST_BENCH_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct receipt {
	uint32_t newest;   /* highest sequence number seen */
	uint32_t received; /* different ones */
	uint64_t seen;     /* bit i: `newest` - i was received */
};

struct under_way {
	uint32_t sequence;
	uint32_t missing; /* subscribers that have not got it */
};

struct stream {
	uint32_t room, publisher;
	uint32_t published;
	struct under_way *window; /* by sequence number; NULL without a window */
};

struct faults {
	uint64_t lost, duplicated, reordered, misrouted;
};

struct ledger {
	struct stream *stream;
	struct receipt *receipt; /* subscribers × streams_per_room */
	uint32_t *members;       /* of each room */
	uint32_t streams, rooms, publishers, subscribers, streams_per_room;
	uint32_t window_mask;
	uint64_t expected, received; /* deliveries; `received` without repeats */
	struct faults faults;        /* `lost` is set by ledger_close() */
};

/* Stream s belongs to room s mod rooms and to publisher s mod publishers: each room and each
 * publisher has one at least. `window` 0: at a fixed rate, nothing waits. False: no memory. */
bool ledger_init(struct ledger *l, uint32_t rooms, uint32_t publishers, uint32_t subscribers,
                 uint32_t window);
void ledger_fini(struct ledger *l);

/* A subscriber is a receiver from now on; or is gone: what it misses then is no loss. */
void ledger_join(struct ledger *l, uint32_t room);
void ledger_gone(struct ledger *l, uint32_t subscriber, uint32_t room);

/* Number the stream's next message. */
uint32_t ledger_publish(struct ledger *l, uint32_t stream);

/* A message reached a subscriber of `room`; whether it has now reached everybody. */
bool ledger_receive(struct ledger *l, uint32_t subscriber, uint32_t room, uint32_t stream,
                    uint32_t sequence);

/* Stop waiting for what the publisher has under way. */
void ledger_give_up(struct ledger *l, uint32_t publisher);

/* Whether all that was published was received. */
static inline bool ledger_is_even(const struct ledger *l)
{
	return l->received >= l->expected;
}

/* Nothing will come any more: what is missing is lost. */
void ledger_close(struct ledger *l);

#endif
