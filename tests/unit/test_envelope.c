#include "broker-common/envelope.h"

#include "tests/support/decode.h"

/* `count` texts in quotes with commas between. */
static const char *list(const char *before, int count, const char *after)
{
	static char json[8192];
	int n = snprintf(json, sizeof(json), "%s", before);

	for (int i = 0; i < count; i++)
		n += snprintf(json + n, sizeof(json) - (size_t)n, "%s\"r%d\"", i == 0 ? "" : ",",
		              i);
	strcpy(json + n, after);
	return json;
}

/* ---- frames ---- */

static void each_verb_is_known_by_its_type(void **state)
{
	static const char *const others[VERB_COUNT] = {
		[VERB_join] = "\"room\":\"a\"",
		[VERB_leave] = "\"room\":\"a\"",
		[VERB_subscribe] = "\"events\":[\"a\"]",
		[VERB_unsubscribe] = "\"events\":[\"a\"]",
		[VERB_ack] = "\"ids\":[\"a\"]",
		[VERB_presence] = "\"room\":\"a\"",
		[VERB_history] = "\"topic\":\"all\"",
		[VERB_refresh] = "\"token\":\"t\"",
		[VERB_publish] = "\"topic\":\"all\",\"event_type\":\"t\",\"payload\":0",
	};
	char json[128];

	(void)state;
	for (enum verb v = VERB_NONE + 1; v < VERB_COUNT; v++) {
		snprintf(json, sizeof(json), "{\"type\":\"%s\",%s%s\"id\":1}", verb_type(v),
		         others[v] == NULL ? "" : others[v], others[v] == NULL ? "" : ",");
		assert_ok(decode(json));
		assert_int_equal(frame.verb, v);
		assert_null(detail);
		assert_slice(frame.id, "1");
	}
	assert_string_equal(verb_type(VERB_NONE), "none");
	assert_int_equal(verb_flags(VERB_join), 0);
	assert_int_equal(verb_flags(VERB_publish), 0);
}

static void what_was_not_given_is_null_or_the_default(void **state)
{
	struct slice *const none[] = { &frame.id,      &frame.info, &frame.event_type,
		                       &frame.payload, &frame.key,  &frame.token };

	(void)state;
	assert_ok(decode("{\"type\":\"ping\"}"));
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_true(none[i]->p == NULL && none[i]->n == 0);
	assert_true(frame.topic.text.p == NULL && frame.n_names == 0);
	assert_true(frame.echo && !frame.want_ack && !frame.presence && !frame.one_name);
	assert_int_equal(frame.priority, DROP_NORMAL);
}

static void what_is_no_json_is_refused_with_the_reason(void **state)
{
	(void)state;
	assert_refused("", ERR_BAD_JSON, "bad JSON: it ends too early");
	assert_refused("{\"type\":\"ping\",}", ERR_BAD_JSON, "bad JSON: trailing comma");
	assert_refused("{\"type\":\"ping\"}{}", ERR_BAD_JSON,
	               "bad JSON: something behind the value");
	assert_refused("{\"type\":\"\xff\"}", ERR_BAD_JSON, "bad JSON: not UTF-8");
	assert_refused("{\"id\":7,", ERR_BAD_JSON, "bad JSON: it ends too early");
	assert_null(frame.id.p);
}

static void an_id_is_kept_where_only_a_limit_is_passed(void **state)
{
	static const struct {
		const char *before, *after;
		int depth;
		const char *id;
	} cases[] = {
		{ "{\"id\":7,\"payload\":", "}", 33, "7" },
		{ "{\"payload\":", ",\"id\":\"x\"}", 63, "\"x\"" },
		{ "{\"id\":7,\"payload\":", "}", 64, NULL }, /* deeper than anybody looks */
		{ "{\"id\":7,\"payload\":", "", 33, NULL },  /* no JSON */
		{ "{\"id\":[],\"payload\":", "}", 33, NULL },
		{ "[{\"id\":7},", "]", 33, NULL },
	};
	char json[256];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int n = snprintf(json, sizeof json, "%s", cases[i].before);

		memset(json + n, '[', (size_t)cases[i].depth);
		memset(json + n + cases[i].depth, ']', (size_t)cases[i].depth);
		strcpy(json + n + 2 * cases[i].depth, cases[i].after);
		assert_refused(json, ERR_BAD_JSON, "bad JSON: nested too deep");
		if (cases[i].id == NULL)
			assert_null(frame.id.p);
		else
			assert_true(slice_is(frame.id, cases[i].id));
	}
}

