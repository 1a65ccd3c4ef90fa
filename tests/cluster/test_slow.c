#include "tests/support/cluster.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void publish(struct client *c, const char *room, int number, const char *priority)
{
	char frame[300];

	snprintf(
		frame, sizeof frame,
		"{\"type\":\"publish\",\"topic\":\"room:%s\",\"event_type\":\"m\",\"payload\":%d,\"priority\":\"%s\"}",
		room, number, priority);
	client_say(c, frame);
}

/* What a reader got: messages and what its gaps say was missed; numbers must rise. */
struct tally {
	int got, missed, gaps, first, last;
};

static struct tally tally(struct client *c)
{
	struct tally t = { .first = -1, .last = -1 };

	for (const char *f; (f = client_next(c)) != NULL;) {
		if (strncmp(f, "{\"type\":\"gap\"", 13) == 0) {
			assert_non_null(strstr(f, "\"topics\":[\"room:x\"],\"reason\":\"slow\""));
			t.missed += atoi(frame_field(f, "count"));
			t.gaps++;
			continue;
		}
		assert_true(atoi(frame_field(f, "payload")) > t.last);
		t.last = atoi(frame_field(f, "payload"));
		if (t.first < 0)
			t.first = t.last;
		t.got++;
	}
	return t;
}

static struct tally slow_reader(const char *policy)
{
	char flag[64];
	const char *flags[] = { flag, "--queue-messages=10", "--max-rate=100000", NULL };
	struct cluster *c;
	struct client *slow, *quick;
	struct tally t, all;

	snprintf(flag, sizeof flag, "--queue-policy=%s", policy);
	c = cluster_open(2, flags);
	slow = cluster_connect(c, 0, NULL);
	quick = cluster_connect(c, 0, NULL);
	client_join(slow, "x");
	client_join(quick, "x");
	slow->reads = false;
	for (int i = 0; i < 50; i++) {
		publish(quick, "x", i, "normal");
		cluster_turn(c, 0);
	}
	hub_measure(c->gateway[0].hub);
	assert_int_equal(c->gateway[0].metrics.queue_longest, slow->closing ? 0 : 10);
	assert_int_equal(c->gateway[0].metrics.queued_messages, slow->closing ? 0 : 10);
	all = tally(quick);
	assert_int_equal(all.got, 50);
	assert_int_equal(all.gaps, 0);
	slow->reads = true;
	cluster_turn(c, 0);
	t = tally(slow);
	if (slow->session == NULL)
		assert_int_equal(slow->why, CLOSE_TOO_SLOW);
	else
		assert_int_equal(t.got + t.missed, 50);
	assert_int_equal(t.missed > 0 && slow->session != NULL, slow->session != NULL);
	t.gaps = slow->session == NULL ? -1 : t.gaps;
	cluster_close(c);
	return t;
}

static void a_slow_reader_is_closed_by_default(void **state)
{
	(void)state;
	assert_int_equal(slow_reader("disconnect").gaps, -1);
}

static void drop_oldest_keeps_the_end(void **state)
{
	struct tally t = slow_reader("drop_oldest");

	(void)state;
	assert_int_equal(t.got, 10);
	assert_int_equal(t.first, 40);
	assert_int_equal(t.gaps, 1);
}

static void drop_newest_keeps_the_beginning(void **state)
{
	struct tally t = slow_reader("drop_newest");

	(void)state;
	assert_int_equal(t.got, 10);
	assert_int_equal(t.last, 9);
	assert_int_equal(t.gaps, 1);
}

static void drop_low_first_keeps_what_matters_more(void **state)
{
	const char *const flags[] = { "--queue-policy=drop_low_first", "--queue-messages=10",
		                      NULL };
	struct cluster *c = cluster_open(1, flags);
	struct client *slow = cluster_connect(c, 0, NULL), *quick = cluster_connect(c, 0, NULL);
	int got[3] = { 0 }, missed = 0;

	(void)state;
	client_join(slow, "x");
	slow->reads = false;
	for (int i = 0; i < 30; i++)
		publish(quick, "x", i, i % 3 == 0 ? "low" : i % 3 == 1 ? "normal" : "high");
	cluster_turn(c, 0);
	slow->reads = true;
	cluster_turn(c, 0);
	for (const char *f; (f = client_next(slow)) != NULL;) {
		if (strncmp(f, "{\"type\":\"gap\"", 13) == 0)
			missed += atoi(frame_field(f, "count"));
		else
			got[atoi(frame_field(f, "payload")) % 3]++;
	}
	assert_int_equal(got[0], 0);
	assert_int_equal(got[1], 0);
	assert_int_equal(got[2], 10); /* every high one */
	assert_int_equal(missed, 20);
	cluster_close(c);
}

