#include "tests/support/decode.h"

#define PUBLISH "{\"type\":\"publish\",\"topic\":\"room:a\",\"event_type\":\"t\",\"payload\":1"

static void publish_takes_all_its_fields(void **state)
{
	(void)state;
	assert_ok(
		decode("{\"type\":\"publish\",\"id\":1,\"topic\":\"user:\\u0062ob\",\"event_type\":"
	               "\"ch\\u0061t\",\"payload\":{\"a\":1},\"echo\":false,\"priority\":\"high\","
	               "\"key\":\"k\\n\",\"ack\":true}"));
	assert_int_equal(frame.verb, VERB_publish);
	assert_int_equal(frame.topic.kind, TOPIC_USER);
	assert_slice(frame.topic.text, "user:bob");
	assert_slice(frame.topic.name, "bob");
	assert_slice(frame.event_type, "chat");
	assert_slice(frame.payload, "{\"a\":1}");
	assert_slice(frame.key, "k\n");
	assert_int_equal(frame.priority, DROP_HIGH);
	assert_true(!frame.echo && frame.want_ack);
}

static void publish_needs_a_topic_a_type_and_a_payload(void **state)
{
	(void)state;
	assert_refused("{\"type\":\"publish\",\"event_type\":\"t\",\"payload\":1}",
	               ERR_MISSING_FIELD, "topic is missing");
	assert_refused("{\"type\":\"publish\",\"topic\":\"room:a\",\"payload\":1}",
	               ERR_MISSING_FIELD, "event_type is missing");
	assert_refused("{\"type\":\"publish\",\"topic\":\"room:a\",\"event_type\":\"t\"}",
	               ERR_MISSING_FIELD, "payload is missing");
	assert_refused("{\"type\":\"publish\",\"topic\":[],\"event_type\":\"t\"}", ERR_BAD_FRAME,
	               "topic must be a string");
	assert_refused("{\"type\":\"publish\",\"topic\":\"room:\\u0000\"}", ERR_BAD_FRAME,
	               "topic must be without NUL");
	assert_refused("{\"type\":\"publish\",\"topic\":\"room:jobs.*\",\"event_type\":\"t\"}",
	               ERR_BAD_TOPIC, NULL);
	assert_ok(decode(
		"{\"type\":\"publish\",\"topic\":\"all\",\"event_type\":\"t\",\"payload\":null}"));
	assert_slice(frame.payload, "null");
}

static void on_an_event_topic_the_type_is_the_topics(void **state)
{
	(void)state;
	assert_ok(decode("{\"type\":\"publish\",\"topic\":\"event:t\",\"payload\":1}"));
	assert_slice(frame.event_type, "t");
	assert_ok(decode("{\"type\":\"publish\",\"topic\":\"event:t\",\"event_type\":\"t\","
	                 "\"payload\":1}"));
	assert_slice(frame.event_type, "t");
	assert_refused("{\"type\":\"publish\",\"topic\":\"event:t\",\"event_type\":\"T\","
	               "\"payload\":1}",
	               ERR_BAD_FRAME, "event_type must be the type in the topic, or left out");
	assert_refused("{\"type\":\"publish\",\"topic\":\"event:t\",\"event_type\":null,"
	               "\"payload\":1}",
	               ERR_BAD_FRAME, "event_type must be a string");
}

static void an_event_type_is_a_name(void **state)
{
	const char *said = "event_type must be 1 to 200 of A-Z a-z 0-9 _ - = @ , . ; :";
	const char *before =
		"{\"type\":\"publish\",\"topic\":\"all\",\"payload\":1,\"event_type\":\"";

	(void)state;
	assert_ok(decode(filled(before, 1, "\"}")));
	assert_ok(decode(filled(before, 200, "\"}")));
	assert_refused(filled(before, 201, "\"}"), ERR_BAD_FRAME, said);
	assert_refused(filled(before, 0, "\"}"), ERR_BAD_FRAME, said);
	assert_refused(filled(before, 1, " \"}"), ERR_BAD_FRAME, said);
	assert_refused(filled(before, 1, "\\u0000\"}"), ERR_BAD_FRAME,
	               "event_type must be without NUL");
}

