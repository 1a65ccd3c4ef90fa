/*
 * A model of the queue that is slow and obviously right: lists of items that are shifted about, in
 * which every dropped message leaves an item of its own behind.
 */
#ifndef ROOMCAST_TEST_QUEUE_MODEL_H
#define ROOMCAST_TEST_QUEUE_MODEL_H

#include "tests/support/test.h"

#include "broker-common/envelope.h"
#include "tests/support/frames.h"

#include <stdio.h>

#define ITEMS_MAX 20000
#define TOPICS 24

struct item {
	struct message *m; /* a reference; NULL: something is missing here */
	enum gap_reason why;
	struct slice topic; /* NULL: everything */
	uint32_t count;
};

static struct item items[LANES][ITEMS_MAX];
static size_t n_items[LANES];
static struct message *half_sent;
static size_t half_sent_at;

static struct budget budget, ignored;
static struct queue q;
static struct queue_limits limits;
static char topics[TOPICS][8];
static uint64_t seed;
static int step;

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail_msg("seed %llu, step %d: %s", (unsigned long long)seed, step,         \
			         #condition);                                                      \
	} while (0)

/* ---- in ---- */

static void insert_gap(enum lane lane, size_t at, enum gap_reason why, struct slice topic,
                       uint32_t count)
{
	memmove(&items[lane][at + 1], &items[lane][at], (n_items[lane] - at) * sizeof(struct item));
	items[lane][at] = (struct item){ NULL, why, topic, count };
	n_items[lane]++;
	CHECK(n_items[lane] < ITEMS_MAX);
}

static struct slice topic_kept(const struct message *m)
{
	struct slice topic = message_topic(m);

	for (int i = 0; i < TOPICS; i++) {
		if (slice_is(topic, topics[i]))
			return slice_of(topics[i]);
	}
	return (struct slice){ NULL, 0 };
}

static void sum(enum lane first, enum lane last, uint32_t *messages, size_t *bytes)
{
	*messages = 0;
	*bytes = 0;
	for (int lane = first; lane <= (int)last; lane++) {
		for (size_t i = 0; i < n_items[lane]; i++) {
			if (items[lane][i].m == NULL)
				continue;
			++*messages;
			*bytes += items[lane][i].m->len;
		}
	}
	if (half_sent != NULL && half_sent->lane >= first && half_sent->lane <= last) {
		++*messages;
		*bytes += half_sent->len;
	}
}

static bool fits(const struct message *m)
{
	uint32_t messages;
	size_t bytes;

	if (m->lane == LANE_CONTROL) {
		sum(LANE_CONTROL, LANE_CONTROL, &messages, &bytes);
		return messages < limits.control_messages && bytes < limits.control_bytes;
	}
	sum(LANE_HIGH, LANE_NORMAL, &messages, &bytes);
	return messages == 0 || (messages + 1 <= limits.messages && bytes + m->len <= limits.bytes);
}

static void replace_by_gap(enum lane lane, size_t at)
{
	struct item *item = &items[lane][at];

	item->topic = topic_kept(item->m);
	item->why = GAP_SLOW;
	item->count = 1;
	message_unref(item->m);
	item->m = NULL;
}

/* Give up one message of this policy and class, in the normal lane if there is one. */
static bool give_up(enum queue_policy policy, int drop, bool newest)
{
	for (int lane = LANE_NORMAL; lane >= LANE_HIGH; lane--) {
		for (size_t i = 0; i < n_items[lane]; i++) {
			size_t at = newest ? n_items[lane] - 1 - i : i;
			const struct message *m = items[lane][at].m;

			if (m == NULL || m->policy != policy || (drop >= 0 && m->drop != drop))
				continue;
			replace_by_gap(lane, at);
			return true;
		}
	}
	return false;
}

/* The steps of queue.h, one message; false when there is none to give up for `m`. */
static bool give_up_for(const struct message *m)
{
	bool yields = m->policy != QUEUE_DISCONNECT;

	if (m->policy == QUEUE_DROP_NEWEST)
		return false;
	if (give_up(QUEUE_DROP_LOW_FIRST, DROP_LOW, false))
		return true;
	if (m->policy == QUEUE_DROP_LOW_FIRST && m->drop == DROP_LOW)
		return false;
	if (give_up(QUEUE_DROP_OLDEST, -1, false) || give_up(QUEUE_DROP_NEWEST, -1, true))
		return true;
	if (yields && m->drop < DROP_NORMAL)
		return false;
	if (give_up(QUEUE_DROP_LOW_FIRST, DROP_NORMAL, false))
		return true;
	if (yields && m->drop < DROP_HIGH)
		return false;
	return give_up(QUEUE_DROP_LOW_FIRST, DROP_HIGH, false);
}

static struct item backup[LANES][ITEMS_MAX];
static size_t n_backup[LANES];

static void save(void)
{
	for (int lane = 0; lane < LANES; lane++) {
		n_backup[lane] = n_items[lane];
		memcpy(backup[lane], items[lane], n_items[lane] * sizeof(struct item));
		for (size_t i = 0; i < n_items[lane]; i++) {
			if (items[lane][i].m != NULL)
				message_ref(items[lane][i].m);
		}
	}
}

static void drop_items(struct item *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		message_unref(list[i].m);
}

/* Keep what save() saved, or what has come since. */
static void settle(bool keep_saved)
{
	for (int lane = 0; lane < LANES; lane++) {
		if (!keep_saved) {
			drop_items(backup[lane], n_backup[lane]);
			continue;
		}
		drop_items(items[lane], n_items[lane]);
		n_items[lane] = n_backup[lane];
		memcpy(items[lane], backup[lane], n_items[lane] * sizeof(struct item));
	}
}

