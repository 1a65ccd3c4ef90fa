#include "broker-common/queue.h"

#include "broker-common/gap.h"
#include "broker-common/queue_lane.h"

#include <assert.h>

static const uint8_t kinds[QUEUE_POLICIES][DROP_CLASSES] = {
	[QUEUE_DISCONNECT] = { SLOT_KEEP, SLOT_KEEP, SLOT_KEEP },
	[QUEUE_DROP_OLDEST] = { SLOT_OLDEST, SLOT_OLDEST, SLOT_OLDEST },
	[QUEUE_DROP_NEWEST] = { SLOT_NEWEST, SLOT_NEWEST, SLOT_NEWEST },
	[QUEUE_DROP_LOW_FIRST] = { SLOT_LOW, SLOT_LOW_NORMAL, SLOT_LOW_HIGH },
};

/* The last kind that may be given up for a message, by its own policy and class: with
 * QUEUE_DISCONNECT it can not give way itself, so all others do. */
static const uint8_t last_victims[QUEUE_POLICIES][DROP_CLASSES] = {
	[QUEUE_DISCONNECT] = { SLOT_LOW_HIGH, SLOT_LOW_HIGH, SLOT_LOW_HIGH },
	[QUEUE_DROP_OLDEST] = { SLOT_NEWEST, SLOT_LOW_NORMAL, SLOT_LOW_HIGH },
	[QUEUE_DROP_NEWEST] = { SLOT_KEEP, SLOT_KEEP, SLOT_KEEP },
	[QUEUE_DROP_LOW_FIRST] = { SLOT_LOW, SLOT_LOW_NORMAL, SLOT_LOW_HIGH },
};

static_assert(sizeof(struct queue) <= 80, "every client has one");

void queue_init(struct queue *q)
{
	*q = (struct queue){ .current = NULL };
}

/* ---- accounts ---- */

static void count_in(struct queue *q, const struct message *m, enum lane which)
{
	if (which == LANE_CONTROL) {
		q->control_messages++;
		q->control_bytes += m->len;
	} else {
		q->messages++;
		q->bytes += m->len;
	}
}

/* It waits no more: give its reference back. */
static void let_go(struct queue *q, struct message *m, enum lane which)
{
	if (which == LANE_CONTROL) {
		q->control_messages--;
		q->control_bytes -= m->len;
	} else {
		q->messages--;
		q->bytes -= m->len;
	}
	message_unref(m);
}

/* ---- in ---- */

static inline enum err append(struct queue *q, struct message *m)
{
	struct queue_lane **lane = &q->lane[m->lane];

	if (lane_is_full(*lane) && !lane_reserve(lane))
		return ERR_INTERNAL;
	lane_add(*lane, kinds[m->policy][m->drop], message_ref(m));
	count_in(q, m, m->lane);
	return ERR_OK;
}

/* This and push_into_full() stay out of line, so that the usual push is short. */
__attribute__((noinline)) static enum err push_control(struct queue *q,
                                                       const struct queue_limits *l,
                                                       struct message *m)
{
	if (q->control_messages >= l->control_messages || q->control_bytes >= l->control_bytes)
		return ERR_QUEUE_FULL;
	return append(q, m);
}

/* Whether `m` fits once what `given_up` says is gone. */
static bool fits(const struct queue *q, const struct queue_limits *l, const struct message *m,
                 struct lane_total given_up)
{
	uint32_t messages = q->messages - given_up.messages;

	return messages == 0 ||
		(messages < l->messages && q->bytes - given_up.bytes + m->len <= l->bytes);
}

/* All that could be given up for `m`. */
static struct lane_total all_victims(const struct queue *q, enum slot_kind last)
{
	struct lane_total all = { 0, 0 };

	for (int which = LANE_HIGH; which <= LANE_NORMAL; which++) {
		const struct queue_lane *lane = q->lane[which];

		for (int kind = SLOT_KEEP + 1; lane != NULL && kind <= (int)last; kind++) {
			all.messages += lane->total[kind].messages;
			all.bytes += lane->total[kind].bytes;
		}
	}
	return all;
}

/* Which lane gives up a message of this kind next: what is sent later goes first. */
static int victim_lane(const struct queue *q, enum slot_kind kind)
{
	for (int which = LANE_NORMAL; which >= LANE_HIGH; which--) {
		if (q->lane[which] != NULL && q->lane[which]->total[kind].messages != 0)
			return which;
	}
	return -1;
}

