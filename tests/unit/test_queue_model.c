/* The queue against its model, by chance. */
#include "tests/support/queue_model.h"

#include <stdlib.h>

#define SEEDS 400
#define STEPS 1500
#define ROOM_MAX (4u * MESSAGE_CHUNK)

static uint64_t random_state;

static uint32_t random_below(uint32_t n)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((random_state >> 33) % n);
}

static void check_accounts(void)
{
	uint32_t messages, gaps = 0;
	bool output = half_sent != NULL;
	size_t bytes;

	sum(LANE_HIGH, LANE_NORMAL, &messages, &bytes);
	CHECK(q.messages == messages && q.bytes == bytes);
	sum(LANE_CONTROL, LANE_CONTROL, &messages, &bytes);
	CHECK(q.control_messages == messages && q.control_bytes == bytes);
	for (int lane = 0; lane < LANES; lane++) {
		output = output || (n_items[lane] != 0 && (lane == LANE_CONTROL || !q.held));
		for (size_t i = 0, run; i < n_items[lane]; i += run + 1) {
			run = run_of_gaps(lane, i);
			gaps += run != 0;
		}
	}
	CHECK(q.gaps == gaps);
	CHECK(queue_has_output(&q) == output);
}

static struct message *random_message(void)
{
	static char text[3 * MESSAGE_CHUNK];
	uint32_t size = random_below(100), topic = random_below(TOPICS + 1);
	uint32_t n = 10 + random_below(size < 90 ? 300 : size < 97 ? 20000 : sizeof(text) - 10);
	struct message *m;

	if (topic < TOPICS)
		memcpy(text, topics[topic], strlen(topics[topic]));
	for (size_t at = 10; at < n && at < 20; at++)
		text[at] = (char)('a' + random_below(26)); /* so that one is not like another */
	m = message_new(&budget, (struct slice){ text, n });
	if (topic < TOPICS)
		message_set_topic(m, 0, strlen(topics[topic]));
	m->born_us = random_below(1000);
	m->lane = random_below(10) == 0 ? LANE_CONTROL : (uint8_t)(1 + random_below(2));
	m->policy = (uint8_t)random_below(QUEUE_POLICIES);
	m->drop = (uint8_t)random_below(DROP_CLASSES);
	return m;
}

static void random_push(void)
{
	uint32_t dropped = 0, model_dropped = 0;
	struct message *m = random_message();
	enum err e = queue_push(&q, &limits, m, &dropped);

	CHECK(e == model_push(m, &model_dropped));
	CHECK(dropped == model_dropped);
	message_unref(m);
}

static void random_take(void)
{
	static char out[ROOM_MAX];
	size_t room = MESSAGE_CHUNK + MESSAGE_CHUNK_HEAD + random_below(2 * MESSAGE_CHUNK);
	uint32_t taken = 0;
	uint64_t oldest_us = UINT64_MAX;
	size_t n = queue_take(&q, &budget, out, room, &taken, &oldest_us);

	CHECK(n <= room);
	memset(&t, 0, sizeof(t));
	t.out = out;
	t.n = n;
	t.room = room;
	t.oldest_us = UINT64_MAX;
	model_take();
	CHECK(t.at == n);
	CHECK(t.taken == taken);
	CHECK(t.oldest_us == oldest_us);
}

static void random_gap(void)
{
	enum lane lane = random_below(LANES);
	enum gap_reason why = random_below(GAP_REASONS);
	uint32_t topic = random_below(TOPICS * 4), count = random_below(5);
	struct slice name = { NULL, 0 };

	if (topic < TOPICS * 4 - 1)
		name = slice_of(topics[topic % TOPICS]);
	queue_gap(&q, lane, name.p == NULL ? slice_of("*") : name, why, count);
	insert_gap(lane, n_items[lane], why, name, count);
}

static void clear_data(void)
{
	uint32_t messages, n;
	size_t bytes;

	sum(LANE_HIGH, LANE_NORMAL, &messages, &bytes);
	if (half_sent != NULL && half_sent->lane != LANE_CONTROL)
		messages--;
	n = queue_clear_data(&q);
	CHECK(n == messages);
	for (int lane = LANE_HIGH; lane <= LANE_NORMAL; lane++) {
		drop_items(items[lane], n_items[lane]);
		n_items[lane] = 0;
	}
}

static void random_limits(void)
{
	bool long_queue = random_below(4) == 0;

	limits.messages = 1 + random_below(long_queue ? 400 : 30);
	limits.bytes = 500 + random_below(random_below(2) ? 5000 : 100000);
	limits.control_messages = 1 + random_below(10);
	limits.control_bytes = 500 + random_below(50000);
}

static void random_step(uint32_t takes)
{
	uint32_t what = random_below(1000);

	if (what < takes)
		random_take();
	else if (what < 970)
		random_push();
	else if (what < 990)
		random_gap();
	else if (what < 994)
		q.held = !q.held;
	else if (what < 998)
		random_limits();
	else
		clear_data();
	check_accounts();
}

/* The same seeds each time; ROOMCAST_SEED=N plays that one alone. */
static void it_does_what_the_model_does(void **state)
{
	const char *one = getenv("ROOMCAST_SEED");
	uint64_t first = one == NULL ? 1 : strtoull(one, NULL, 10);
	uint64_t last = one == NULL ? SEEDS : first;

	(void)state;
	for (int i = 0; i < TOPICS; i++)
		snprintf(topics[i], sizeof(topics[i]), "room:%c", 'a' + i);
	for (seed = first; seed <= last; seed++) {
		uint32_t takes;

		random_state = seed;
		takes = random_below(300);
		queue_init(&q);
		random_limits();
		for (step = 0; step < STEPS; step++)
			random_step(takes);
		queue_fini(&q);
		for (int lane = 0; lane < LANES; lane++) {
			drop_items(items[lane], n_items[lane]);
			n_items[lane] = 0;
		}
		message_unref(half_sent);
		half_sent = NULL;
		CHECK(budget.used == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_does_what_the_model_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
