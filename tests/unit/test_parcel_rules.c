/*
 * What no parcel may be, part by part, and that nothing but its own bytes is ever read.
 */
#include "tests/support/parcel_forge.h"

#include "broker-common/envelope.h"

/* A sample with one part as it says; `why` NULL: it may be so. */
struct rule {
	struct part part;
	const char *why;
};
#define MISSING NULL, 0

#define assert_rules(kind, rules) assert_all_rules(kind, rules, sizeof(rules) / sizeof((rules)[0]))

static void assert_all_rules(enum parcel_kind kind, const struct rule *rules, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		enum err e = decode(forge(kind, rules[i].part));
		const char *expected = rules[i].why == NULL ? "let pass" : rules[i].why;
		const char *said = e == ERR_OK ? "let pass" : why;

		if (strcmp(said, expected) != 0)
			fail_msg("rule %zu, tag %u: %s, not %s", i, rules[i].part.tag, said,
			         expected);
		assert_true(e == ERR_OK || e == ERR_BAD_FRAME);
	}
}

static void a_kind_is_one_that_is_known(void **state)
{
	static const struct rule rules[] = {
		{ { 1, MISSING }, "kind" },      { { 1, TEXT("") }, "kind" },
		{ { 1, TEXT("\5") }, "kind" },   { { 1, TEXT("\xff") }, "kind" },
		{ { 1, TEXT("\0\0") }, "kind" },
	};

	(void)state;
	for (enum parcel_kind k = 0; k < PARCEL_KINDS; k++)
		assert_rules(k, rules);
}

static void an_event_has_a_topic_a_type_and_a_payload(void **state)
{
	static const struct rule rules[] = {
		{ { 2, MISSING }, "topic" },
		{ { 2, TEXT("") }, "topic" },
		{ { 2, TEXT("lobby") }, "topic" },
		{ { 2, TEXT("room:") }, "topic" },
		{ { 2, TEXT("room:a\"b") }, "topic" },
		{ { 2, TEXT("room:a\0") }, "topic" },
		{ { 2, TEXT("all") }, NULL },
		{ { 2, TEXT("user:u") }, NULL },
		{ { 2, TEXT("client:c") }, NULL },
		{ { 2, TEXT("event:chat") }, NULL },
		{ { 3, MISSING }, "event_type" },
		{ { 3, TEXT("") }, "event_type" },
		{ { 3, TEXT("a b") }, "event_type" },
		{ { 3, TEXT("a\"") }, "event_type" },
		{ { 4, MISSING }, "payload" },
		{ { 4, TEXT("") }, "payload" },
		{ { 4, TEXT(" ") }, "payload" },
		{ { 4, TEXT("{") }, "payload" },
		{ { 4, TEXT("[1,]") }, "payload" },
		{ { 4, TEXT("1,\"x\":2") }, "payload" },
		{ { 4, TEXT("\"\xff\"") }, "payload" },
		{ { 4, TEXT("1\0") }, "payload" },
		{ { 4, TEXT("null") }, NULL },
		{ { 4, TEXT(" [1.0] ") }, NULL },
	};

	(void)state;
	assert_rules(PARCEL_EVENT, rules);
}

static void a_payload_may_be_as_deep_as_one_from_a_client(void **state)
{
	char deep[2 * 33];

	(void)state;
	memset(deep, '[', 33);
	memset(deep + 33, ']', 33);
	assert_decodes(forge(PARCEL_EVENT, (struct part){ 4, deep + 1, 64 }));
	assert_refused(forge(PARCEL_EVENT, (struct part){ 4, deep, 66 }), "payload");
}

