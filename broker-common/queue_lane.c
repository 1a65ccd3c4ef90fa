#include "broker-common/queue_lane.h"

#include <assert.h>
#include <stdlib.h>

#define FEWEST_SLOTS 8u
#define CACHED_LANES 1024u /* some 250 bytes each */

#ifndef LANE_STEP
#define LANE_STEP() ((void)0) /* the test counts what a search costs */
#endif

static_assert(SLOT_HOLE <= SLOT_KIND_MASK, "a kind fits the low bits of a pointer");

/* A stack of positions in a ring as large as the lane's: what has been sent sinks to the bottom, and
 * is overwritten there. There are as many live ones as the lane counts. */
struct lane_newest {
	uint64_t n;
	uint64_t at[];
};

/* Small rings wait here for their next use: a client whose queue is now empty, now holds one
 * message, costs no malloc for each. */
static struct queue_lane *cache;
static uint32_t n_cached;

/* ---- the ring ---- */

static size_t ring_size(uint32_t slots)
{
	return sizeof(struct queue_lane) + slots * sizeof(uintptr_t);
}

static struct queue_lane *lane_new(uint32_t slots)
{
	struct queue_lane *lane = cache;

	if (slots == FEWEST_SLOTS && lane != NULL) {
		cache = slot_pointer(lane->slot[0]);
		n_cached--;
	} else {
		lane = malloc(ring_size(slots));
	}
	if (lane != NULL)
		*lane = (struct queue_lane){ .mask = slots - 1 };
	return lane;
}

void lane_free(struct queue_lane *lane)
{
	if (lane == NULL)
		return;
	free(lane->newest);
	if (lane->mask + 1 != FEWEST_SLOTS || n_cached == CACHED_LANES) {
		free(lane);
		return;
	}
	lane->slot[0] = (uintptr_t)cache;
	cache = lane;
	n_cached++;
}

/* A ring of twice the size; positions stay, so everything that knows one does. */
static struct queue_lane *grow(struct queue_lane *lane)
{
	struct queue_lane *larger = lane_new(2 * (lane->mask + 1));
	uint32_t mask;

	if (larger == NULL)
		return NULL;
	mask = larger->mask;
	*larger = *lane;
	larger->mask = mask;
	larger->newest = NULL; /* as large as the ring: made again when it is needed */
	for (uint64_t at = lane->head; at != lane->tail; at++)
		*lane_slot(larger, at) = *lane_slot(lane, at);
	lane_free(lane);
	return larger;
}

/* Squeeze the holes out. */
static void compact(struct queue_lane *lane)
{
	uint64_t to = lane->head;
	struct gap *g;
	uintptr_t slot;

	for (uint64_t at = lane->head; at != lane->tail;) {
		slot = *lane_slot(lane, at);
		*lane_slot(lane, to++) = slot;
		if (slot_kind(slot) != SLOT_GAP) {
			at++;
			continue;
		}
		g = slot_pointer(slot);
		at += g->span;
		g->span = 1;
	}
	lane->tail = to;
	lane->holes = 0;
	memset(lane->from, 0, sizeof(lane->from));
	free(lane->newest);
	lane->newest = NULL;
}

bool lane_reserve(struct queue_lane **lane)
{
	struct queue_lane *larger;

	if (!lane_is_full(*lane))
		return true;
	if (*lane != NULL && (*lane)->holes > (*lane)->mask / 4) {
		compact(*lane); /* a quarter is won at least: that pays for the work */
		return true;
	}
	larger = *lane == NULL ? lane_new(FEWEST_SLOTS) : grow(*lane);
	if (larger == NULL)
		return false;
	*lane = larger;
	return true;
}

/* ---- regions ---- */

/* Make `start` to `last` the region of `g`; what stands between is never looked at again. */
static void set_region(struct queue_lane *lane, uint64_t start, uint64_t last, struct gap *g)
{
	if (start == lane->head)
		lane->head = start = last; /* nobody looks in front of the head: no holes there */
	g->span = (uint32_t)(last - start + 1);
	lane->holes += g->span - 1;
	*lane_slot(lane, last) = (uintptr_t)(last - start) << SLOT_KIND_BITS | SLOT_HOLE;
	*lane_slot(lane, start) = (uintptr_t)g | SLOT_GAP;
}

/* The gap of the region whose last slot is in front of `at`, and where it starts; or NULL. */
static struct gap *region_before(struct queue_lane *lane, uint64_t at, uint64_t *start)
{
	uintptr_t slot;

	if (at == lane->head)
		return NULL;
	*start = at - 1;
	slot = *lane_slot(lane, *start);
	if (slot_kind(slot) == SLOT_HOLE) {
		*start -= slot >> SLOT_KIND_BITS;
		slot = *lane_slot(lane, *start);
	}
	return slot_kind(slot) == SLOT_GAP ? slot_pointer(slot) : NULL;
}

