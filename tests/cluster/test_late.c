/*
 * Answers of the tier that are overtaken by what happens after them.
 */
#include "tests/support/cluster.h"
#include "tests/support/late_tier.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LATE_MS 20

static void ask_to_join(struct client *c)
{
	client_say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"x\",\"presence\":true}");
	cluster_turn(c->cluster, 0);
}

static const char *join_seen(struct client *c)
{
	ask_to_join(c);
	cluster_turn(c->cluster, LATE_MS);
	return client_expect(c, "{\"type\":\"ack\",\"id\":1,\"members\":[");
}

/* Makes the gateways tell at once what they have gathered. */
static void talk(struct client *c)
{
	client_say(
		c,
		"{\"type\":\"publish\",\"topic\":\"room:x\",\"event_type\":\"m\",\"payload\":1}");
	cluster_turn(c->cluster, 0);
}

static void assert_names(const char *frame, const struct client *c)
{
	if (strstr(frame, c->id) == NULL)
		fail_msg("%s is not in %s", c->id, frame);
}

static void a_list_is_not_older_than_what_was_told_before_it(void **state)
{
	struct cluster *c = cluster_open_on(2, &tier_late, NULL);
	struct client *a = cluster_connect(c, 0, NULL), *b = cluster_connect(c, 0, NULL),
		      *d = cluster_connect(c, 1, NULL), *talker = cluster_connect(c, 1, NULL);
	const char *f;

	(void)state;
	late_ms = LATE_MS;
	join_seen(a);
	cluster_turn(c, 200);
	ask_to_join(b); /* its list is made, and on its way */
	ask_to_join(d);
	talk(talker);
	f = client_expect(a, "{\"type\":\"presence\"");
	assert_names(f, b);
	assert_names(f, d);
	client_expect(a, "{\"type\":\"event\"");
	cluster_turn(c, 3 * LATE_MS);
	f = client_expect(b, "{\"type\":\"ack\",\"id\":1,\"members\":[");
	assert_names(f, a);
	assert_names(f, b);
	assert_names(f, d);
	assert_string_equal(frame_field(f, "rev"), "3");
	cluster_turn(c, 200);
	client_expect_nothing(b);
	client_expect_nothing(a);
	cluster_close(c);
}

static void what_is_gathered_behind_a_list_is_told(void **state)
{
	struct cluster *c = cluster_open_on(2, &tier_late, NULL);
	struct client *a = cluster_connect(c, 0, NULL), *b = cluster_connect(c, 0, NULL),
		      *d = cluster_connect(c, 1, NULL);
	const char *f;

	(void)state;
	late_ms = LATE_MS;
	join_seen(a);
	cluster_turn(c, 200);
	ask_to_join(b);
	ask_to_join(d);
	cluster_turn(c, LATE_MS);
	f = client_expect(b, "{\"type\":\"ack\",\"id\":1,\"members\":[");
	assert_string_equal(frame_field(f, "rev"), "2");
	cluster_turn(c, 200);
	f = client_expect(b, "{\"type\":\"presence\"");
	assert_string_equal(frame_field(f, "rev"), "3");
	assert_names(f, d);
	assert_null(strstr(f, b->id));
	client_expect_nothing(b);
	cluster_close(c);
}

static void a_list_asked_for_later_is_not_older_either(void **state)
{
	struct cluster *c = cluster_open_on(2, &tier_late, NULL);
	struct client *a = cluster_connect(c, 0, NULL), *d = cluster_connect(c, 1, NULL),
		      *talker = cluster_connect(c, 1, NULL);
	const char *f;

	(void)state;
	late_ms = LATE_MS;
	join_seen(a);
	client_say(a, "{\"type\":\"presence\",\"id\":2,\"room\":\"x\"}");
	client_say(a, "{\"type\":\"presence\",\"id\":3,\"room\":\"x\"}");
	cluster_turn(c, 0);
	ask_to_join(d);
	talk(talker);
	client_expect(a, "{\"type\":\"presence\"");
	client_expect(a, "{\"type\":\"event\"");
	cluster_turn(c, 5 * LATE_MS);
	for (int id = 2; id <= 3; id++) {
		char start[40];

		snprintf(start, sizeof start, "{\"type\":\"ack\",\"id\":%d,", id);
		f = client_expect(a, start);
		assert_string_equal(frame_field(f, "rev"), "2");
		assert_names(f, d);
	}
	cluster_close(c);
}