static void an_events_other_parts_are_checked(void **state)
{
	static const struct rule rules[] = {
		{ { 5, MISSING }, "from" }, /* the user is still there */
		{ { 5, TEXT("") }, "from" },
		{ { 5, TEXT("c\"") }, "from" },
		{ { 6, MISSING }, NULL },
		{ { 6, TEXT("") }, "from" },
		{ { 6, TEXT("a b") }, "from" },
		{ { 7, MISSING }, NULL },
		{ { 7, TEXT("") }, "exclude" },
		{ { 7, TEXT("*") }, "exclude" },
		{ { 8, MISSING }, NULL },
		{ { 8, TEXT("") }, "ts_ms" },
		{ { 8, TEXT("\1\0\0\0\0\0\0") }, "ts_ms" },
		{ { 8, TEXT("\1\0\0\0\0\0\0\0\0") }, "ts_ms" },
		{ { 8, TEXT("\xff\xff\xff\xff\xff\xff\x1f\0") }, NULL },
		{ { 8, TEXT("\0\0\0\0\0\0\x20\0") }, "ts_ms" },
		{ { 8, TEXT("\xff\xff\xff\xff\xff\xff\xff\xff") }, "ts_ms" },
		{ { 9, MISSING }, NULL },
		{ { 9, TEXT("\1") }, "born_us" },
		{ { 9, TEXT("\xff\xff\xff\xff\xff\xff\x1f\0") }, NULL },
		{ { 9, TEXT("\0\0\0\0\0\0\x20\0") }, "born_us" },
		{ { 11, MISSING }, NULL },
		{ { 11, TEXT("") }, "drop class" },
		{ { 11, TEXT("\0\0") }, "drop class" },
		{ { 11, TEXT("\1") }, NULL },
		{ { 11, TEXT("\3") }, "drop class" },
	};

	(void)state;
	assert_rules(PARCEL_EVENT, rules);
}

/* It is written into frames. */
static void an_id_needs_no_escape(void **state)
{
	char id[65];

	(void)state;
	for (int c = 0; c < 256; c++) {
		bool plain = c >= ' ' && c <= '~' && c != '"' && c != '\\';

		memset(id, 'x', sizeof(id));
		id[1] = (char)c;
		for (enum parcel_kind k = PARCEL_EVENT; k <= PARCEL_ACKED; k += PARCEL_ACKED) {
			struct slice made = forge(k, (struct part){ 10, id, 64 });

			if (plain)
				assert_decodes(made);
			else
				assert_refused(made, "id");
		}
	}
	id[1] = 'x';
	assert_decodes(forge(PARCEL_EVENT, (struct part){ 10, id, 1 }));
	assert_refused(forge(PARCEL_EVENT, (struct part){ 10, id, 0 }), "id");
	assert_refused(forge(PARCEL_EVENT, (struct part){ 10, id, 65 }), "id");
}

static void a_presence_change_is_checked(void **state)
{
	static const struct rule rules[] = {
		{ { 2, MISSING }, "topic" },
		{ { 2, TEXT("all") }, "topic" },
		{ { 2, TEXT("event:x") }, "topic" },
		{ { 12, MISSING }, "member" },
		{ { 12, TEXT("") }, "member" },
		{ { 12, TEXT("\1c\0") }, NULL },
		{ { 13, MISSING }, NULL },
		{ { 13, TEXT("") }, "presence flags" },
		{ { 13, TEXT("\1\0") }, "presence flags" },
		{ { 14, MISSING }, "rev" },
		{ { 14, TEXT("\1") }, "rev" },
		{ { 14, TEXT("\0\0\0\0\0\0\0\0") }, "rev" },
		{ { 14, TEXT("\xff\xff\xff\xff\xff\xff\x1f\0") }, NULL },
		{ { 14, TEXT("\0\0\0\0\0\0\x20\0") }, "rev" },
		{ { 15, MISSING }, NULL },
		{ { 15, TEXT("1") }, "count" },
		{ { 15, TEXT("\0\0\0\0\0\0\x20\0") }, "count" },
		{ { 16, MISSING }, NULL },
		{ { 16, TEXT("1") }, "users" },
		{ { 16, TEXT("\0\0\0\0\0\0\x20\0") }, "users" },
	};

	(void)state;
	assert_rules(PARCEL_PRESENCE, rules);
}