/* The gap of the region that starts at `at`, or NULL. */
static struct gap *region_at(struct queue_lane *lane, uint64_t at)
{
	if (at == lane->tail || slot_kind(*lane_slot(lane, at)) != SLOT_GAP)
		return NULL;
	return slot_pointer(*lane_slot(lane, at));
}

/* Let a gap stand in the place of the message at `at`, one with those next to it. */
static struct gap *open_gap(struct queue_lane *lane, uint64_t at, uint32_t *gaps)
{
	uint64_t start = at, last = at;
	struct gap *left = region_before(lane, at, &start), *right = region_at(lane, at + 1);
	struct gap *g = left != NULL ? left : right;

	if (g == NULL) {
		g = gap_new();
		if (g == NULL)
			return NULL;
		++*gaps;
	}
	if (left != NULL)
		lane->holes -= left->span - 1;
	if (right != NULL) {
		last += right->span;
		lane->holes -= right->span - 1;
	}
	*lane_slot(lane, at) = SLOT_HOLE; /* no search may find the message again */
	if (left != NULL && right != NULL) {
		gap_absorb(left, right);
		--*gaps;
	}
	set_region(lane, left != NULL ? start : at, last, g);
	return g;
}

struct gap *lane_end_gap(struct queue_lane **lane, uint32_t *gaps)
{
	uint64_t start;
	struct gap *g = NULL;

	if (!lane_is_empty(*lane))
		g = region_before(*lane, (*lane)->tail, &start);
	if (g != NULL)
		return g;
	if (!lane_reserve(lane))
		return NULL;
	g = gap_new();
	if (g == NULL)
		return NULL;
	++*gaps;
	*lane_slot(*lane, (*lane)->tail++) = (uintptr_t)g | SLOT_GAP;
	return g;
}

const struct message *lane_oldest(struct queue_lane *lane)
{
	uint64_t at = lane->head;

	/* No two regions are neighbours: behind one is a message, or the end. */
	if (at != lane->tail && slot_kind(*lane_slot(lane, at)) == SLOT_GAP)
		at += region_at(lane, at)->span;
	return at == lane->tail ? NULL : slot_pointer(*lane_slot(lane, at));
}

void lane_pop_gap(struct queue_lane *lane, uint32_t *gaps)
{
	struct gap *g = region_at(lane, lane->head);

	lane->head += g->span;
	lane->holes -= g->span - 1;
	--*gaps;
	gap_free(g);
}

/* ---- victims ---- */

void lane_newest_add(struct queue_lane *lane)
{
	lane->newest->at[lane->newest->n++ & lane->mask] = lane->tail;
}

/* Positions of the newest first are needed: find them all, once. */
static bool find_newest(struct queue_lane *lane)
{
	struct lane_newest *n = malloc(sizeof(*n) + (lane->mask + (size_t)1) * sizeof(n->at[0]));

	if (n == NULL)
		return false;
	n->n = 0;
	for (uint64_t at = lane->head; at != lane->tail; at++) {
		LANE_STEP();
		if (slot_kind(*lane_slot(lane, at)) == SLOT_NEWEST)
			n->at[n->n++ & lane->mask] = at;
	}
	lane->newest = n;
	return true;
}

/* Every cursor moves forward only, so each slot is looked at once for each kind. */
static uint64_t find_oldest(struct queue_lane *lane, enum slot_kind kind)
{
	uint64_t at = lane->from[kind] > lane->head ? lane->from[kind] : lane->head;

	while (slot_kind(*lane_slot(lane, at)) != kind) {
		LANE_STEP();
		at++;
	}
	lane->from[kind] = at;
	return at;
}

struct message *lane_evict(struct queue_lane *lane, enum slot_kind kind, enum gap_reason why,
                           uint32_t *gaps)
{
	struct lane_total *total = &lane->total[kind];
	struct message *m;
	struct gap *g;
	uint64_t at;

	assert(kind > SLOT_KEEP && kind < SLOT_MESSAGES && total->messages != 0);
	if (kind == SLOT_NEWEST && lane->newest == NULL && !find_newest(lane))
		return NULL;
	if (kind == SLOT_NEWEST)
		at = lane->newest->at[(lane->newest->n - 1) & lane->mask];
	else
		at = find_oldest(lane, kind);
	m = slot_pointer(*lane_slot(lane, at));
	g = open_gap(lane, at, gaps);
	if (g == NULL)
		return NULL;
	if (kind == SLOT_NEWEST)
		lane->newest->n--;
	gap_add(g, why, message_topic(m), 1);
	total->messages--;
	total->bytes -= m->len;
	return m;
}
