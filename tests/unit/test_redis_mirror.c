#include "tests/support/test.h"

#include "gateway/tier/redis/registry.h"

#include <stdlib.h>

static struct registry g;

static int setup(void **state)
{
	(void)state;
	g = (struct registry){ .number = 1 };
	map_init(&g.topics, mirror_topic_key);
	list_init(&g.order);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mirror_clear(&g);
	return 0;
}

static bool enter(const char *topic, const char *client, bool visible, bool again)
{
	const struct member member = { .client = slice_of(client), .user = slice_of("ann") };
	struct entering *e;
	struct buf blob;
	bool entered;

	buf_init(&blob);
	if (visible)
		parcel_encode_member(&blob, &member);
	e = calloc(1, sizeof *e + strlen(topic) + 1 + strlen(client) + blob.n);
	*e = (struct entering){
		.number = g.number,
		.visible = visible,
		.again = again,
		.presence_max = 500,
		.topic_n = (uint32_t)strlen(topic),
		.client_n = (uint32_t)strlen(client),
		.blob_n = (uint32_t)blob.n,
	};
	memcpy(e->text, topic, e->topic_n);
	memcpy(e->text + e->topic_n + 1, client, e->client_n);
	if (blob.n > 0)
		memcpy(e->text + e->topic_n + 1 + e->client_n, blob.p, blob.n);
	entered = mirror_enter(&g, e);
	buf_fini(&blob);
	free(e);
	return entered;
}

static struct reg_topic *topic(const char *name)
{
	return mirror_find(&g, slice_of(name));
}

static void leave(const char *name, const char *client)
{
	mirror_leave(&g, topic(name), slice_of(client));
}

static void connections_are_counted_and_those_who_are_seen_are_kept(void **state)
{
	(void)state;
	assert_true(enter("room:x", "a", true, false));
	assert_true(enter("room:x", "b", false, false));
	assert_int_equal(topic("room:x")->connections, 2);
	assert_int_equal(topic("room:x")->members.n, 1);
	assert_true(enter("room:x", "b", true, true));
	assert_true(enter("room:x", "b", true, true));
	assert_int_equal(topic("room:x")->connections, 2);
	assert_int_equal(topic("room:x")->members.n, 2);
	leave("room:x", "a");
	assert_int_equal(topic("room:x")->members.n, 1);
	leave("room:x", "b");
	assert_null(topic("room:x"));
	assert_true(list_is_empty(&g.order));
}

static void a_member_is_kept_as_it_is_told(void **state)
{
	const struct reg_member *m;
	struct member member;

	(void)state;
	assert_true(enter("room:x", "a", true, false));
	m = container_of(list_first(&topic("room:x")->order_of_members), struct reg_member, order);
	assert_true(parcel_decode_member((struct slice){ m->blob, m->len }, &member));
	assert_true(slice_is(member.client, "a") && slice_is(member.user, "ann"));
	assert_null(member.info.p);
}

static void who_never_entered_cannot_be_seen(void **state)
{
	(void)state;
	assert_false(enter("room:x", "a", true, true));
	assert_null(topic("room:x"));
}

/* As restore.c does with the first two of three. */
static void who_leaves_before_it_is_told_again_is_not_waited_for(void **state)
{
	struct reg_topic *t;
	struct list_node *n;

	(void)state;
	assert_true(enter("room:x", "a", true, false));
	assert_true(enter("room:x", "b", true, false));
	assert_true(enter("room:x", "c", true, false));
	t = topic("room:x");
	g.number = 2;
	leave("room:x", "b"); /* before anything was told: nothing waits yet */
	assert_int_equal(t->untold, 0);
	t->told = 2;
	t->untold = 1;
	n = list_first(&t->order_of_members);
	container_of(n, struct reg_member, order)->told = 2;
	leave("room:x", "a"); /* who has been told */
	assert_int_equal(t->untold, 1);
	assert_true(enter("room:x", "d", true, false));
	leave("room:x", "c"); /* who has not */
	assert_int_equal(t->untold, 0);
}

static void a_name_that_no_gateway_has_is_no_incarnation(void **state)
{
	static const char *const good[] = { "abcdefgh.1", "a2b3c4d5.4294967295" };
	static const char *const bad[] = {
		"",           "abcdefgh",   "abcdefgh.",  "abcdefg.12",  "Abcdefgh.1",
		"abcdefgh.x", "abcdefgh:1", "abcde gh.1", "abcdefgh.1 ", "abcdefgh.42949672951"
	};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(lease_inc_ok(slice_of(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(lease_inc_ok(slice_of(bad[i])));
	assert_false(lease_inc_ok((struct slice){ "abcdefgh.1\0", 11 }));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(connections_are_counted_and_those_who_are_seen_are_kept),
		TEST(a_member_is_kept_as_it_is_told),
		TEST(who_never_entered_cannot_be_seen),
		TEST(who_leaves_before_it_is_told_again_is_not_waited_for),
		TEST(a_name_that_no_gateway_has_is_no_incarnation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