static void a_payload_may_be_as_deep_as_the_limit_says(void **state)
{
	const char *before =
		"{\"type\":\"publish\",\"topic\":\"all\",\"event_type\":\"t\",\"payload\":";

	(void)state;
	assert_ok(decode(nested(before, 32, "}")));
	assert_int_equal(frame.payload.n, 64);
	assert_refused(nested(before, 33, "}"), ERR_BAD_JSON, "bad JSON: nested too deep");
	assert_ok(decode_publish(nested("{\"topic\":\"event:t\",\"payload\":", 32, "}")));
	assert_err(decode_publish(nested("{\"topic\":\"event:t\",\"payload\":", 33, "}")),
	           ERR_BAD_JSON);
}

/* Not even what could be written shorter: the publisher's bytes are the receiver's bytes. */
static void payload_bytes_are_never_touched(void **state)
{
	static const char payload[] = "{ \"k\\u0065y\" : \"\\u0041\\/\\ud83d\\ude00\" ,\t\"n\":"
				      "[1234567890123456789,1.0,-0,1E+2],\"type\":\"\\\"}\"}";
	char json[512];
	int n = snprintf(json, sizeof(json),
	                 "{\"payload\" : %s , \"t\\u0079pe\":\"publis\\u0068\",\"top\\u0069c\":"
	                 "\"\\u0061ll\",\"event_typ\\u0065\":\"\\u0074\"}",
	                 payload);

	(void)state;
	assert_in_range(n, 1, sizeof(json) - 1);
	assert_ok(decode(json));
	assert_slice(frame.payload, payload);
	assert_ptr_equal(frame.payload.p, text + strlen("{\"payload\" : "));
}

static void priority_is_one_of_three(void **state)
{
	(void)state;
	assert_ok(decode(PUBLISH "}"));
	assert_int_equal(frame.priority, DROP_NORMAL);
	assert_ok(decode(PUBLISH ",\"priority\":\"low\"}"));
	assert_int_equal(frame.priority, DROP_LOW);
	assert_ok(decode(PUBLISH ",\"priority\":\"normal\"}"));
	assert_int_equal(frame.priority, DROP_NORMAL);
	assert_ok(decode(PUBLISH ",\"priority\":\"h\\u0069gh\"}"));
	assert_int_equal(frame.priority, DROP_HIGH);
	assert_refused(PUBLISH ",\"priority\":\"urgent\"}", ERR_BAD_FRAME,
	               "priority must be high, normal or low");
	assert_refused(PUBLISH ",\"priority\":1}", ERR_BAD_FRAME,
	               "priority must be high, normal or low");
}

static void a_key_is_1_to_64_bytes(void **state)
{
	(void)state;
	assert_ok(decode(filled(PUBLISH ",\"key\":\"", 1, "\"}")));
	assert_ok(decode(filled(PUBLISH ",\"key\":\"", 64, "\"}")));
	assert_int_equal(frame.key.n, 64);
	/* As text, not as it is written. */
	assert_ok(decode(filled(PUBLISH ",\"key\":\"", 63, "\\u0041\"}")));
	assert_refused(filled(PUBLISH ",\"key\":\"", 65, "\"}"), ERR_BAD_FRAME,
	               "key must be a string of 1 to 64 bytes");
	assert_refused(PUBLISH ",\"key\":\"\"}", ERR_BAD_FRAME,
	               "key must be a string of 1 to 64 bytes");
	assert_refused(PUBLISH ",\"key\":7}", ERR_BAD_FRAME, "key must be a string");
	assert_refused(PUBLISH ",\"key\":\"\\u0000\"}", ERR_BAD_FRAME, "key must be without NUL");
}

static void echo_is_on_unless_it_says_false(void **state)
{
	(void)state;
	assert_ok(decode(PUBLISH "}"));
	assert_true(frame.echo);
	assert_ok(decode(PUBLISH ",\"echo\":true}"));
	assert_true(frame.echo);
	assert_ok(decode(PUBLISH ",\"echo\":false}"));
	assert_false(frame.echo);
	assert_refused(PUBLISH ",\"echo\":\"false\"}", ERR_BAD_FRAME, "echo must be true or false");
	assert_refused(PUBLISH ",\"echo\":null}", ERR_BAD_FRAME, "echo must be true or false");
}

