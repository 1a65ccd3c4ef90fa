#include "tests/support/test.h"

#include "tests/support/alloc.h"

#include "gateway/server/joiner.c"

static struct joiner joiner;
static struct budget budget;
static struct joiner_limits limits;
static struct joined *message;
static char text[5000];

static int setup(void **state)
{
	(void)state;
	allocs_left = ALLOCS_UNLIMITED;
	budget.used = 0;
	limits = (struct joiner_limits){ &budget, 1000000, sizeof text };
	message = NULL;
	joiner_init(&joiner);
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)('a' + i / 7 % 26);
	return 0;
}

/* A test after which something stays charged fails. */
static int teardown(void **state)
{
	(void)state;
	joiner_drop(&joiner, message, &budget);
	joiner_fini(&joiner);
	return budget.used == 0 ? 0 : -1;
}

static enum err add(size_t from, size_t n, size_t to_come)
{
	return joiner_add(&joiner, &message, &limits, text + from, n, to_come);
}

static void assert_holds(size_t n)
{
	assert_non_null(message);
	assert_int_equal(message->n, n);
	assert_memory_equal(message->bytes, text, n);
	assert_true(message->cap >= n);
	assert_int_equal(budget.used, message->cap);
}

static void pieces_become_one_message_however_they_are_cut(void **state)
{
	static const size_t sizes[] = { 1, 2, 7, 255, 256, 1023, 1024, 1025, 4999 };

	(void)state;
	for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
		for (size_t at = 0; at < sizeof text; at += sizes[s]) {
			size_t left = sizeof text - at;

			assert_int_equal(add(at, left < sizes[s] ? left : sizes[s], 0), ERR_OK);
		}
		assert_holds(sizeof text);
		joiner_drop(&joiner, message, &budget);
		message = NULL;
		assert_int_equal(budget.used, 0);
	}
}

static void an_empty_piece_begins_a_message_too(void **state)
{
	(void)state;
	assert_int_equal(joiner_add(&joiner, &message, &limits, NULL, 0, 0), ERR_OK);
	assert_holds(0);
	assert_int_equal(add(0, 3, 0), ERR_OK);
	assert_int_equal(joiner_add(&joiner, &message, &limits, NULL, 0, 0), ERR_OK);
	assert_holds(3);
}

static void a_message_of_the_largest_size_is_taken_and_one_byte_more_is_not(void **state)
{
	(void)state;
	limits.message_most = 2000;
	assert_int_equal(add(0, 1500, 0), ERR_OK);
	assert_int_equal(add(1500, 501, 0), ERR_TOO_BIG);
	assert_holds(1500);
	assert_int_equal(add(1500, 500, 0), ERR_OK);
	assert_holds(2000);
	assert_int_equal(add(0, 1, 0), ERR_TOO_BIG);
	assert_int_equal(message->cap, 2000);
}

static void what_is_announced_counts_before_it_comes(void **state)
{
	(void)state;
	limits.message_most = 2000;
	assert_int_equal(add(0, 10, 1991), ERR_TOO_BIG);
	assert_null(message);
	assert_int_equal(add(0, 10, SIZE_MAX), ERR_TOO_BIG);
	assert_int_equal(add(0, 10, 1990), ERR_OK);
	assert_true(message->cap < 1990); /* announced is not sent: no memory for it yet */
}

static void a_limit_that_shrinks_meanwhile_refuses_the_next_piece(void **state)
{
	(void)state;
	assert_int_equal(add(0, 1500, 0), ERR_OK);
	limits.message_most = 1000;
	assert_int_equal(add(1500, 1, 0), ERR_TOO_BIG);
	assert_holds(1500);
}

static void a_used_up_budget_refuses_more_and_keeps_what_is_there(void **state)
{
	(void)state;
	limits.budget_most = FIRST_CAP + 10;
	assert_int_equal(add(0, FIRST_CAP, 0), ERR_OK);
	assert_int_equal(add(FIRST_CAP, 1, 0), ERR_OVERLOADED);
	assert_holds(FIRST_CAP);
	limits.budget_most = FIRST_CAP - 1;
	joiner_drop(&joiner, message, &budget);
	message = NULL;
	assert_int_equal(add(0, 1, 0), ERR_OVERLOADED);
	assert_null(message);
}

static void without_memory_it_stays_as_it_was(void **state)
{
	(void)state;
	allocs_left = 0;
	assert_int_equal(add(0, 1, 0), ERR_INTERNAL);
	assert_null(message);
	assert_int_equal(budget.used, 0);
	allocs_left = 1;
	assert_int_equal(add(0, FIRST_CAP, 0), ERR_OK);
	assert_int_equal(add(FIRST_CAP, 1, 0), ERR_INTERNAL);
	assert_holds(FIRST_CAP);
}

static void small_buffers_are_used_again_and_large_ones_given_back(void **state)
{
	struct joined *first;

	(void)state;
	assert_int_equal(add(0, 100, 0), ERR_OK);
	first = message;
	joiner_drop(&joiner, message, &budget);
	message = NULL;
	allocs_left = 0;
	assert_int_equal(add(0, 50, 0), ERR_OK);
	assert_ptr_equal(message, first);
	assert_holds(50);
	allocs_left = ALLOCS_UNLIMITED;
	joiner_drop(&joiner, message, &budget);
	message = malloc(sizeof *message + CACHED_CAP + 1);
	*message = (struct joined){ .cap = CACHED_CAP + 1 };
	budget_take(&budget, message->cap);
	joiner_drop(&joiner, message, &budget);
	message = NULL;
	assert_int_equal(joiner.n_cached, 1);
}

static void only_a_few_buffers_are_kept(void **state)
{
	struct joined *many[CACHED_MOST + 5] = { NULL };

	(void)state;
	for (size_t i = 0; i < CACHED_MOST + 5; i++)
		assert_int_equal(joiner_add(&joiner, &many[i], &limits, text, 1, 0), ERR_OK);
	for (size_t i = 0; i < CACHED_MOST + 5; i++)
		joiner_drop(&joiner, many[i], &budget);
	assert_int_equal(joiner.n_cached, CACHED_MOST);
}

static void dropping_nothing_is_fine(void **state)
{
	(void)state;
	joiner_drop(&joiner, NULL, &budget);
	assert_int_equal(joiner.n_cached, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pieces_become_one_message_however_they_are_cut,
		                                setup, teardown),
		cmocka_unit_test_setup_teardown(an_empty_piece_begins_a_message_too, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(
			a_message_of_the_largest_size_is_taken_and_one_byte_more_is_not, setup,
			teardown),
		cmocka_unit_test_setup_teardown(what_is_announced_counts_before_it_comes, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(
			a_limit_that_shrinks_meanwhile_refuses_the_next_piece, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_used_up_budget_refuses_more_and_keeps_what_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(without_memory_it_stays_as_it_was, setup, teardown),
		cmocka_unit_test_setup_teardown(
			small_buffers_are_used_again_and_large_ones_given_back, setup, teardown),
		cmocka_unit_test_setup_teardown(only_a_few_buffers_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(dropping_nothing_is_fine, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
