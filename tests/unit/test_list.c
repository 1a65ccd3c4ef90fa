#include "tests/support/test.h"

#include "broker-common/list.h"

struct thing {
	int number;
	struct list_node node;
};

static struct list list;
static struct thing a, b, c;

static int setup(void **state)
{
	(void)state;
	list_init(&list);
	a = (struct thing){ .number = 1 };
	b = (struct thing){ .number = 2 };
	c = (struct thing){ .number = 3 };
	return 0;
}

/* The numbers in order, as one number. */
static int walked(void)
{
	int all = 0;

	for (struct list_node *n = list_first(&list); n != NULL; n = list_next(&list, n))
		all = all * 10 + container_of(n, struct thing, node)->number;
	return all;
}

static void push_all(void)
{
	list_push(&list, &a.node);
	list_push(&list, &b.node);
	list_push(&list, &c.node);
}

static void an_empty_list_has_no_first(void **state)
{
	(void)state;
	assert_true(list_is_empty(&list));
	assert_null(list_first(&list));
	assert_null(list_shift(&list));
}

static void it_is_walked_from_the_oldest(void **state)
{
	(void)state;
	push_all();
	assert_false(list_is_empty(&list));
	assert_int_equal(walked(), 123);
}

static void the_oldest_is_shifted_out_first(void **state)
{
	(void)state;
	push_all();
	assert_ptr_equal(list_shift(&list), &a.node);
	assert_ptr_equal(list_shift(&list), &b.node);
	assert_ptr_equal(list_shift(&list), &c.node);
	assert_true(list_is_empty(&list));
}

static void any_node_can_be_removed(void **state)
{
	(void)state;
	push_all();
	list_remove(&b.node);
	assert_int_equal(walked(), 13);
	list_remove(&c.node);
	assert_int_equal(walked(), 1);
	list_remove(&a.node);
	assert_true(list_is_empty(&list));
}

static void removing_twice_is_fine(void **state)
{
	(void)state;
	push_all();
	list_remove(&a.node);
	list_remove(&a.node);
	assert_int_equal(walked(), 23);
}

static void a_node_knows_whether_it_is_in_a_list(void **state)
{
	(void)state;
	assert_false(list_has(&a.node));
	push_all();
	assert_true(list_has(&a.node));
	list_shift(&list);
	assert_false(list_has(&a.node));
}

static void a_removed_node_can_be_pushed_again(void **state)
{
	(void)state;
	push_all();
	list_remove(&a.node);
	list_push(&list, &a.node);
	assert_int_equal(walked(), 231);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_list_has_no_first),
		TEST(it_is_walked_from_the_oldest),
		TEST(the_oldest_is_shifted_out_first),
		TEST(any_node_can_be_removed),
		TEST(removing_twice_is_fine),
		TEST(a_node_knows_whether_it_is_in_a_list),
		TEST(a_removed_node_can_be_pushed_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