/* Give up messages until `m` fits; that it will is known. */
static enum err make_room(struct queue *q, const struct queue_limits *l, const struct message *m,
                          uint32_t *dropped)
{
	const struct lane_total nothing = { 0, 0 };
	enum slot_kind kind = SLOT_KEEP + 1;
	struct message *victim;
	int which;

	while (!fits(q, l, m, nothing)) {
		which = victim_lane(q, kind);
		if (which < 0) {
			kind++;
			continue;
		}
		victim = lane_evict(q->lane[which], kind, GAP_SLOW, &q->gaps);
		if (victim == NULL)
			return ERR_INTERNAL;
		let_go(q, victim, which);
		++*dropped;
	}
	return ERR_OK;
}

__attribute__((noinline)) static enum err push_into_full(struct queue *q,
                                                         const struct queue_limits *l,
                                                         struct message *m, uint32_t *dropped)
{
	enum err e;

	if (fits(q, l, m, all_victims(q, last_victims[m->policy][m->drop]))) {
		e = make_room(q, l, m, dropped);
		return e == ERR_OK ? append(q, m) : e;
	}
	if (m->policy == QUEUE_DISCONNECT)
		return ERR_QUEUE_FULL;
	queue_gap(q, m->lane, message_topic(m), GAP_SLOW, 1);
	++*dropped;
	return ERR_OK;
}

enum err queue_push(struct queue *q, const struct queue_limits *l, struct message *m,
                    uint32_t *dropped)
{
	const struct lane_total nothing = { 0, 0 };

	if (m->lane == LANE_CONTROL)
		return push_control(q, l, m);
	if (fits(q, l, m, nothing))
		return append(q, m);
	return push_into_full(q, l, m, dropped);
}

void queue_gap(struct queue *q, enum lane lane, struct slice topic, enum gap_reason why,
               uint32_t count)
{
	struct gap *g = lane_end_gap(&q->lane[lane], &q->gaps);

	if (g != NULL)
		gap_add(g, why, topic, count);
	else
		q->untold |= (uint8_t)(1u << why); /* no memory even for this: take_untold() */
}

uint32_t queue_shed(struct queue *q)
{
	struct message *m;
	uint32_t n = 0;
	int which;

	while ((which = victim_lane(q, SLOT_LOW)) >= 0) {
		m = lane_evict(q->lane[which], SLOT_LOW, GAP_OVERLOAD, &q->gaps);
		if (m == NULL)
			break; /* no memory to say so: it stays */
		let_go(q, m, which);
		n++;
	}
	return n;
}

/* ---- out ---- */

/* Of a message in fragments one is taken at a time: what a slow reader's socket does not take waits
 * outside the queue. */
#define ONE_CHUNK (MESSAGE_CHUNK + MESSAGE_CHUNK_HEAD)

struct taking {
	char *out;
	size_t room, n; /* bytes */
	uint32_t taken;
	uint64_t oldest_us;
};

static void put(struct taking *t, const void *p, size_t n)
{
	memcpy(t->out + t->n, p, n);
	t->n += n;
}

static void finish(struct queue *q, struct message *m, enum lane which, struct taking *t)
{
	t->taken++;
	if (m->born_us != 0 && m->born_us < t->oldest_us)
		t->oldest_us = m->born_us;
	let_go(q, m, which);
}

/* Go on with the message of which some fragments have gone; no other may come between them. */
static void take_current(struct queue *q, struct taking *t)
{
	struct message *m = q->current;
	size_t room = t->room - t->n < ONE_CHUNK ? t->room - t->n : ONE_CHUNK;
	size_t n = message_frames(m, q->offset, room);

	put(t, m->bytes + q->offset, n);
	q->offset += (uint32_t)n;
	if (q->offset != m->len)
		return;
	q->current = NULL;
	q->offset = 0;
	finish(q, m, q->lane_of_current, t);
}

/* Tell what one gap says for one reason; false when that has to wait for room or memory. */
static bool take_gap_frame(const struct gap *g, enum gap_reason why, struct budget *b,
                           struct taking *t)
{
	struct message *m = gap_frame(g, why, b);
	bool ok = m != NULL && m->len <= t->room - t->n;

	if (ok)
		put(t, m->bytes, m->len);
	message_unref(m);
	return ok;
}

