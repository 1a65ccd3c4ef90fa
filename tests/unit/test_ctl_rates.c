/* Rates of roomcastctl top. */
#include "tests/support/test.h"

#include "tools/ctl/rates.h"

#include <stdio.h>

#define SECOND 1000

static void take(struct rates *r, uint64_t at, const char *per_node)
{
	char text[1024];

	snprintf(text, sizeof(text), "{\"per_node\":[%s]}", per_node);
	assert_true(rates_take(r, slice_of(text), at));
}

static void one_look_knows_no_rates(void **state)
{
	struct rates r = { .n_nodes = 0 };

	(void)state;
	take(&r, SECOND, "{\"node\":\"a\",\"totals\":{\"messages_sent\":5}}");
	assert_false(r.known);
	rates_fini(&r);
}

static void a_rate_is_the_change_of_all_nodes_a_second(void **state)
{
	struct rates r = { .n_nodes = 0 };

	(void)state;
	take(&r, SECOND,
	     "{\"node\":\"a\",\"totals\":{\"messages_sent\":5}},{\"node\":\"b\",\"totals\":{\"messages_sent\":7}}");
	take(&r, 3 * SECOND,
	     "{\"node\":\"b\",\"totals\":{\"messages_sent\":17}},{\"node\":\"a\",\"totals\":{\"messages_sent\":25}}");
	assert_true(r.known);
	assert_float_equal(r.per_second[RATE_SENT], 15, 1e-9);
	assert_float_equal(r.per_second[RATE_BYTES], 0, 0);
	rates_fini(&r);
}

static void nodes_that_come_go_or_begin_anew_make_no_jump(void **state)
{
	struct rates r = { .n_nodes = 0 };

	(void)state;
	take(&r, SECOND,
	     "{\"node\":\"gone\",\"totals\":{\"errors\":900}},{\"node\":\"again\",\"totals\":{\"errors\":900}},"
	     "{\"node\":\"here\",\"totals\":{\"errors\":900}}");
	take(&r, 2 * SECOND,
	     "{\"node\":\"new\",\"totals\":{\"errors\":500}},{\"node\":\"again\",\"totals\":{\"errors\":3}},"
	     "{\"node\":\"here\",\"totals\":{\"errors\":904}}");
	assert_float_equal(r.per_second[RATE_ERRORS], 4, 1e-9);
	rates_fini(&r);
}

static void counters_with_labels_are_added_up(void **state)
{
	struct rates r = { .n_nodes = 0 };

	(void)state;
	take(&r, SECOND,
	     "{\"node\":\"a\",\"totals\":{\"messages_dropped\":{\"slow\":1,\"overload\":2}}}");
	take(&r, 2 * SECOND,
	     "{\"node\":\"a\",\"totals\":{\"messages_dropped\":{\"slow\":4,\"overload\":9}}}");
	assert_float_equal(r.per_second[RATE_DROPPED], 10, 1e-9);
	rates_fini(&r);
}

static void stats_without_nodes_have_no_rates(void **state)
{
	struct rates r = { .n_nodes = 0 };

	(void)state;
	assert_true(rates_take(&r, slice_of("{}"), SECOND));
	assert_true(rates_take(&r, slice_of("{\"per_node\":7}"), 2 * SECOND));
	assert_float_equal(r.per_second[RATE_SENT], 0, 0);
	rates_fini(&r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_look_knows_no_rates),
		cmocka_unit_test(a_rate_is_the_change_of_all_nodes_a_second),
		cmocka_unit_test(nodes_that_come_go_or_begin_anew_make_no_jump),
		cmocka_unit_test(counters_with_labels_are_added_up),
		cmocka_unit_test(stats_without_nodes_have_no_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
