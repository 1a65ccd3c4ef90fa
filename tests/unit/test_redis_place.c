#include "gateway/tier/redis/place.h"

#include "tests/support/test.h"

#include <stdio.h>

#define SERVERS_MAX 16u

/* What another implementation of FNV-1a gives; a cluster of two versions depends on it. */
static void a_topic_has_the_partition_that_it_always_had(void **state)
{
	static const struct {
		const char *topic;
		unsigned int partition;
	} cases[] = {
		{ "", 0x25 },       /* cbf29ce484222325 */
		{ "a", 0x0c },      /* af63dc4c8601ec8c */
		{ "foobar", 0x28 }, /* 85944171f73967e8 */
		{ "room:lobby", 56 }, { "event:x", 5 }, { "user:u1", 50 }, { "all", 36 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(place_partition(slice_of(cases[i].topic)), cases[i].partition);
}

static void every_byte_of_a_topic_counts_as_an_unsigned_one(void **state)
{
	static const char high[] = { (char)0xff }, zero[] = { 'a', 0 };

	(void)state;
	assert_int_equal(place_partition((struct slice){ high, 1 }), 0x2e); /* af64724c8602eb6e */
	assert_int_not_equal(place_partition((struct slice){ zero, 2 }),
	                     place_partition((struct slice){ zero, 1 }));
}

static void topics_spread_evenly_over_the_partitions(void **state)
{
	enum { EACH = 1000 };
	unsigned int counts[PLACE_PARTITIONS] = { 0 };
	char name[32];

	(void)state;
	for (unsigned int i = 0; i < EACH * PLACE_PARTITIONS; i++) {
		snprintf(name, sizeof name, "room:%u", i);
		counts[place_partition(slice_of(name))]++;
	}
	for (unsigned int p = 0; p < PLACE_PARTITIONS; p++)
		assert_in_range(counts[p], EACH * 8 / 10, EACH * 12 / 10);
}

/* The values that other implementations are tested with. */
static void the_jump_hash_is_the_published_one(void **state)
{
	(void)state;
	assert_int_equal(place_jump(1, 1), 0);
	assert_int_equal(place_jump(42, 57), 43);
	assert_int_equal(place_jump(0xdead10cc, 1), 0);
	assert_int_equal(place_jump(0xdead10cc, 666), 361);
	assert_int_equal(place_jump(256, 1024), 520);
}

static void the_jump_hash_takes_any_key_and_any_number_of_buckets(void **state)
{
	(void)state;
	for (uint64_t key = 0; key < 2000; key++) {
		assert_true(place_jump(key, UINT32_MAX) < UINT32_MAX);
		assert_true(place_jump(UINT64_MAX - key, 3) < 3);
	}
}

static void every_server_gets_a_fair_part_of_the_partitions(void **state)
{
	(void)state;
	for (unsigned int servers = 1; servers <= SERVERS_MAX; servers++) {
		unsigned int counts[SERVERS_MAX] = { 0 };

		for (unsigned int p = 0; p < PLACE_PARTITIONS; p++) {
			assert_true(place_server(p, servers) < servers);
			counts[place_server(p, servers)]++;
		}
		for (unsigned int s = 0; s < servers; s++) {
			assert_true(counts[s] >= 1);
			if (servers <= 8)
				assert_in_range(counts[s] * servers, PLACE_PARTITIONS / 2,
				                PLACE_PARTITIONS * 2);
		}
	}
}

static void a_further_server_takes_its_part_and_moves_nothing_else(void **state)
{
	(void)state;
	for (unsigned int servers = 1; servers < SERVERS_MAX; servers++)
		for (unsigned int p = 0; p < PLACE_PARTITIONS; p++) {
			unsigned int before = place_server(p, servers);
			unsigned int after = place_server(p, servers + 1);

			assert_true(after == before || after == servers);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_topic_has_the_partition_that_it_always_had),
		cmocka_unit_test(every_byte_of_a_topic_counts_as_an_unsigned_one),
		cmocka_unit_test(topics_spread_evenly_over_the_partitions),
		cmocka_unit_test(the_jump_hash_is_the_published_one),
		cmocka_unit_test(the_jump_hash_takes_any_key_and_any_number_of_buckets),
		cmocka_unit_test(every_server_gets_a_fair_part_of_the_partitions),
		cmocka_unit_test(a_further_server_takes_its_part_and_moves_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