static bool take_gap(struct queue *q, struct queue_lane *lane, struct budget *b, struct taking *t)
{
	struct gap *g = slot_pointer(*lane_slot(lane, lane->head));

	for (int why = 0; why < GAP_REASONS; why++) {
		if (!gap_has(g, why))
			continue;
		if (!take_gap_frame(g, why, b, t))
			return false;
		gap_forget(g, why);
	}
	lane_pop_gap(lane, &q->gaps);
	return true;
}

/* Gaps for which there was no memory. Early is right: what was missed lies before now. */
static bool take_untold(struct queue *q, struct budget *b, struct taking *t)
{
	struct gap everything;

	for (int why = 0; why < GAP_REASONS; why++) {
		if ((q->untold & 1u << why) == 0)
			continue;
		everything = (struct gap){ .span = 1 };
		everything.part[why].everything = true;
		if (!take_gap_frame(&everything, why, b, t))
			return false;
		q->untold &= (uint8_t) ~(1u << why);
	}
	return true;
}

/* All of a lane; false when something is left. */
static bool take_lane(struct queue *q, enum lane which, struct budget *b, struct taking *t)
{
	struct queue_lane *lane = q->lane[which];
	struct message *m;
	uintptr_t slot;

	while (!lane_is_empty(lane)) {
		slot = *lane_slot(lane, lane->head);
		if (slot_kind(slot) == SLOT_GAP) {
			if (!take_gap(q, lane, b, t))
				return false;
			continue;
		}
		m = slot_pointer(slot);
		if (m->len > t->room - t->n || m->len > ONE_CHUNK) {
			if (message_frames(m, 0, t->room - t->n) == 0)
				return false;
			q->current = lane_pop(lane);
			q->lane_of_current = (uint8_t)which;
			take_current(q, t);
			return false;
		}
		put(t, m->bytes, m->len);
		finish(q, lane_pop(lane), which, t);
	}
	lane_free(lane);
	q->lane[which] = NULL;
	return true;
}

size_t queue_take(struct queue *q, struct budget *b, char *out, size_t room, uint32_t *taken,
                  uint64_t *oldest_us)
{
	struct taking t = { out, room, 0, 0, *oldest_us };

	assert(room >= MESSAGE_CHUNK + MESSAGE_CHUNK_HEAD);
	if (q->current != NULL)
		take_current(q, &t);
	if (q->current == NULL && take_lane(q, LANE_CONTROL, b, &t) && !q->held &&
	    take_untold(q, b, &t) && take_lane(q, LANE_HIGH, b, &t))
		take_lane(q, LANE_NORMAL, b, &t);
	*taken += t.taken;
	*oldest_us = t.oldest_us;
	return t.n;
}

static uint64_t born_us(const struct message *m)
{
	return m == NULL || m->born_us == 0 ? UINT64_MAX : m->born_us;
}

uint64_t queue_oldest_us(const struct queue *q)
{
	uint64_t oldest = born_us(q->current), us;

	for (int i = 0; i < LANES; i++) {
		us = born_us(q->lane[i] == NULL ? NULL : lane_oldest(q->lane[i]));
		if (us < oldest)
			oldest = us;
	}
	return oldest;
}

bool queue_has_output(const struct queue *q)
{
	if (q->current != NULL || !lane_is_empty(q->lane[LANE_CONTROL]))
		return true;
	return !q->held &&
		(q->untold != 0 || !lane_is_empty(q->lane[LANE_HIGH]) ||
	         !lane_is_empty(q->lane[LANE_NORMAL]));
}

/* ---- the end ---- */

static uint32_t clear_lane(struct queue *q, enum lane which)
{
	struct queue_lane *lane = q->lane[which];
	uint32_t n = 0;

	while (!lane_is_empty(lane)) {
		if (slot_kind(*lane_slot(lane, lane->head)) == SLOT_GAP) {
			lane_pop_gap(lane, &q->gaps);
			continue;
		}
		let_go(q, lane_pop(lane), which);
		n++;
	}
	lane_free(lane);
	q->lane[which] = NULL;
	return n;
}

uint32_t queue_clear_data(struct queue *q)
{
	q->untold = 0;
	return clear_lane(q, LANE_HIGH) + clear_lane(q, LANE_NORMAL);
}

void queue_fini(struct queue *q)
{
	if (q == NULL)
		return;
	clear_lane(q, LANE_CONTROL);
	queue_clear_data(q);
	message_unref(q->current);
	queue_init(q);
}