static void what_is_no_object_is_refused(void **state)
{
	(void)state;
	assert_refused("[]", ERR_BAD_FRAME, "a frame must be a JSON object");
	assert_refused("\"ping\"", ERR_BAD_FRAME, "a frame must be a JSON object");
	assert_refused("null", ERR_BAD_FRAME, "a frame must be a JSON object");
}

static void the_type_is_needed_and_must_be_known(void **state)
{
	(void)state;
	assert_refused("{}", ERR_MISSING_FIELD, "type is missing");
	assert_refused("{\"Type\":\"ping\"}", ERR_MISSING_FIELD, "type is missing");
	assert_refused("{\"type\":1}", ERR_BAD_FRAME, "type must be a string");
	assert_refused("{\"type\":\"pi\\u0000ng\"}", ERR_BAD_FRAME, "type must be without NUL");
	assert_refused("{\"type\":\"Ping\"}", ERR_UNKNOWN_TYPE, "there is no frame type \"Ping\"");
	assert_refused("{\"type\":\"\"}", ERR_UNKNOWN_TYPE, "there is no frame type \"\"");
	assert_refused("{\"type\":\"none\"}", ERR_UNKNOWN_TYPE, "there is no frame type \"none\"");
	assert_ok(decode("{\"t\\u0079pe\":\"\\u0070ing\"}"));
	assert_int_equal(frame.verb, VERB_ping);
}

static void an_unknown_type_is_shown_cut_and_printable(void **state)
{
	(void)state;
	assert_refused("{\"type\":\"a\\n\xc3\xa9\\u007fz\"}", ERR_UNKNOWN_TYPE,
	               "there is no frame type \"a????z\"");
	assert_refused(filled("{\"type\":\"", 1000, "\"}"), ERR_UNKNOWN_TYPE,
	               "there is no frame type \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"");
}

static void fields_that_are_not_known_are_let_pass(void **state)
{
	(void)state;
	assert_ok(
		decode("{\"x\":{\"type\":\"join\"},\"type\":\"ping\",\"room\":5,\"\":[],\"y\":1}"));
	assert_int_equal(frame.verb, VERB_ping);
	assert_ok(decode("{\"type\":\"join\",\"room\":\"a\",\"recover\":{\"seq\":1}}"));
	assert_ok(decode("{\"type\":\"hello\",\"resume\":7}"));
}

static void a_field_may_be_there_once(void **state)
{
	(void)state;
	assert_refused("{\"type\":\"ping\",\"type\":\"ping\"}", ERR_BAD_FRAME,
	               "the field type is there twice");
	assert_refused("{\"type\":\"ping\",\"x\":1,\"y\":2,\"x\":1}", ERR_BAD_FRAME,
	               "the field x is there twice");
	assert_refused("{\"type\":\"ping\",\"\\u0078\":1,\"x\":1}", ERR_BAD_FRAME,
	               "the field x is there twice");
	assert_refused("{\"type\":\"ping\",\"typ\\u0065\":\"ping\"}", ERR_BAD_FRAME,
	               "the field type is there twice");
	assert_refused("{\"type\":\"ping\",\"\":1,\"\":1}", ERR_BAD_FRAME,
	               "the field  is there twice");
	assert_refused("{\"a\\u0000\":1,\"type\":\"ping\"}", ERR_BAD_FRAME,
	               "the name of a field holds NUL");
	assert_ok(decode("{\"type\":\"publish\",\"topic\":\"all\",\"event_type\":\"t\","
	                 "\"payload\":{\"a\":1,\"a\":2}}"));
}

static void the_name_of_a_field_has_at_most_64_bytes(void **state)
{
	(void)state;
	assert_ok(decode(filled("{\"type\":\"ping\",\"", 64, "\":1}")));
	assert_refused(filled("{\"type\":\"ping\",\"", 65, "\":1,\"id\":2}"), ERR_BAD_FRAME,
	               "the name of a field is longer than 64 bytes");
	assert_slice(frame.id, "2");
}

static void a_frame_has_at_most_64_fields(void **state)
{
	char json[1024];
	int n = snprintf(json, sizeof(json), "{\"type\":\"ping\"");

	(void)state;
	for (int i = 1; i < ENVELOPE_FIELDS_MAX; i++)
		n += snprintf(json + n, sizeof(json) - (size_t)n, ",\"f%d\":0", i);
	strcpy(json + n, "}");
	assert_ok(decode(json));
	strcpy(json + n, ",\"id\":5}");
	assert_refused(json, ERR_BAD_FRAME, "a frame has at most 64 fields");
	assert_slice(frame.id, "5");
}

/* ---- id ---- */

static void an_id_goes_back_as_it_came(void **state)
{
	static const char *const ids[] = { "0",           "-1",          "12345678901234567890123",
		                           "\"\"",        "\"a b\"",     "\"\\u0041\\n\\\"\"",
		                           "\"\\u0000\"", "\"\xc3\xa9\"" };
	char json[128];

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		snprintf(json, sizeof(json), "{\"id\": %s ,\"type\":\"ping\"}", ids[i]);
		assert_ok(decode(json));
		assert_slice(frame.id, ids[i]);
	}
}