static void only_one_receiver_can_be_asked_for_an_ack(void **state)
{
	static const struct {
		const char *topic;
		bool may;
	} topics[] = { { "client:a", true },
		       { "user:a", true },
		       { "room:a", false },
		       { "event:t", false },
		       { "all", false } };
	char json[128];

	(void)state;
	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
		const char *form = "{\"type\":\"publish\",\"topic\":\"%s\",\"event_type\":\"t\","
				   "\"payload\":1,\"ack\":%s}";

		snprintf(json, sizeof(json), form, topics[i].topic, "true");
		if (topics[i].may) {
			assert_ok(decode(json));
			assert_true(frame.want_ack);
		} else {
			assert_refused(json, ERR_BAD_FRAME,
			               "ack is for client: and user: topics only");
		}
		/* The default, said aloud, is no mistake. */
		snprintf(json, sizeof(json), form, topics[i].topic, "false");
		assert_ok(decode(json));
		assert_false(frame.want_ack);
	}
	assert_refused(PUBLISH ",\"ack\":1}", ERR_BAD_FRAME, "ack must be true or false");
}

static void known_event_types_are_checked(void **state)
{
	(void)state;
	assert_refused("{\"type\":\"publish\",\"topic\":\"event:task_update\",\"payload\":{}}",
	               ERR_BAD_PAYLOAD, "task_update: task_id is missing");
	assert_refused("{\"type\":\"publish\",\"topic\":\"all\",\"event_type\":\"roomcast.x\","
	               "\"payload\":1}",
	               ERR_FORBIDDEN, "event types that begin with roomcast. are the server's own");
	assert_ok(decode("{\"type\":\"publish\",\"topic\":\"event:task_update\",\"payload\":"
	                 "{\"task_id\":1,\"status\":\"x\"}}"));
	assert_null(detail);
}

/* ---- the body of POST /v1/publish ---- */

static void a_publish_body_needs_no_type_and_has_no_id(void **state)
{
	(void)state;
	assert_ok(
		decode_publish("{\"topic\":\"room:a\",\"event_type\":\"t\",\"payload\":[1],"
	                       "\"key\":\"k\",\"priority\":\"low\",\"echo\":false,\"ack\":false}"));
	assert_int_equal(frame.verb, VERB_publish);
	assert_slice(frame.payload, "[1]");
	assert_slice(frame.key, "k");
	assert_ok(decode_publish(
		"{\"type\":\"publish\",\"id\":1,\"topic\":\"event:t\",\"payload\":1}"));
	assert_null(frame.id.p);
	/* It is not even looked at. */
	assert_ok(decode_publish("{\"id\":[1.5],\"topic\":\"event:t\",\"payload\":1}"));
	assert_null(frame.id.p);
}

static void a_wrong_publish_body_is_refused(void **state)
{
	static const struct {
		const char *json, *said;
		enum err e;
	} bodies[] = {
		{ "{\"type\":\"join\",\"topic\":\"all\"}", "type must be publish, or left out",
		  ERR_BAD_FRAME },
		{ "{\"type\":\"x\"}", "there is no frame type \"x\"", ERR_UNKNOWN_TYPE },
		{ "{\"type\":null}", "type must be a string", ERR_BAD_FRAME },
		{ "{}", "topic is missing", ERR_MISSING_FIELD },
		{ "[]", "a frame must be a JSON object", ERR_BAD_FRAME },
		{ "{", "bad JSON: it ends too early", ERR_BAD_JSON },
		{ "{\"topic\":\"nope\"}", NULL, ERR_BAD_TOPIC },
		{ "{\"topic\":\"user:a\",\"event_type\":\"t\",\"payload\":1,\"ack\":true}",
		  "ack is for clients: nobody waits for it here", ERR_BAD_FRAME },
		{ "{\"topic\":\"event:queue_status\",\"payload\":1}",
		  "queue_status: payload must be an object", ERR_BAD_PAYLOAD },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		assert_err(decode_publish(bodies[i].json), bodies[i].e);
		if (bodies[i].said == NULL)
			assert_null(detail);
		else
			assert_string_equal(detail, bodies[i].said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(publish_takes_all_its_fields),
		cmocka_unit_test(publish_needs_a_topic_a_type_and_a_payload),
		cmocka_unit_test(on_an_event_topic_the_type_is_the_topics),
		cmocka_unit_test(an_event_type_is_a_name),
		cmocka_unit_test(a_payload_may_be_as_deep_as_the_limit_says),
		cmocka_unit_test(payload_bytes_are_never_touched),
		cmocka_unit_test(priority_is_one_of_three),
		cmocka_unit_test(a_key_is_1_to_64_bytes),
		cmocka_unit_test(echo_is_on_unless_it_says_false),
		cmocka_unit_test(only_one_receiver_can_be_asked_for_an_ack),
		cmocka_unit_test(known_event_types_are_checked),
		cmocka_unit_test(a_publish_body_needs_no_type_and_has_no_id),
		cmocka_unit_test(a_wrong_publish_body_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, free_text);
}