static void who_leaves_while_its_list_is_asked_for_again_is_out(void **state)
{
	struct cluster *c = cluster_open_on(2, &tier_late, NULL);
	struct client *a = cluster_connect(c, 0, NULL), *b = cluster_connect(c, 0, NULL),
		      *d = cluster_connect(c, 1, NULL), *talker = cluster_connect(c, 1, NULL);
	const char *f;

	(void)state;
	late_ms = LATE_MS;
	join_seen(a);
	cluster_turn(c, 200);
	ask_to_join(b);
	ask_to_join(d);
	talk(talker);
	cluster_turn(c, LATE_MS); /* the old list is here, the second on its way */
	client_expect_nothing(b);
	client_cut(b);
	cluster_turn(c, 200);
	client_say(a, "{\"type\":\"presence\",\"id\":2,\"room\":\"x\"}");
	cluster_turn(c, LATE_MS);
	while ((f = client_next(a)) != NULL && strstr(f, "\"ack\"") == NULL)
		;
	assert_non_null(f);
	assert_string_equal(frame_field(f, "count"), "2");
	assert_null(strstr(f, b->id));
	cluster_close(c);
}

/* Whoever joins sees and is seen. */
static void show_presence(struct config *c)
{
	c->policies = calloc(1, sizeof *c->policies); /* freed with the configuration */
	c->policies[0] = (struct room_policy){ .pattern = strdup("*"),
		                               .priority = -1,
		                               .queue_policy = -1,
		                               .presence = PRESENCE_ON,
		                               .max_members = -1,
		                               .presence_max = -1 };
	c->n_policies = 1;
}

static void who_sees_without_a_list_is_not_told_of_its_own_coming(void **state)
{
	struct cluster *c = cluster_open_on(2, &tier_late, NULL);
	struct client *a = cluster_connect(c, 0, NULL), *b = cluster_connect(c, 0, NULL);
	const char *f;

	(void)state;
	late_ms = LATE_MS;
	for (int i = 0; i < 2; i++)
		show_presence(c->gateway[i].config);
	client_say(a, "{\"type\":\"join\",\"id\":1,\"room\":\"x\"}");
	cluster_turn(c, LATE_MS);
	client_expect(a, "{\"type\":\"ack\",\"id\":1}");
	client_say(b, "{\"type\":\"join\",\"id\":1,\"room\":\"x\"}");
	cluster_turn(c, LATE_MS);
	client_expect(b, "{\"type\":\"ack\",\"id\":1}");
	cluster_turn(c, 200);
	f = client_expect(a, "{\"type\":\"presence\"");
	assert_string_equal(frame_field(f, "rev"), "2");
	assert_names(f, b);
	assert_null(strstr(f, a->id));
	client_expect_nothing(a);
	client_expect_nothing(b);
	cluster_close(c);
}

/* Changes that are told in one notice are changes with none missing between: so who counts them sees
 * the hole in front. */
static void a_missed_change_is_no_part_of_a_notice(void **state)
{
	struct cluster *c = cluster_open_on(1, &tier_late, NULL);
	struct client *a = cluster_connect(c, 0, NULL), *b[4];
	const char *f;

	(void)state;
	join_seen(a);
	cluster_turn(c, 200);
	for (int i = 0; i < 4; i++)
		b[i] = cluster_connect(c, 0, NULL);
	ask_to_join(b[0]);
	late_tier_loses = 1;
	ask_to_join(b[1]);
	ask_to_join(b[2]);
	ask_to_join(b[3]);
	cluster_turn(c, 200);
	f = client_expect(a, "{\"type\":\"presence\"");
	assert_string_equal(frame_field(f, "rev"), "2");
	assert_names(f, b[0]);
	f = client_expect(a, "{\"type\":\"presence\"");
	assert_string_equal(frame_field(f, "rev"), "5");
	assert_names(f, b[2]);
	assert_names(f, b[3]);
	assert_null(strstr(f, b[1]->id));
	assert_null(strstr(f, b[0]->id));
	client_expect_nothing(a);
	cluster_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_not_older_than_what_was_told_before_it),
		cmocka_unit_test(what_is_gathered_behind_a_list_is_told),
		cmocka_unit_test(a_list_asked_for_later_is_not_older_either),
		cmocka_unit_test(who_leaves_while_its_list_is_asked_for_again_is_out),
		cmocka_unit_test(who_sees_without_a_list_is_not_told_of_its_own_coming),
		cmocka_unit_test(a_missed_change_is_no_part_of_a_notice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