static void an_id_is_an_integer_or_a_string(void **state)
{
	static const char *const ids[] = { "null", "true", "1.5", "1e3", "1E3", "[]", "{}", "[1]" };
	char json[128];

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		snprintf(json, sizeof(json), "{\"id\":%s,\"type\":\"ping\"}", ids[i]);
		assert_refused(json, ERR_BAD_FRAME, "id must be an integer or a string");
		assert_null(frame.id.p);
	}
}

static void an_id_has_at_most_64_bytes(void **state)
{
	char digits[80];

	(void)state;
	assert_ok(decode(filled("{\"type\":\"ping\",\"id\":\"", 64, "\"}")));
	assert_int_equal(frame.id.n, 66);
	assert_refused(filled("{\"type\":\"ping\",\"id\":\"", 65, "\"}"), ERR_BAD_FRAME,
	               "id must be 64 bytes or less");
	assert_null(frame.id.p);
	memset(digits, '7', sizeof(digits));
	strcpy(digits + 64, ",\"type\":\"ping\"}");
	memcpy(digits, "{\"id\":", 6);
	assert_ok(decode(digits));
	assert_int_equal(frame.id.n, 58);
	assert_refused("{\"type\":\"ping\",\"id\":"
	               "11111111112222222222333333333344444444445555555555666666666677777}",
	               ERR_BAD_FRAME, "id must be 64 bytes or less");
}

static void an_error_carries_the_id_wherever_it_stands(void **state)
{
	(void)state;
	assert_err(decode("{\"type\":\"nope\",\"id\":3}"), ERR_UNKNOWN_TYPE);
	assert_slice(frame.id, "3");
	assert_err(decode("{\"id\":4}"), ERR_MISSING_FIELD);
	assert_slice(frame.id, "4");
	assert_err(decode("{\"a\":1,\"a\":2,\"\\u0069d\":5}"), ERR_BAD_FRAME);
	assert_slice(frame.id, "5");
	assert_err(decode("{\"id\":1,\"a\":1,\"a\":2,\"id\":3}"), ERR_BAD_FRAME);
	assert_slice(frame.id, "1");
	assert_err(decode("{\"a\":1,\"a\":2,\"id\":[]}"), ERR_BAD_FRAME);
	assert_string_equal(detail, "the field a is there twice");
	assert_null(frame.id.p);
	assert_err(decode("{\"type\":\"publish\",\"topic\":\"x\",\"payload\":1,\"id\":\"6\"}"),
	           ERR_BAD_TOPIC);
	assert_slice(frame.id, "\"6\"");
}

