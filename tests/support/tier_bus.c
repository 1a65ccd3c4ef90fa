/*
 * Promises of the bus: what is published comes, once, whole, in order, where it is wanted.
 */
#include "tests/support/tier_contract.h"

#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void only_subscribers_receive(void)
{
	subscribe(0, "room:x");
	subscribe(1, "room:x");
	subscribe(1, "room:xy");
	settle();
	expect_answer(0, "done ok");
	expect_answer(1, "done ok");
	expect_answer(1, "done ok");
	publish(2, "room:x", "1");
	settle();
	expect_came(0, "event room:x 1");
	expect_came(1, "event room:x 1");
	expect_answer(2, "published ok 2 0");
	unsubscribe(1, "room:x");
	settle();
	publish(0, "room:x", "2");
	settle();
	expect_came(0, "event room:x 2");
	expect_answer(0, "published ok 1 0");
}

static void a_change_of_mind_ends_subscribed_once(void)
{
	subscribe(0, "room:x");
	unsubscribe(0, "room:x");
	subscribe(0, "room:x");
	unsubscribe(0, "room:x");
	subscribe(0, "room:x");
	settle();
	for (int i = 0; i < 3; i++)
		expect_answer(0, "done ok");
	publish(1, "room:x", "1");
	settle();
	expect_came(0, "event room:x 1");
	expect_answer(1, "published ok 1 0");
}

static void publish_one(void)
{
	publish(1, "room:x", "1");
}

static void what_is_accepted_after_a_subscription_was_confirmed_comes(void)
{
	for (int i = 0; i < 10; i++) {
		subscribe_then(0, "room:x", publish_one);
		settle();
		expect_answer(0, "done ok");
		expect_came(0, "event room:x 1");
		expect_answer(1, "published ok 1 0");
		unsubscribe(0, "room:x");
		settle();
	}
}

/* `sender` is a letter: its messages stand in order among the others. */
static void expect_own_order(const char *sequence, char sender)
{
	int next = 0;

	for (const char *p = strchr(sequence, sender); p != NULL; p = strchr(p + 1, sender))
		assert_int_equal(atoi(p + 1), next++);
	assert_int_equal(next, 20);
}

static void all_nodes_see_one_order(void)
{
	char sequence[NODES][1000];

	for (int i = 0; i < NODES; i++)
		subscribe(i, "room:x");
	settle();
	forget();
	for (int i = 0; i < 20 * NODES; i++) {
		char payload[16];

		snprintf(payload, sizeof payload, "\"%c%d\"", 'a' + i % NODES, i / NODES);
		publish(i % NODES, "room:x", payload);
	}
	settle();
	for (int i = 0; i < NODES; i++) {
		const struct lines *l = &world.node[i].came;
		int n = 0;

		assert_int_equal(l->n, 20 * NODES);
		for (size_t k = 0; k < l->n; k++)
			n += snprintf(sequence[i] + n, sizeof sequence[i] - (size_t)n, "%s ",
			              l->text[k] + strlen("event room:x "));
		assert_string_equal(sequence[i], sequence[0]);
		assert_int_equal(count_answers(i, "published ok 3 0"), 20);
	}
	for (int i = 0; i < NODES; i++)
		expect_own_order(sequence[0], (char)('a' + i));
	forget();
}

static void answers_of_a_topic_come_in_the_order_asked(void)
{
	for (int i = 0; i < 20; i++) {
		char name[16];

		snprintf(name, sizeof name, "%d", i);
		enter(0, "room:x", name, NULL, SEEN);
		publish(0, "room:x", "1");
		ask_room(0, "room:x", 0);
	}
	settle();
	for (int i = 1; i <= 20; i++) {
		char line[100];

		snprintf(line, sizeof line, "entered rev %d", i);
		expect_answer(0, line);
		snprintf(line, sizeof line, "published ok 0 %d", i);
		expect_answer(0, line);
		snprintf(line, sizeof line,
		         "room ok rev %d count %d users 0 of %d/1 named 0 counts", i, i, i);
		expect_answer(0, line);
	}
}

