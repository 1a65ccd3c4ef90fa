/*
 * A lane of a queue: a ring of slots, oldest first. Part of queue.c.
 *
 * A slot is a pointer with its kind in the low bits, so that the search for a victim never touches
 * a message. A victim in the middle leaves its slot behind: a gap and the slots that it stands for
 * form a region, which begins with the gap (it knows how many slots) and ends with a hole that
 * knows the way back. So a slot next to a region finds the gap in one step, and no two
 * regions are neighbours. Positions only grow; `mask` makes an index of them.
 */
#ifndef ROOMCAST_QUEUE_LANE_H
#define ROOMCAST_QUEUE_LANE_H

#include "broker-common/gap.h"

/* The kinds of messages that may be given up stand in the order in which they are. */
enum slot_kind {
	SLOT_KEEP, /* never given up */
	SLOT_LOW,  /* QUEUE_DROP_LOW_FIRST, class low */
	SLOT_OLDEST,
	SLOT_NEWEST,
	SLOT_LOW_NORMAL,
	SLOT_LOW_HIGH,
	SLOT_MESSAGES, /* the number of kinds of messages */
	SLOT_GAP = SLOT_MESSAGES,
	SLOT_HOLE, /* no pointer: the slots back to the gap, in the last one of a region */
};

#define SLOT_KIND_BITS 3u
#define SLOT_KIND_MASK ((uintptr_t)7)

struct lane_total {
	size_t bytes; /* on the wire */
	uint32_t messages;
};

struct lane_newest; /* where the SLOT_NEWEST are, once one of them had to go */

struct queue_lane {
	uint64_t head, tail; /* positions of the oldest slot and behind the newest */
	uint32_t mask;       /* slots - 1 */
	uint32_t holes;
	struct lane_total total[SLOT_MESSAGES];
	uint64_t from[SLOT_MESSAGES]; /* no slot of that kind in front of it */
	struct lane_newest *newest;
	uintptr_t slot[];
};

/* Make `*lane`, which may be NULL, ready for one more slot; false: no memory, it is as it was. */
bool lane_reserve(struct queue_lane **lane) must_check;

/* What it holds must have been taken out. */
void lane_free(struct queue_lane *lane);

/* Take the oldest message of that kind (of SLOT_NEWEST: the newest) out: the caller has its
 * reference now, and a gap is in its place. There must be one. NULL: no memory, nothing changed.
 * `*gaps` counts the gaps of all lanes. */
struct message *lane_evict(struct queue_lane *lane, enum slot_kind kind, enum gap_reason why,
                           uint32_t *gaps) must_check;

/* The gap at the end of `*lane`, which may be NULL; made where there is none. NULL: no memory. */
struct gap *lane_end_gap(struct queue_lane **lane, uint32_t *gaps);

/* The oldest message, or NULL. */
const struct message *lane_oldest(struct queue_lane *lane);

/* The oldest slot is a gap that has been told; free it. */
void lane_pop_gap(struct queue_lane *lane, uint32_t *gaps);

void lane_newest_add(struct queue_lane *lane); /* part of lane_add */

static inline enum slot_kind slot_kind(uintptr_t slot)
{
	return (enum slot_kind)(slot & SLOT_KIND_MASK);
}

static inline void *slot_pointer(uintptr_t slot)
{
	return (void *)(slot & ~SLOT_KIND_MASK);
}

static inline uintptr_t *lane_slot(struct queue_lane *lane, uint64_t position)
{
	return &lane->slot[position & lane->mask];
}

static inline bool lane_is_empty(const struct queue_lane *lane)
{
	return lane == NULL || lane->head == lane->tail;
}

static inline bool lane_is_full(const struct queue_lane *lane)
{
	return lane == NULL || lane->tail - lane->head > lane->mask;
}

/* Takes the caller's reference; it must not be full. */
static inline void lane_add(struct queue_lane *lane, enum slot_kind kind, struct message *m)
{
	if (kind == SLOT_NEWEST && lane->newest != NULL)
		lane_newest_add(lane);
	*lane_slot(lane, lane->tail++) = (uintptr_t)m | kind;
	if (kind == SLOT_KEEP)
		return;
	lane->total[kind].messages++;
	lane->total[kind].bytes += m->len;
}

/* Take the oldest slot out, a message; the caller has its reference now. */
static inline struct message *lane_pop(struct queue_lane *lane)
{
	uintptr_t slot = *lane_slot(lane, lane->head++);
	struct message *m = slot_pointer(slot);
	struct lane_total *total = &lane->total[slot_kind(slot)];

	if (slot_kind(slot) == SLOT_KEEP)
		return m;
	total->messages--;
	total->bytes -= m->len;
	return m;
}

#endif
