/*
 * One queue under test: what goes in, and how what comes out reads.
 *
 * "a:1" is the text of a message of the topic "a". A gap reads <["a"] slow 2>.
 */
#ifndef ROOMCAST_TEST_QUEUE_H
#define ROOMCAST_TEST_QUEUE_H

#include "tests/support/test.h"

#include "broker-common/queue.h"
#include "tests/support/frames.h"

#include <stdio.h>

#define ROOM (MESSAGE_CHUNK + MESSAGE_CHUNK_HEAD)

static struct budget budget;
static struct queue q;
static struct queue_limits limits; /* 4 messages, 1000 bytes; control 3, 500 */
static uint32_t dropped, taken;
static uint64_t oldest_us;
static char out[4 * ROOM];

static inline int queue_setup(void **state)
{
	(void)state;
	budget.used = 0;
	queue_init(&q);
	limits = (struct queue_limits){ 4, 3, 1000, 500 };
	dropped = taken = 0;
	oldest_us = UINT64_MAX;
	return 0;
}

/* A test that forgets a reference, or a queue that does, fails. */
static inline int queue_teardown(void **state)
{
	(void)state;
	queue_fini(&q);
	return budget.used == 0 ? 0 : -1;
}

#define QUEUE_TEST(name) cmocka_unit_test_setup_teardown(name, queue_setup, queue_teardown)

/* ---- in ---- */

static inline struct message *message_of(const char *text, enum lane lane, enum queue_policy policy,
                                         enum drop_class drop)
{
	struct message *m = message_new(&budget, slice_of(text));

	assert_non_null(m);
	if (strchr(text, ':') != NULL)
		message_set_topic(m, 0, (size_t)(strchr(text, ':') - text));
	m->lane = (uint8_t)lane;
	m->policy = (uint8_t)policy;
	m->drop = (uint8_t)drop;
	return m;
}

/* A text of `n` bytes, no topic. */
static inline struct message *large(size_t n, enum lane lane, enum queue_policy policy)
{
	static char text[4 * MESSAGE_CHUNK + 1];
	struct message *m;

	memset(text, 'x', n);
	text[n] = '\0';
	m = message_of(text, lane, policy, DROP_NORMAL);
	return m;
}

/* Takes the caller's reference. */
static inline void push_message(struct message *m, enum err expected)
{
	assert_int_equal(queue_push(&q, &limits, m, &dropped), expected);
	message_unref(m);
}

static inline void push_as(const char *text, enum lane lane, enum queue_policy policy,
                           enum drop_class drop, enum err expected)
{
	push_message(message_of(text, lane, policy, drop), expected);
}

static inline void push(const char *text, enum queue_policy policy)
{
	push_as(text, LANE_NORMAL, policy, DROP_NORMAL, ERR_OK);
}

static inline void push_high(const char *text, enum queue_policy policy)
{
	push_as(text, LANE_HIGH, policy, DROP_NORMAL, ERR_OK);
}

static inline void push_low_first(const char *text, enum drop_class drop)
{
	push_as(text, LANE_NORMAL, QUEUE_DROP_LOW_FIRST, drop, ERR_OK);
}

/* To the control lane. */
static inline void push_answer(const char *text)
{
	push_as(text, LANE_CONTROL, QUEUE_DISCONNECT, DROP_NORMAL, ERR_OK);
}

static inline void push_many(const char *text, enum queue_policy policy, int n)
{
	while (n-- > 0)
		push(text, policy);
}

/* ---- out ---- */

static inline int describe(struct slice text, char *to, size_t room)
{
	static const char head[] = "{\"type\":\"gap\",\"topics\":", middle[] = ",\"reason\":\"";
	char line[8192], reason[32];
	const char *topics = line + sizeof(head) - 1, *rest;
	int count = 0;

	snprintf(line, sizeof(line), "%.*s", SLICE_ARGS(text));
	rest = strstr(line, middle);
	if (strncmp(line, head, sizeof(head) - 1) != 0 || rest == NULL ||
	    sscanf(rest + sizeof(middle) - 1, "%31[a-z]\",\"count\":%d", reason, &count) < 1)
		return snprintf(to, room, "%s", line);
	return snprintf(to, room, "<%.*s %s %d>", (int)(rest - topics), topics, reason, count);
}

/* The texts in the first `n` bytes of `out`, added to `to`. */
static inline void describe_out(size_t n, char *to, size_t room)
{
	struct seen_frame frame;
	size_t used = strlen(to);

	for (size_t at = 0; at < n;) {
		assert_true(next_frame(out, n, &at, &frame));
		if (used != 0)
			to[used++] = ' ';
		used += (size_t)describe(frame.text, to + used, room - used);
	}
}

static inline size_t take(size_t room)
{
	return queue_take(&q, &budget, out, room, &taken, &oldest_us);
}

/* One take gives this. */
static inline void assert_take(const char *expected)
{
	char text[8192] = "";

	describe_out(take(ROOM), text, sizeof(text));
	assert_string_equal(text, expected);
}

/* Everything that waits comes out, and reads so. */
static inline void assert_takes(const char *expected)
{
	char text[8192] = "";
	size_t n;

	while ((n = take(ROOM)) != 0)
		describe_out(n, text, sizeof(text));
	assert_string_equal(text, expected);
	assert_int_equal(q.messages, 0);
	assert_int_equal(q.bytes, 0);
	assert_int_equal(q.gaps, 0);
	assert_false(queue_has_output(&q));
}

#endif