/* ---- join, leave, presence, subscribe, ack ---- */

static void join_takes_one_room_or_several(void **state)
{
	(void)state;
	assert_ok(decode("{\"type\":\"join\",\"room\":\"l\\u006fbby\"}"));
	assert_true(frame.one_name && !frame.presence);
	assert_int_equal(frame.n_names, 1);
	assert_slice(frame.names[0], "lobby");
	assert_ok(decode("{\"type\":\"join\",\"rooms\":[\"a\",\"\\u0062\"],\"presence\":true,"
	                 "\"info\": {\"name\" : \"\\u0041\"} }"));
	assert_true(!frame.one_name && frame.presence);
	assert_int_equal(frame.n_names, 2);
	assert_slice(frame.names[0], "a");
	assert_slice(frame.names[1], "b");
	assert_slice(frame.info, "{\"name\" : \"\\u0041\"}");
}

static void names_that_are_no_names_are_left_to_the_verb(void **state)
{
	(void)state;
	assert_ok(decode("{\"type\":\"leave\",\"rooms\":[\"\",\"a b\",\"\\n\",\"ok\",\"*\"]}"));
	assert_int_equal(frame.n_names, 5);
	assert_slice(frame.names[0], "");
	assert_slice(frame.names[2], "\n");
	assert_ok(decode("{\"type\":\"join\",\"room\":\"not a name\"}"));
	assert_slice(frame.names[0], "not a name");
}

static void a_join_with_wrong_fields_is_refused(void **state)
{
	(void)state;
	assert_refused("{\"type\":\"join\"}", ERR_MISSING_FIELD, "room is missing");
	assert_refused("{\"type\":\"leave\",\"room\":1}", ERR_BAD_FRAME, "room must be a string");
	assert_refused("{\"type\":\"join\",\"room\":\"\\u0000\"}", ERR_BAD_FRAME,
	               "room must be without NUL");
	assert_refused("{\"type\":\"join\",\"room\":\"a\",\"rooms\":[\"b\"]}", ERR_BAD_FRAME,
	               "room and rooms are both there: give one");
	assert_refused("{\"type\":\"join\",\"rooms\":\"a\"}", ERR_BAD_FRAME,
	               "rooms must be an array of strings");
	assert_refused("{\"type\":\"leave\",\"rooms\":[\"a\",1]}", ERR_BAD_FRAME,
	               "rooms must be an array of strings");
	assert_refused("{\"type\":\"join\",\"rooms\":[]}", ERR_BAD_FRAME,
	               "rooms must be an array of at least one string");
	assert_refused("{\"type\":\"join\",\"rooms\":[\"a\\u0000\"]}", ERR_BAD_FRAME,
	               "rooms must be without NUL");
	assert_refused("{\"type\":\"join\",\"room\":\"a\",\"presence\":1}", ERR_BAD_FRAME,
	               "presence must be true or false");
	assert_refused("{\"type\":\"presence\"}", ERR_MISSING_FIELD, "room is missing");
	assert_refused("{\"type\":\"presence\",\"rooms\":[\"a\"]}", ERR_MISSING_FIELD,
	               "room is missing");
}

static void a_list_holds_at_most_256_names(void **state)
{
	(void)state;
	assert_ok(decode(list("{\"type\":\"join\",\"rooms\":[", 256, "]}")));
	assert_int_equal(frame.n_names, 256);
	assert_slice(frame.names[0], "r0");
	assert_slice(frame.names[255], "r255");
	assert_refused(list("{\"type\":\"join\",\"rooms\":[", 257, "]}"), ERR_BAD_FRAME,
	               "rooms must not hold more than 256");
	assert_refused(list("{\"type\":\"ack\",\"ids\":[", 257, "]}"), ERR_BAD_FRAME,
	               "ids must not hold more than 256");
}