static void only_counts_need_no_member(void **state)
{
	(void)state;
	begin();
	for (const struct part *p = samples[PARCEL_PRESENCE]; p->tag != NO_MORE; p++)
		if (p->tag != 12 && p->tag != 13)
			add(*p);
	add((struct part){ 13, TEXT("\4") });
	assert_decodes(finish());
	assert_true(parcel.counts_only);
	assert_null(parcel.member.client.p);
	assert_goes_round();
	add((struct part){ 12, TEXT("\0\0") }); /* when there is one, it is right */
	assert_refused(finish(), "member");
}

static void a_confirmation_is_checked(void **state)
{
	static const struct rule rules[] = {
		{ { 2, MISSING }, "topic" },        { { 2, TEXT("room:x") }, "topic" },
		{ { 2, TEXT("user:u") }, "topic" }, { { 5, MISSING }, "from" },
		{ { 5, TEXT("\n") }, "from" },      { { 6, MISSING }, NULL },
		{ { 6, TEXT("") }, "from" },        { { 10, MISSING }, "id" },
	};

	(void)state;
	assert_rules(PARCEL_ACKED, rules);
}

static void somebody_confirms(void **state)
{
	(void)state;
	begin();
	for (const struct part *p = samples[PARCEL_ACKED]; p->tag != NO_MORE; p++)
		if (p->tag != 5 && p->tag != 6)
			add(*p);
	assert_refused(finish(), "from");
}

static void a_call_and_its_reply_are_checked(void **state)
{
	static const struct rule both[] = {
		{ { 17, MISSING }, "node" },
		{ { 17, TEXT("") }, "node" },
		{ { 17, TEXT("a b") }, "node" },
		{ { 18, MISSING }, "number" },
		{ { 18, TEXT("\1\0\0\0\0\0\0") }, "number" },
		{ { 20, MISSING }, NULL },
	};
	static const struct rule reply[] = {
		{ { 19, MISSING }, NULL },
		{ { 19, TEXT("\x54\4\0\0") }, "error" },
		{ { 19, TEXT("\0\0\0\0\0\0\0\0") }, "error" },
		{ { 19, TEXT("\1\0\0\0\0\0\0\0") }, "error" },
		{ { 19, TEXT("\x54\4\0\0\1\0\0\0") }, "error" },
	};

	(void)state;
	assert_rules(PARCEL_CALL, both);
	assert_rules(PARCEL_REPLY, both);
	assert_rules(PARCEL_REPLY, reply);
}

/* ---- members ---- */

static struct member member;

/* In memory of the exact size, which is freed by the next call. */
static bool decode_member(const char *blob, size_t n)
{
	free(bytes);
	bytes = malloc(n == 0 ? 1 : n);
	assert_non_null(bytes);
	memcpy(bytes, blob, n);
	memset(&member, 0xa5, sizeof(member));
	return parcel_decode_member((struct slice){ bytes, n }, &member);
}

static void a_member_is_told_in_full_or_by_its_client_alone(void **state)
{
	static const struct {
		const char *blob;
		size_t n;
	} blobs[] = { { TEXT("\1c\0") },
		      { TEXT("\2c1\3ann") },
		      { TEXT("\1c\0null") },
		      { TEXT("\1c\1u{\"x\":\"\\u0041\"}") } };

	(void)state;
	for (size_t i = 0; i < sizeof(blobs) / sizeof(blobs[0]); i++) {
		struct buf b;

		assert_true(decode_member(blobs[i].blob, blobs[i].n));
		buf_init(&b);
		parcel_encode_member(&b, &member);
		assert_true(slice_eq(buf_view(&b), (struct slice){ blobs[i].blob, blobs[i].n }));
		buf_fini(&b);
	}
	assert_true(slice_is(member.client, "c") && slice_is(member.user, "u"));
	assert_true(slice_is(member.info, "{\"x\":\"\\u0041\"}"));
	assert_true(decode_member(TEXT("\1c\0")));
	assert_null(member.user.p);
	assert_null(member.info.p);
}