static enum err model_push(struct message *m, uint32_t *dropped)
{
	uint32_t given_up = 0;
	bool fitting;

	if (!fits(m)) {
		if (m->lane == LANE_CONTROL)
			return ERR_QUEUE_FULL;
		save();
		while (!(fitting = fits(m)) && give_up_for(m))
			given_up++;
		settle(!fitting);
		if (!fitting && m->policy == QUEUE_DISCONNECT)
			return ERR_QUEUE_FULL;
		*dropped += fitting ? given_up : 1;
		if (!fitting) {
			insert_gap(m->lane, n_items[m->lane], GAP_SLOW, topic_kept(m), 1);
			return ERR_OK;
		}
	}
	items[m->lane][n_items[m->lane]++] = (struct item){ .m = message_ref(m) };
	return ERR_OK;
}

/* ---- out ---- */

static struct {
	const char *out; /* what the real queue gave */
	size_t n, at, room;
	uint32_t taken;
	uint64_t oldest_us;
} t;

static void expect_bytes(const char *p, size_t n)
{
	CHECK(t.at + n <= t.n);
	CHECK(memcmp(t.out + t.at, p, n) == 0);
	t.at += n;
	t.room -= n;
}

static void expect_end_of(struct message *m)
{
	t.taken++;
	if (m->born_us != 0 && m->born_us < t.oldest_us)
		t.oldest_us = m->born_us;
	message_unref(m);
}

/* The next frame of `m` if it fits; where it stopped. */
static size_t expect_frames(const struct message *m, size_t from)
{
	struct seen_frame frame;
	size_t at = from;

	CHECK(next_frame(m->bytes, m->len, &at, &frame));
	if (at - from > t.room)
		at = from;
	expect_bytes(m->bytes + from, at - from);
	return at;
}

/* The items of one reason among the `run` at the start of a lane, as one frame; false when it does
 * not fit. The order of its topics is not promised. */
static bool expect_gap(enum lane lane, size_t run, enum gap_reason why)
{
	struct slice named[TOPICS];
	struct message *frame;
	struct seen_frame seen;
	size_t n = 0, at = t.at;
	uint64_t count = 0;
	bool everything = false, fitting;
	struct buf text;

	for (size_t i = 0; i < run; i++) {
		const struct item *item = &items[lane][i];
		size_t known = 0;

		if (item->why != why)
			continue;
		count += item->count;
		everything = everything || item->topic.p == NULL;
		while (known < n && !slice_eq(named[known], item->topic))
			known++;
		if (known == n && item->topic.p != NULL)
			named[n++] = item->topic;
	}
	everything = everything || n > QUEUE_GAP_TOPICS;
	if (n == 0 && !everything)
		return true;
	buf_init(&text);
	envelope_gap(&text, named, everything ? 0 : n, why, count);
	frame = message_new(&ignored, buf_view(&text));
	fitting = frame->len <= t.room;
	if (fitting) {
		CHECK(next_frame(t.out, t.n, &at, &seen));
		CHECK(at - t.at == frame->len);
		if (everything || n == 1)
			CHECK(slice_eq(seen.text, buf_view(&text)));
		for (size_t i = 0; i < n && !everything; i++) {
			buf_reset(&text);
			buf_json(&text, named[i]);
			CHECK(memmem(seen.text.p, seen.text.n, text.p, text.n) != NULL);
		}
		t.at = at;
		t.room -= frame->len;
	}
	message_unref(frame);
	buf_fini(&text);
	return fitting;
}

static void remove_first(enum lane lane, size_t n)
{
	n_items[lane] -= n;
	memmove(&items[lane][0], &items[lane][n], n_items[lane] * sizeof(struct item));
}

static size_t run_of_gaps(enum lane lane, size_t from)
{
	size_t n = 0;

	while (from + n < n_items[lane] && items[lane][from + n].m == NULL)
		n++;
	return n;
}

static bool take_gaps(enum lane lane)
{
	for (int why = 0; why < GAP_REASONS; why++) {
		size_t run = run_of_gaps(lane, 0), kept = 0;

		if (!expect_gap(lane, run, why))
			return false;
		for (size_t i = 0; i < run; i++) {
			if ((int)items[lane][i].why != why)
				items[lane][kept++] = items[lane][i];
		}
		memmove(&items[lane][kept], &items[lane][run],
		        (n_items[lane] - run) * sizeof(struct item));
		n_items[lane] -= run - kept;
	}
	return true;
}

static bool take_lane(enum lane lane)
{
	while (n_items[lane] != 0) {
		struct message *m = items[lane][0].m;
		size_t sent;

		if (m == NULL) {
			if (!take_gaps(lane))
				return false;
			continue;
		}
		sent = expect_frames(m, 0);
		if (sent == 0)
			return false;
		remove_first(lane, 1);
		if (sent == m->len) {
			expect_end_of(m);
			continue;
		}
		half_sent = m;
		half_sent_at = sent;
		return false;
	}
	return true;
}

static void model_take(void)
{
	if (half_sent != NULL) {
		half_sent_at = expect_frames(half_sent, half_sent_at);
		if (half_sent_at != half_sent->len)
			return;
		expect_end_of(half_sent);
		half_sent = NULL;
	}
	if (take_lane(LANE_CONTROL) && !q.held && take_lane(LANE_HIGH))
		take_lane(LANE_NORMAL);
}

#endif