static void receivers_are_counted_for_who_asks(void)
{
	const struct parcel p = { .kind = PARCEL_EVENT,
		                  .topic = slice_of("room:x"),
		                  .event_type = slice_of("m"),
		                  .ts_ms = ANY_TS,
		                  .payload = slice_of("1") };

	subscribe(0, "room:x");
	enter(0, "room:x", "a", NULL, UNSEEN);
	enter(1, "room:x", "a", NULL, UNSEEN);
	enter(1, "room:x", "b", NULL, UNSEEN);
	settle();
	forget();
	publish(2, "room:x", "1");
	settle();
	expect_answer(2, "published ok 1 3");
	expect_came(0, "event room:x 1");
	publish_with_key(2, "room:x", slice_of("k"));
	settle();
	expect_answer(2, "published ok 1 3");
	expect_came(0, "event room:x 1");
	publish_message(2, &(struct tier_message){ .parcel = &p });
	settle();
	assert_int_equal(count_answers(2, "published ok 1 "), 1);
	expect_came(0, "event room:x 1");
	forget();
}

static void a_message_for_a_client_goes_to_its_node_alone(void)
{
	publish(0, "client:node0001-abc", "1");
	publish(0, "client:nobody00-abc", "2");
	settle();
	expect_came(1, "event client:node0001-abc 1");
	assert_int_equal(count_answers(0, "published ok 1 1"), 1);
	assert_int_equal(count_answers(0, "published gone 0 0"), 1);
	forget();
	publish(0, "client:node", "3"); /* no node's: said at once, or later */
	settle();
	assert_int_equal(count_answers(0, "published gone 0 0") + count_answers(0, "refused gone"),
	                 1);
	forget();
}

static void every_field_of_a_message_arrives(void)
{
	const struct parcel event = { .kind = PARCEL_EVENT,
		                      .topic = slice_of("event:a.b"),
		                      .from = { slice_of("node0001-c"), slice_of("ann"),
		                                slice_of(NULL) },
		                      .id = slice_of("node0001-c.17"),
		                      .event_type = slice_of("price"),
		                      .payload = slice_of("{ \"a\" : [1.0, null] }"),
		                      .exclude = slice_of("node0000-z"),
		                      .ts_ms = 1700000000123,
		                      .born_us = 1700000000123456,
		                      .drop = DROP_HIGH };
	const struct parcel acked = { .kind = PARCEL_ACKED,
		                      .topic = slice_of("client:node0001-c"),
		                      .from = { slice_of("node0000-z"), slice_of("bob"),
		                                slice_of(NULL) },
		                      .id = slice_of("node0001-c.17") };

	subscribe(0, "event:a.b");
	settle();
	expect_answer(0, "done ok");
	publish_message(1, &(struct tier_message){ .parcel = &event, .count = true });
	settle();
	expect_came(0,
	            "event event:a.b { \"a\" : [1.0, null] } type price from node0001-c user ann"
	            " except node0000-z id node0001-c.17 ts 1700000000123 born 1700000000123456"
	            " drop 2");
	expect_answer(1, "published ok 1 0");
	publish_message(0, &(struct tier_message){ .parcel = &acked });
	settle();
	expect_came(1, "acked client:node0001-c from node0000-z user bob id node0001-c.17");
	assert_int_equal(count_answers(0, "published ok 1 "), 1);
	forget();
}

static void a_payload_is_never_changed(void)
{
	const char *const payloads[] = {
		"\"\xf0\x9f\x98\x80 \xe2\x80\xa8 \xc2\x80 \xef\xbf\xbf \x7f\"",
		"\r\n\t[ 1e400,\r\n -0.0 ,\"\\u0000\\ud83d\\ude00\\/\" ]\r\n",
		"{\"a\":1,\"a\":2,\"\":{}}",
		"\"$5\\r\\n*3 +OK -ERR {} %s %d RC\"",
	};

	subscribe(0, "all");
	settle();
	expect_answer(0, "done ok");
	for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
		char line[100];

		publish(1, "all", payloads[i]);
		settle();
		snprintf(line, sizeof line, "event all %s", payloads[i]);
		expect_came(0, line);
		expect_answer(1, "published ok 1 0");
	}
}

static void a_payload_of_a_mebibyte_arrives_whole(void)
{
	size_t n = 1 << 20;
	char *payload = malloc(n + 1), line[120];

	for (size_t i = 0; i < n; i++)
		payload[i] = (char)('a' + (i ^ i >> 8) % 26);
	payload[0] = payload[n - 1] = '"';
	payload[n] = '\0';
	subscribe(0, "room:x");
	subscribe(1, "room:x");
	settle();
	forget();
	publish(2, "room:x", payload);
	publish(2, "room:x", "2");
	settle();
	snprintf(line, sizeof line, "event room:x %s", digest(slice_of(payload)));
	free(payload);
	for (int i = 0; i < 2; i++) {
		expect_came(i, line);
		expect_came(i, "event room:x 2");
	}
	expect_answer(2, "published ok 2 0");
	expect_answer(2, "published ok 2 0");
}

