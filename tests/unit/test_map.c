#include "tests/support/test.h"

#include "tests/support/alloc.h"

#include "broker-common/map.c"

#include <stdio.h>

#define THINGS 5000

struct thing {
	struct map_node node;
	char key[16];
	uint32_t seen;
};

static struct map map;
static struct thing things[THINGS];

static struct slice key_of(const struct map_node *n)
{
	return slice_of(((const struct thing *)(const void *)n)->key);
}

static int setup(void **state)
{
	static const uint64_t zero[2] = { 0, 0 };

	(void)state;
	allocs_left = ALLOCS_UNLIMITED;
	map_seed(zero);
	map_init(&map, key_of);
	for (int i = 0; i < THINGS; i++) {
		memset(&things[i], 0, sizeof(things[i]));
		snprintf(things[i].key, sizeof(things[i].key), "key-%d", i);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	map_fini(&map);
	return 0;
}

static void add(int first, int last)
{
	for (int i = first; i <= last; i++)
		assert_true(map_add(&map, &things[i].node));
}

static void assert_has(int first, int last)
{
	for (int i = first; i <= last; i++)
		assert_ptr_equal(map_find(&map, slice_of(things[i].key)), &things[i].node);
}

/* Made with another implementation (CPython 3.11 hashes bytes with SipHash-1-3; PYTHONHASHSEED 0 is
 * the first seed, 42 the second). */
static void the_hash_is_siphash_1_3(void **state)
{
	static const uint64_t seed_42[2] = { 0xdc504fd368cd90af, 0xb920bb9ffe99e9c1 };
	static const struct {
		const char *key;
		uint64_t with_0, with_42;
	} known[] = {
		{ "a", 0x407448d2b89b1813, 0xfe4a47335692551e },
		{ "abcdefg", 0x6db12aae9070f506, 0x13162120b6bf06ed },
		{ "abcdefgh", 0x3f7b849c0b8e35ea, 0xb441be6d79f21056 },
		{ "room:lobby", 0x519c39b8bc6aedf4, 0x94b54a19cadfd550 },
		{ "the quick brown fox jumps", 0x00c98b97e4f70042, 0x31bacf6fd149d302 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_true(map_hash(slice_of(known[i].key)) == known[i].with_0);
	map_seed(seed_42);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_true(map_hash(slice_of(known[i].key)) == known[i].with_42);
}

static void keys_may_hold_any_byte(void **state)
{
	const struct slice one = { "a\0b", 3 }, other = { "a\0c", 3 }, none = { "", 0 };

	(void)state;
	assert_true(map_hash(one) != map_hash(other));
	assert_true(map_hash(one) != map_hash(none));
}

static void an_empty_map_owns_no_memory_and_finds_nothing(void **state)
{
	(void)state;
	assert_null(map.slots);
	assert_null(map_find(&map, slice_of("key-1")));
}

static void what_was_added_is_found_and_nothing_else(void **state)
{
	(void)state;
	add(0, 99);
	assert_int_equal(map.n, 100);
	assert_has(0, 99);
	assert_null(map_find(&map, slice_of("key-100")));
	assert_null(map_find(&map, slice_of("")));
}

static void it_grows_so_that_chains_stay_short(void **state)
{
	uint32_t longest = 0;

	(void)state;
	add(0, 15);
	assert_int_equal(map.n_slots, 16);
	add(16, THINGS - 1);
	assert_true(map.n_slots >= map.n);
	assert_has(0, THINGS - 1);
	for (uint32_t i = 0; i < map.n_slots; i++) {
		uint32_t length = 0;

		for (struct map_node *n = map.slots[i]; n != NULL; n = n->next)
			length++;
		longest = length > longest ? length : longest;
	}
	assert_in_range(longest, 1, 9); /* load 0.6: ten in one slot would be a bad hash */
}

static void what_was_removed_is_not_found(void **state)
{
	(void)state;
	add(0, 99);
	for (int i = 0; i < 100; i += 2)
		map_remove(&map, &things[i].node);
	assert_int_equal(map.n, 50);
	for (int i = 0; i < 100; i++) {
		struct map_node *found = map_find(&map, slice_of(things[i].key));

		assert_ptr_equal(found, i % 2 == 0 ? NULL : &things[i].node);
	}
}

static void it_shrinks_and_gives_all_memory_back(void **state)
{
	(void)state;
	add(0, THINGS - 1);
	for (int i = THINGS - 1; i >= 1000; i--)
		map_remove(&map, &things[i].node);
	assert_true(map.n_slots <= 4096);
	assert_has(0, 999);
	for (int i = 999; i >= 1; i--)
		map_remove(&map, &things[i].node);
	assert_int_equal(map.n_slots, 16);
	assert_has(0, 0);
	map_remove(&map, &things[0].node);
	assert_null(map.slots);
	add(0, 0);
	assert_has(0, 0);
}

static void a_map_that_wavers_around_a_size_keeps_it(void **state)
{
	(void)state;
	add(0, 63);
	add(64, 64);
	assert_int_equal(map.n_slots, 128);
	for (int i = 64; i >= 32; i--)
		map_remove(&map, &things[i].node);
	assert_int_equal(map.n, 32);
	assert_int_equal(map.n_slots, 128);
	map_remove(&map, &things[31].node);
	assert_int_equal(map.n_slots, 64);
	assert_has(0, 30);
}

static void see(struct map_node *n, void *ctx)
{
	((struct thing *)(void *)n)->seen++;
	++*(uint32_t *)ctx;
}

static void each_sees_everything_once(void **state)
{
	uint32_t n = 0;

	(void)state;
	map_each(&map, see, &n);
	assert_int_equal(n, 0);
	add(0, 999);
	map_each(&map, see, &n);
	assert_int_equal(n, 1000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(things[i].seen, 1);
}

static void remove_odd(struct map_node *n, void *ctx)
{
	struct thing *t = (struct thing *)(void *)n;

	see(n, ctx);
	if ((t - things) % 2 == 1)
		map_remove(&map, n);
}

static void remove_it(struct map_node *n, void *ctx)
{
	see(n, ctx);
	map_remove(&map, n);
	memset(n, 0xa5, sizeof(struct thing)); /* as if it had been freed */
}

static void each_may_remove_the_one_it_is_given(void **state)
{
	uint32_t n = 0;

	(void)state;
	add(0, 999);
	map_each(&map, remove_odd, &n);
	assert_int_equal(n, 1000);
	assert_int_equal(map.n, 500);
	for (int i = 0; i < 1000; i += 2)
		assert_has(i, i);
	map_each(&map, remove_it, &n);
	assert_int_equal(n, 1500);
	assert_null(map.slots);
}

static void without_memory_nothing_is_added(void **state)
{
	(void)state;
	allocs_left = 0;
	assert_false(map_add(&map, &things[0].node));
	assert_int_equal(map.n, 0);
	allocs_left = ALLOCS_UNLIMITED;
	add(0, 15);
	allocs_left = 0;
	assert_false(map_add(&map, &things[16].node));
	assert_int_equal(map.n, 16);
	assert_has(0, 15);
	assert_null(map_find(&map, slice_of(things[16].key)));
	allocs_left = ALLOCS_UNLIMITED;
	add(16, 16);
	assert_has(0, 16);
}

static void without_memory_it_just_does_not_shrink(void **state)
{
	(void)state;
	add(0, 99);
	allocs_left = 0;
	for (int i = 99; i >= 1; i--)
		map_remove(&map, &things[i].node);
	assert_int_equal(map.n_slots, 128);
	assert_has(0, 0);
}

static void fini_leaves_the_things_alone_and_may_be_repeated(void **state)
{
	(void)state;
	add(0, 9);
	map_fini(&map);
	map_fini(&map);
	map_fini(NULL);
	assert_int_equal(map.n, 0);
	assert_null(map_find(&map, slice_of(things[0].key)));
	assert_string_equal(things[0].key, "key-0");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_hash_is_siphash_1_3),
		TEST(keys_may_hold_any_byte),
		TEST(an_empty_map_owns_no_memory_and_finds_nothing),
		TEST(what_was_added_is_found_and_nothing_else),
		TEST(it_grows_so_that_chains_stay_short),
		TEST(what_was_removed_is_not_found),
		TEST(it_shrinks_and_gives_all_memory_back),
		TEST(a_map_that_wavers_around_a_size_keeps_it),
		TEST(each_sees_everything_once),
		TEST(each_may_remove_the_one_it_is_given),
		TEST(without_memory_nothing_is_added),
		TEST(without_memory_it_just_does_not_shrink),
		TEST(fini_leaves_the_things_alone_and_may_be_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