static void a_wrong_member_is_refused(void **state)
{
	static const struct {
		const char *blob;
		size_t n;
	} blobs[] = { { TEXT("") },          { TEXT("\0") },        { TEXT("\0\0") },
		      { TEXT("\1") },        { TEXT("\1c") },       { TEXT("\2c") },
		      { TEXT("\xff") },      { TEXT("\1 \0") },     { TEXT("\1\"\0") },
		      { TEXT("\1c\1") },     { TEXT("\1c\2u") },    { TEXT("\1c\1*") },
		      { TEXT("\1c\xff\1") }, { TEXT("\1c\0 ") },    { TEXT("\1c\0x") },
		      { TEXT("\1c\1u{") },   { TEXT("\1c\1u1,2") }, { TEXT("\1c\0\"\x80\"") } };

	(void)state;
	for (size_t i = 0; i < sizeof(blobs) / sizeof(blobs[0]); i++)
		if (decode_member(blobs[i].blob, blobs[i].n))
			fail_msg("blob %zu", i);
	assert_false(parcel_decode_member((struct slice){ NULL, 0 }, &member));
}

static void names_of_200_and_info_of_1024_bytes_are_the_longest(void **state)
{
	char blob[2 + 200 + 200 + ENVELOPE_INFO_MAX + 1];
	size_t info_at = 2 + 200 + 200;

	(void)state;
	memset(blob, 'n', sizeof(blob));
	blob[0] = blob[201] = (char)200;
	memset(blob + info_at, '1', ENVELOPE_INFO_MAX + 1);
	assert_true(decode_member(blob, sizeof(blob) - 1));
	assert_int_equal(member.user.n, 200);
	assert_int_equal(member.info.n, ENVELOPE_INFO_MAX);
	assert_false(decode_member(blob, sizeof(blob)));
	blob[0] = (char)201;
	blob[202] = (char)200;
	assert_false(decode_member(blob, sizeof(blob) - 1));
}

/* ---- heads, ends and single bytes ---- */

