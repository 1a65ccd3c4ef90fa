#include "tests/support/test.h"

#include "tests/support/alloc.h"

#include "broker-common/message.c"

#define LARGEST (5 * MESSAGE_CHUNK)

static char text[LARGEST];
static struct budget budget;

static int setup(void **state)
{
	(void)state;
	allocs_left = ALLOCS_UNLIMITED;
	budget.used = 0;
	for (size_t i = 0; i < LARGEST; i++)
		text[i] = (char)('a' + i / 7 % 26);
	return 0;
}

/* A test that forgets a reference fails. */
static int teardown(void **state)
{
	(void)state;
	return budget.used == 0 ? 0 : -1;
}

static struct message *message_of(size_t n)
{
	struct message *m = message_new(&budget, (struct slice){ text, n });

	assert_non_null(m);
	return m;
}

/* One frame at `*at` with this first byte, whose text is the bytes of `text` from `*from` on. */
static void assert_frame(const struct message *m, size_t *at, size_t *from, unsigned int first,
                         size_t head, size_t n)
{
	const unsigned char *p = (const unsigned char *)m->bytes + *at;

	assert_true(*at + head + n <= m->len);
	assert_int_equal(p[0], first);
	if (head == 2) {
		assert_int_equal(p[1], n);
	} else {
		assert_int_equal(p[1], 126);
		assert_int_equal(p[2] << 8 | p[3], n);
	}
	assert_memory_equal(p + head, text + *from, n);
	*at += head + n;
	*from += n;
}

static void assert_one_frame(size_t n, size_t head)
{
	struct message *m = message_of(n);
	size_t at = 0, from = 0;

	assert_frame(m, &at, &from, 0x81, head, n);
	assert_int_equal(m->len, at);
	message_unref(m);
}

static void a_small_text_is_one_frame(void **state)
{
	(void)state;
	assert_one_frame(0, 2);
	assert_one_frame(1, 2);
	assert_one_frame(125, 2);
	assert_one_frame(126, 4);
	assert_one_frame(255, 4);
	assert_one_frame(256, 4);
	assert_one_frame(MESSAGE_CHUNK, 4);
}

static void a_text_that_is_not_there_is_an_empty_frame(void **state)
{
	struct message *m = message_new(&budget, (struct slice){ NULL, 0 });

	(void)state;
	assert_int_equal(m->len, 2);
	assert_memory_equal(m->bytes, "\x81\x00", 2);
	message_unref(m);
}

static void a_large_text_is_framed_as_fragments(void **state)
{
	static const size_t last[] = { 1, 125, 126, 1000, MESSAGE_CHUNK };

	(void)state;
	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
		struct message *m = message_of(3 * MESSAGE_CHUNK + last[i]);
		size_t at = 0, from = 0;

		assert_frame(m, &at, &from, 0x01, 4, MESSAGE_CHUNK);
		assert_frame(m, &at, &from, 0x00, 4, MESSAGE_CHUNK);
		assert_frame(m, &at, &from, 0x00, 4, MESSAGE_CHUNK);
		assert_frame(m, &at, &from, 0x80, last[i] < 126 ? 2 : 4, last[i]);
		assert_int_equal(m->len, at);
		message_unref(m);
	}
}

static void a_new_message_is_for_the_control_lane_and_has_no_topic(void **state)
{
	struct message *m = message_of(10);

	(void)state;
	assert_int_equal(m->lane, LANE_CONTROL);
	assert_int_equal(m->policy, QUEUE_DISCONNECT);
	assert_int_equal(m->drop, DROP_NORMAL);
	assert_true(m->born_us == 0);
	assert_null(message_topic(m).p);
	message_unref(m);
}

static void assert_topic(size_t text_n, size_t at, size_t n)
{
	struct message *m = message_of(text_n);
	struct slice topic;

	message_set_topic(m, at, n);
	topic = message_topic(m);
	assert_int_equal(topic.n, n);
	assert_memory_equal(topic.p, text + at, n);
	message_unref(m);
}

static void the_topic_is_found_behind_a_head_of_any_size(void **state)
{
	(void)state;
	assert_topic(125, 0, 1);
	assert_topic(125, 120, 5);
	assert_topic(126, 30, 10);
	assert_topic(MESSAGE_CHUNK, MESSAGE_CHUNK - 207, 207);
	assert_topic(LARGEST, 30, 200);
	assert_topic(LARGEST, MESSAGE_CHUNK - 1, 1);
}

static void the_budget_is_charged_until_the_last_reference_goes(void **state)
{
	struct message *m = message_of(1000), *other = message_of(MESSAGE_CHUNK + 1);

	(void)state;
	assert_int_equal(budget.used, 2 * sizeof(*m) + m->len + other->len);
	assert_ptr_equal(message_ref(m), m);
	message_unref(other);
	message_unref(m);
	assert_int_equal(budget.used, sizeof(*m) + m->len);
	message_unref(m);
	assert_int_equal(budget.used, 0);
	message_unref(NULL);
}

static void without_memory_there_is_no_message_and_no_charge(void **state)
{
	(void)state;
	allocs_left = 0;
	assert_null(message_new(&budget, slice_of("text")));
	allocs_left = ALLOCS_UNLIMITED;
	assert_null(message_new(&budget, (struct slice){ text, UINT32_MAX }));
	assert_int_equal(budget.used, 0);
}

static void a_message_that_fits_is_taken_whole(void **state)
{
	struct message *m = message_of(1000);

	(void)state;
	assert_int_equal(message_frames(m, 0, 1004), 1004);
	assert_int_equal(message_frames(m, 0, 100000), 1004);
	assert_int_equal(message_frames(m, 0, 1003), 0);
	assert_int_equal(message_frames(m, 0, 0), 0);
	message_unref(m);
	m = message_of(MESSAGE_CHUNK);
	assert_int_equal(message_frames(m, 0, MESSAGE_CHUNK + 4), MESSAGE_CHUNK + 4);
	assert_int_equal(message_frames(m, 0, MESSAGE_CHUNK + 3), 0);
	message_unref(m);
}

static void a_large_message_is_taken_by_whole_chunks(void **state)
{
	const size_t stride = MESSAGE_CHUNK + MESSAGE_CHUNK_HEAD;
	struct message *m = message_of(2 * MESSAGE_CHUNK + 100);

	(void)state;
	assert_int_equal(message_frames(m, 0, stride - 1), 0);
	assert_int_equal(message_frames(m, 0, stride), stride);
	assert_int_equal(message_frames(m, 0, 2 * stride - 1), stride);
	assert_int_equal(message_frames(m, 0, 2 * stride + 101), 2 * stride);
	assert_int_equal(message_frames(m, 0, 2 * stride + 102), m->len);
	assert_int_equal(message_frames(m, stride, stride + 102), stride + 102);
	assert_int_equal(message_frames(m, 2 * stride, 101), 0);
	assert_int_equal(message_frames(m, 2 * stride, 102), 102);
	assert_int_equal(message_frames(m, m->len - m->len % stride, stride), 102);
	message_unref(m);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_small_text_is_one_frame),
		TEST(a_text_that_is_not_there_is_an_empty_frame),
		TEST(a_large_text_is_framed_as_fragments),
		TEST(a_new_message_is_for_the_control_lane_and_has_no_topic),
		TEST(the_topic_is_found_behind_a_head_of_any_size),
		TEST(the_budget_is_charged_until_the_last_reference_goes),
		TEST(without_memory_there_is_no_message_and_no_charge),
		TEST(a_message_that_fits_is_taken_whole),
		TEST(a_large_message_is_taken_by_whole_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