static void info_is_json_of_at_most_1024_bytes(void **state)
{
	(void)state;
	assert_ok(decode(filled("{\"type\":\"join\",\"room\":\"a\",\"info\":\"", 1022, "\"}")));
	assert_int_equal(frame.info.n, 1024);
	assert_refused(filled("{\"type\":\"join\",\"room\":\"a\",\"info\":\"", 1023, "\"}"),
	               ERR_BAD_FRAME, "info must be 1024 bytes or less");
	assert_ok(decode("{\"type\":\"join\",\"room\":\"a\",\"info\":null}"));
	assert_slice(frame.info, "null");
}

static void subscribe_and_ack_need_their_list(void **state)
{
	(void)state;
	assert_ok(decode("{\"type\":\"subscribe\",\"events\":[\"a\",\"a\"]}"));
	assert_true(frame.n_names == 2 && !frame.one_name);
	assert_refused("{\"type\":\"subscribe\"}", ERR_MISSING_FIELD, "events is missing");
	assert_refused("{\"type\":\"unsubscribe\",\"events\":{}}", ERR_BAD_FRAME,
	               "events must be an array of strings");
	assert_refused("{\"type\":\"ack\"}", ERR_MISSING_FIELD, "ids is missing");
	assert_refused("{\"type\":\"ack\",\"ids\":[1]}", ERR_BAD_FRAME,
	               "ids must be an array of strings");
}

static void tokens_and_history(void **state)
{
	(void)state;
	assert_ok(decode("{\"type\":\"hello\",\"token\":\"a\\u002eb\"}"));
	assert_slice(frame.token, "a.b");
	assert_refused("{\"type\":\"hello\",\"token\":null}", ERR_BAD_FRAME,
	               "token must be a string");
	assert_refused("{\"type\":\"refresh\"}", ERR_MISSING_FIELD, "token is missing");
	assert_refused("{\"type\":\"refresh\",\"token\":1}", ERR_BAD_FRAME,
	               "token must be a string");
	assert_refused("{\"type\":\"refresh\",\"token\":\"\\u0000\"}", ERR_BAD_FRAME,
	               "token must be without NUL");
	assert_ok(decode("{\"type\":\"history\",\"topic\":\"room:a\",\"limit\":\"x\"}"));
	assert_slice(frame.topic.name, "a");
	assert_refused("{\"type\":\"history\"}", ERR_MISSING_FIELD, "topic is missing");
	assert_refused("{\"type\":\"history\",\"topic\":\"a\"}", ERR_BAD_TOPIC, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_verb_is_known_by_its_type),
		cmocka_unit_test(what_was_not_given_is_null_or_the_default),
		cmocka_unit_test(what_is_no_json_is_refused_with_the_reason),
		cmocka_unit_test(an_id_is_kept_where_only_a_limit_is_passed),
		cmocka_unit_test(what_is_no_object_is_refused),
		cmocka_unit_test(the_type_is_needed_and_must_be_known),
		cmocka_unit_test(an_unknown_type_is_shown_cut_and_printable),
		cmocka_unit_test(fields_that_are_not_known_are_let_pass),
		cmocka_unit_test(a_field_may_be_there_once),
		cmocka_unit_test(the_name_of_a_field_has_at_most_64_bytes),
		cmocka_unit_test(a_frame_has_at_most_64_fields),
		cmocka_unit_test(an_id_goes_back_as_it_came),
		cmocka_unit_test(an_id_is_an_integer_or_a_string),
		cmocka_unit_test(an_id_has_at_most_64_bytes),
		cmocka_unit_test(an_error_carries_the_id_wherever_it_stands),
		cmocka_unit_test(join_takes_one_room_or_several),
		cmocka_unit_test(names_that_are_no_names_are_left_to_the_verb),
		cmocka_unit_test(a_join_with_wrong_fields_is_refused),
		cmocka_unit_test(a_list_holds_at_most_256_names),
		cmocka_unit_test(info_is_json_of_at_most_1024_bytes),
		cmocka_unit_test(subscribe_and_ack_need_their_list),
		cmocka_unit_test(tokens_and_history),
	};

	return cmocka_run_group_tests(tests, NULL, free_text);
}