/* --- keys ----------------------------------------------------------------------------------------------- */

static void a_key_is_claimed_once_among_all_nodes(void)
{
	subscribe(2, "room:x");
	settle();
	expect_answer(2, "done ok");
	publish_with_key(0, "room:x", slice_of("k"));
	publish_with_key(0, "room:x", slice_of("k"));
	settle();
	publish_with_key(1, "room:x", slice_of("k"));
	settle();
	expect_came(2, "event room:x 1");
	expect_answer(0, "published ok 1 0");
	expect_answer(0, "published ok 0 0 duplicate");
	expect_answer(1, "published ok 0 0 duplicate");
}

static void a_key_is_forgotten_in_time(void)
{
	publish_with_key(0, "room:x", slice_of("k"));
	settle();
	expect_answer(0, "published ok 0 0");
	pass(KEYS_MS + 1);
	publish_with_key(0, "room:x", slice_of("k"));
	publish_with_key(0, "room:x", slice_of("k"));
	settle();
	expect_answer(0, "published ok 0 0");
	expect_answer(0, "published ok 0 0 duplicate");
}

static void the_oldest_key_goes_when_there_are_too_many(void)
{
	char key[16];

	for (int i = 0; i <= KEYS_MAX; i++) {
		snprintf(key, sizeof key, "k%d", i);
		publish_with_key(0, "room:x", slice_of(key));
		pass(2); /* so that no two are equally old */
		expect_answer(0, "published ok 0 0");
	}
	publish_with_key(0, "room:x", slice_of(key));
	publish_with_key(0, "room:x", slice_of("k1"));
	publish_with_key(0, "room:x", slice_of("k0"));
	settle();
	expect_answer(0, "published ok 0 0 duplicate");
	expect_answer(0, "published ok 0 0 duplicate");
	expect_answer(0, "published ok 0 0");
}

static void a_key_is_free_again_when_nothing_was_sent(void)
{
	publish_with_key(0, "client:nobody00-x", slice_of("k"));
	publish_with_key(0, "client:nobody00-x", slice_of("k"));
	settle();
	expect_answer(0, "published gone 0 0");
	expect_answer(0, "published gone 0 0");
	publish_with_key(0, "client:node0001-x", slice_of("k"));
	publish_with_key(0, "client:node0001-x", slice_of("k"));
	settle();
	expect_came(1, "event client:node0001-x 1");
	assert_int_equal(count_answers(0, "published ok 1 1"), 1);
	assert_int_equal(count_answers(0, "published ok 0 0 duplicate"), 1);
	forget();
}

static void a_key_is_any_bytes(void)
{
	static const char bytes[] = "a\0b\r\n{}\xff %s";
	const struct slice keys[] = { { bytes, sizeof bytes - 1 }, { bytes, 2 }, { bytes, 1 } };

	for (int i = 0; i < 3; i++)
		publish_with_key(0, "room:x", keys[i]);
	for (int i = 0; i < 3; i++)
		publish_with_key(0, "room:x", keys[i]);
	settle();
	for (int i = 0; i < 3; i++)
		expect_answer(0, "published ok 0 0");
	for (int i = 0; i < 3; i++)
		expect_answer(0, "published ok 0 0 duplicate");
}

const struct promise bus_promises[] = {
	PROMISE(only_subscribers_receive),
	PROMISE(a_change_of_mind_ends_subscribed_once),
	PROMISE(what_is_accepted_after_a_subscription_was_confirmed_comes),
	PROMISE(all_nodes_see_one_order),
	PROMISE(answers_of_a_topic_come_in_the_order_asked),
	PROMISE(receivers_are_counted_for_who_asks),
	PROMISE(a_message_for_a_client_goes_to_its_node_alone),
	PROMISE(every_field_of_a_message_arrives),
	PROMISE(a_payload_is_never_changed),
	PROMISE(a_payload_of_a_mebibyte_arrives_whole),
	PROMISE(a_key_is_claimed_once_among_all_nodes),
	PROMISE(a_key_is_forgotten_in_time),
	PROMISE(the_oldest_key_goes_when_there_are_too_many),
	PROMISE(a_key_is_free_again_when_nothing_was_sent),
	PROMISE(a_key_is_any_bytes),
	{ NULL, NULL },
};