/* One message above the pressure mark: low is shed with a gap, then publishes are refused. */
static void short_memory_sheds_low_and_refuses(void **state)
{
	const char *const flags[] = { "--memory-limit=1M", "--queue-bytes=4M", NULL };
	struct cluster *c = cluster_open(1, flags);
	struct client *slow = cluster_connect(c, 0, NULL), *quick = cluster_connect(c, 0, NULL);
	char *frame = malloc(800000);
	int n;

	(void)state;
	client_join(slow, "x");
	slow->reads = false;
	n = sprintf(
		frame,
		"{\"type\":\"publish\",\"id\":1,\"topic\":\"room:x\",\"event_type\":\"m\",\"payload\":\"");
	memset(frame + n, 'x', 780000);
	strcpy(frame + n + 780000, "\"}");
	client_say(quick, frame);
	cluster_turn(c, 0);
	client_expect(quick, "{\"type\":\"ack\",\"id\":1");
	client_say(
		quick,
		"{\"type\":\"publish\",\"id\":2,\"topic\":\"room:x\",\"event_type\":\"m\",\"payload\":1,\"priority\":\"low\"}");
	client_say(
		quick,
		"{\"type\":\"publish\",\"id\":3,\"topic\":\"room:x\",\"event_type\":\"m\",\"payload\":1}");
	cluster_turn(c, 0);
	client_expect(quick, "{\"type\":\"error\",\"id\":2,\"code\":1203,\"name\":\"overloaded\"");
	client_expect(quick, "{\"type\":\"ack\",\"id\":3");
	assert_int_equal(c->gateway[0].metrics.overload_state, 1);
	strcpy(frame + n + 300000, "\"}");
	client_say(quick, frame);
	cluster_turn(c, 0);
	client_expect(quick, "{\"type\":\"ack\",\"id\":1");
	assert_int_equal(session_admit(c->gateway[0].hub, slice_of("x")), ADMIT_OVERLOADED);
	client_say(
		quick,
		"{\"type\":\"publish\",\"id\":4,\"topic\":\"room:x\",\"event_type\":\"m\",\"payload\":1,\"priority\":\"high\"}");
	cluster_turn(c, 0);
	client_expect(quick, "{\"type\":\"error\",\"id\":4,\"code\":1203");
	slow->reads = true;
	cluster_turn(c, 0);
	assert_int_equal(session_admit(c->gateway[0].hub, slice_of("x")), ADMIT_OK);
	free(frame);
	cluster_close(c);
}

static void who_asks_and_does_not_read_waits(void **state)
{
	const char *const flags[] = { "--control-messages=16", "--max-rate=100000", NULL };
	struct cluster *c = cluster_open(1, flags);
	struct client *a = cluster_connect(c, 0, NULL);
	int pongs = 0;

	(void)state;
	a->reads = false;
	for (int i = 0; i < 100 && !a->paused; i++)
		client_say(a, "{\"type\":\"ping\",\"id\":1}");
	assert_true(a->paused); /* the socket's buffers are the only ones that fill now */
	assert_false(a->closing);
	for (int i = 0; i < 20; i++) /* what had been read already */
		client_say(a, "{\"type\":\"ping\",\"id\":1}");
	a->reads = true;
	a->woken = true;
	for (int i = 0; i < 10; i++)
		cluster_turn(c, 0);
	while (client_next(a) != NULL)
		pongs++;
	assert_int_equal(pongs, 8 + 1 + 20);
	assert_false(a->paused);
	cluster_close(c);
}

static void who_never_reads_the_answers_is_closed(void **state)
{
	const char *const flags[] = { "--control-messages=16", "--max-rate=100000", NULL };
	struct cluster *c = cluster_open(1, flags);
	struct client *a = cluster_connect(c, 0, NULL);

	(void)state;
	a->reads = false;
	for (int i = 0; i < 20; i++)
		client_say(a, "{\"type\":\"ping\",\"id\":1}");
	cluster_turn(c, 4900);
	assert_non_null(a->session);
	cluster_turn(c, 1200);
	assert_null(a->session);
	assert_int_equal(a->why, CLOSE_TOO_SLOW);
	cluster_close(c);
}

/* The same behind a barrier: the jam begins when what waited takes its turn. */
static void a_jam_behind_a_join_ends_too(void **state)
{
	const char *const flags[] = { "--control-messages=16", "--max-rate=100000",
		                      "--ping-interval-ms=0", NULL };
	struct cluster *c = cluster_open(1, flags);
	struct client *a = cluster_connect(c, 0, NULL);

	(void)state;
	a->reads = false;
	client_say(a, "{\"type\":\"join\",\"id\":1,\"room\":\"x\"}");
	for (int i = 0; i < 30; i++)
		client_say(a, "{\"type\":\"ping\",\"id\":1}");
	cluster_turn(c, 7000);
	assert_null(a->session);
	assert_int_equal(a->why, CLOSE_TOO_SLOW);
	cluster_close(c);
}

/* A list is larger than all the answers that may wait, and the next answer comes behind it. */
static void a_large_list_closes_nobody(void **state)
{
	const char *const flags[] = { "--control-bytes=4096", "--max-rate=100000", NULL };
	struct cluster *c = cluster_open(1, flags);
	struct client *a = cluster_connect(c, 0, NULL);

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct client *m = cluster_connect(c, 0, NULL);

		client_say(
			m,
			"{\"type\":\"join\",\"room\":\"x\",\"presence\":true,\"info\":\"0123456789012345\"}");
		cluster_turn(c, 0);
	}
	client_say(a, "{\"type\":\"join\",\"id\":1,\"room\":\"x\",\"presence\":true}");
	client_say(a, "{\"type\":\"ping\",\"id\":2}");
	cluster_turn(c, 0);
	cluster_turn(c, 0);
	client_expect(a, "{\"type\":\"ack\",\"id\":1,\"members\":[");
	client_expect(a, "{\"type\":\"pong\",\"id\":2}");
	cluster_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slow_reader_is_closed_by_default),
		cmocka_unit_test(drop_oldest_keeps_the_end),
		cmocka_unit_test(drop_newest_keeps_the_beginning),
		cmocka_unit_test(drop_low_first_keeps_what_matters_more),
		cmocka_unit_test(short_memory_sheds_low_and_refuses),
		cmocka_unit_test(who_asks_and_does_not_read_waits),
		cmocka_unit_test(who_never_reads_the_answers_is_closed),
		cmocka_unit_test(a_jam_behind_a_join_ends_too),
		cmocka_unit_test(a_large_list_closes_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