static void what_is_no_parcel_says_why(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *why;
	} wrong[] = {
		{ TEXT(""), "magic" },
		{ TEXT("R"), "magic" },
		{ TEXT("RC\1\0\0\0\0"), "magic" },
		{ TEXT("rC\1\0\0\0\0\0"), "magic" },
		{ TEXT("CR\1\0\0\0\0\0"), "magic" },
		{ TEXT("[\"RC\"]  "), "magic" },
		{ TEXT("Rc\1\0\0\0\0\0"), "magic" },
		{ TEXT("RC\1\0\1\0\0\0"), "length" },
		{ TEXT("RC\1\0\0\0\0\0\0"), "length" },
		{ TEXT("RC\1\0\0\0\0\0\xc8\0\0\0\0"), "length" },
		{ TEXT("RC\1\0\0\0\0\0"), "kind" },
		{ TEXT("RC\1\0\4\0\0\0\x01\0\0\0"), "length" },
		{ TEXT("RC\1\0\5\0\0\0\x01\1\0\0\0"), "length" },
		{ TEXT("RC\1\0\5\0\0\0\xc8\xff\xff\xff\xff"), "length" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_refused((struct slice){ wrong[i].bytes, wrong[i].n }, wrong[i].why);
}

/* As it is, and with its length made to fit what is left. */
static void no_parcel_can_be_cut(void **state)
{
	(void)state;
	for (enum parcel_kind k = 0; k < PARCEL_KINDS; k++) {
		struct slice whole = sample(k);
		char cut[512];

		assert_in_range(whole.n, 1, sizeof(cut));
		memcpy(cut, whole.p, whole.n);
		for (size_t n = 0; n < whole.n; n++) {
			assert_int_equal(decode((struct slice){ cut, n }), ERR_BAD_FRAME);
			if (n < 8)
				continue;
			begin();
			buf_add(&forged, cut + 8, n - 8);
			if (decode(finish()) == ERR_OK)
				assert_goes_round(); /* between two parts */
		}
	}
}

static void no_single_byte_leads_outside(void **state)
{
	size_t taken = 0, refused = 0;

	(void)state;
	for (enum parcel_kind k = 0; k < PARCEL_KINDS; k++) {
		struct slice whole = sample(k);

		for (size_t i = 0; i < whole.n; i++) {
			char byte = forged.p[i];

			for (int delta = 1; delta < 256; delta++) {
				forged.p[i] = (char)(byte + delta);
				if (decode(whole) != ERR_OK) {
					refused++;
					continue;
				}
				taken++;
				if (!parcel_lies_in(&parcel, (struct slice){ bytes, n_bytes }))
					fail_msg("kind %d, byte %zu", k, i);
			}
			forged.p[i] = byte;
		}
	}
	assert_true(taken > 1000 && refused > 10000);
}

/* ---- JSON from a backend ---- */

static void a_publish_body_is_a_parcel(void **state)
{
	(void)state;
	assert_decodes(slice_of("{\"topic\":\"room:\\u0061\",\"event_type\":\"t\","
	                        "\"payload\": [1.0] ,\"priority\":\"high\"}"));
	assert_int_equal(parcel.kind, PARCEL_EVENT);
	assert_true(slice_is(parcel.topic, "room:a"));
	assert_true(slice_is(parcel.event_type, "t"));
	assert_true(slice_is(parcel.payload, "[1.0]"));
	assert_int_equal(parcel.drop, DROP_HIGH);
	assert_true(parcel.ts_ms == 0 && parcel.born_us == 0);
	assert_null(parcel.from.client.p);
	assert_null(parcel.id.p);
	assert_goes_round();
	assert_decodes(slice_of("{\"topic\":\"event:t\",\"payload\":0}"));
	assert_true(slice_is(parcel.event_type, "t"));
	assert_int_equal(parcel.drop, DROP_NORMAL);
}

static void a_wrong_publish_body_says_what_is_wrong(void **state)
{
	static const struct {
		const char *json, *why;
		enum err e;
	} bodies[] = {
		{ "{", "bad JSON: it ends too early", ERR_BAD_JSON },
		{ "{}", "topic is missing", ERR_MISSING_FIELD },
		{ "{\"topic\":\"all\",\"event_type\":\"t\"}", "payload is missing",
		  ERR_MISSING_FIELD },
		{ "{\"topic\":\"all\",\"event_type\":\"t\",\"payload\":1,\"key\":\"k\"}", "key",
		  ERR_BAD_FRAME },
		{ "{\"topic\":\"all\",\"event_type\":\"t\",\"payload\":1}x",
		  "bad JSON: something behind the value", ERR_BAD_JSON },
		{ "{\"topic\":\"event:task_update\",\"payload\":1}",
		  "task_update: payload must be an object", ERR_BAD_PAYLOAD },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		assert_int_equal(decode(slice_of(bodies[i].json)), bodies[i].e);
		assert_string_equal(why, bodies[i].why);
	}
	assert_int_equal(decode(slice_of("{\"topic\":\"nope\"}")), ERR_BAD_TOPIC);
	assert_string_equal(why, err_sentence(ERR_BAD_TOPIC));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kind_is_one_that_is_known),
		cmocka_unit_test(an_event_has_a_topic_a_type_and_a_payload),
		cmocka_unit_test(a_payload_may_be_as_deep_as_one_from_a_client),
		cmocka_unit_test(an_events_other_parts_are_checked),
		cmocka_unit_test(an_id_needs_no_escape),
		cmocka_unit_test(a_presence_change_is_checked),
		cmocka_unit_test(only_counts_need_no_member),
		cmocka_unit_test(a_confirmation_is_checked),
		cmocka_unit_test(somebody_confirms),
		cmocka_unit_test(a_call_and_its_reply_are_checked),
		cmocka_unit_test(a_member_is_told_in_full_or_by_its_client_alone),
		cmocka_unit_test(a_wrong_member_is_refused),
		cmocka_unit_test(names_of_200_and_info_of_1024_bytes_are_the_longest),
		cmocka_unit_test(what_is_no_parcel_says_why),
		cmocka_unit_test(no_parcel_can_be_cut),
		cmocka_unit_test(no_single_byte_leads_outside),
		cmocka_unit_test(a_publish_body_is_a_parcel),
		cmocka_unit_test(a_wrong_publish_body_says_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, free_all);
}
