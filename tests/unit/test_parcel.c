#include "tests/support/parcel_forge.h"

/* ---- the five kinds ---- */

static void an_event_has_all_its_fields(void **state)
{
	(void)state;
	assert_decodes(sample(PARCEL_EVENT));
	assert_int_equal(parcel.kind, PARCEL_EVENT);
	assert_slice(parcel.topic, "room:lobby");
	assert_slice(parcel.event_type, "chat");
	assert_slice(parcel.payload, "{\"n\":1.0}");
	assert_slice(parcel.from.client, "nodeaaaa-c");
	assert_slice(parcel.from.user, "ann");
	assert_slice(parcel.exclude, "nodeaaaa-c");
	assert_slice(parcel.id, "nodeaaaa-c.7");
	assert_int_equal(parcel.ts_ms, 123456789);
	assert_int_equal(parcel.born_us, 31019903624);
	assert_int_equal(parcel.drop, DROP_HIGH);
	assert_null(parcel.from.info.p);
	assert_null(parcel.member.client.p);
	assert_null(parcel.node.p);
	assert_goes_round();
}

static void a_presence_change_has_all_its_fields(void **state)
{
	(void)state;
	assert_decodes(sample(PARCEL_PRESENCE));
	assert_int_equal(parcel.kind, PARCEL_PRESENCE);
	assert_slice(parcel.topic, "room:lobby");
	assert_slice(parcel.member.client, "c1");
	assert_slice(parcel.member.user, "ann");
	assert_slice(parcel.member.info, "{\"x\":[]}");
	assert_true(parcel.joined && parcel.user_edge && !parcel.counts_only);
	assert_int_equal(parcel.rev, 0x07060504030201);
	assert_int_equal(parcel.count, 5);
	assert_int_equal(parcel.users, 4);
	assert_goes_round();
}

static void each_presence_flag_is_one_of_its_own(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 256; i++) {
		char flags = (char)i;

		assert_decodes(forge(PARCEL_PRESENCE, (struct part){ 13, &flags, 1 }));
		assert_int_equal(parcel.joined, i & 1);
		assert_int_equal(parcel.user_edge, i >> 1 & 1);
		assert_int_equal(parcel.counts_only, i >> 2 & 1);
		assert_goes_round();
	}
}

static void a_confirmation_has_all_its_fields(void **state)
{
	(void)state;
	assert_decodes(sample(PARCEL_ACKED));
	assert_int_equal(parcel.kind, PARCEL_ACKED);
	assert_slice(parcel.topic, "client:c1");
	assert_slice(parcel.from.client, "c2");
	assert_slice(parcel.from.user, "bob");
	assert_slice(parcel.id, "c1.7");
	assert_goes_round();
}

static void a_call_and_its_reply_have_all_their_fields(void **state)
{
	(void)state;
	assert_decodes(sample(PARCEL_CALL));
	assert_int_equal(parcel.kind, PARCEL_CALL);
	assert_null(parcel.topic.p);
	assert_slice(parcel.node, "nodeaaaa");
	assert_true(parcel.number == UINT64_MAX);
	assert_slice(parcel.body, "\0any \xff");
	assert_int_equal(parcel.error, ERR_OK);
	assert_goes_round();

	assert_decodes(sample(PARCEL_REPLY));
	assert_int_equal(parcel.kind, PARCEL_REPLY);
	assert_slice(parcel.node, "nodebbbb");
	assert_int_equal(parcel.number, 0); /* one like others */
	assert_slice(parcel.body, "");
	assert_int_equal(parcel.error, ERR_GONE);
	assert_goes_round();
}

static void every_error_comes_back_with_a_reply(void **state)
{
	(void)state;
	for (enum err e = ERR_OK; e < ERR_COUNT; e++) {
		struct parcel reply = {
			.kind = PARCEL_REPLY, .node = slice_of("n"), .number = 1, .error = e
		};
		struct buf b = encoded(&reply);

		assert_decodes(buf_view(&b));
		assert_int_equal(parcel.error, e);
		assert_null(parcel.body.p);
		buf_fini(&b);
	}
}

/* What another release writes and reads: this must never change. */
static void the_wire_form_of_an_event_is_pinned(void **state)
{
	static const char wire[] = "RC\1\0d\0\0\0"
				   "\x01\1\0\0\0\0"
				   "\x02\6\0\0\0room:x"
				   "\x05\2\0\0\0c1"
				   "\x06\3\0\0\0ann"
				   "\x0a\4\0\0\0c1.7"
				   "\x03\4\0\0\0chat"
				   "\x04\6\0\0\0[\"\xc3\xa4\"]"
				   "\x07\2\0\0\0c1"
				   "\x08\x08\0\0\0\x15\xcd\x5b\x07\0\0\0\0"
				   "\x09\x08\0\0\0\x88\x2a\xee\x38\x07\0\0\0"
				   "\x0b\1\0\0\0\1";
	struct parcel p = { .kind = PARCEL_EVENT,
		            .topic = slice_of("room:x"),
		            .from = { slice_of("c1"), slice_of("ann"), { NULL, 0 } },
		            .id = slice_of("c1.7"),
		            .event_type = slice_of("chat"),
		            .payload = slice_of("[\"\xc3\xa4\"]"),
		            .exclude = slice_of("c1"),
		            .ts_ms = 123456789,
		            .born_us = 31019903624,
		            .drop = DROP_NORMAL };
	struct buf b;

	(void)state;
	buf_init(&b);
	buf_str(&b, "before");
	parcel_encode(&b, &p);
	assert_int_equal(b.n, 6 + sizeof(wire) - 1);
	assert_memory_equal(b.p, "before", 6);
	assert_memory_equal(b.p + 6, wire, sizeof(wire) - 1);
	assert_decodes((struct slice){ TEXT(wire) });
	assert_null(parcel_difference(&p, &parcel));
	buf_fini(&b);
}

static void a_backends_event_says_the_least(void **state)
{
	(void)state;
	begin();
	for (size_t i = 0; i < 4; i++) /* kind, topic, type and payload */
		add(samples[PARCEL_EVENT][i]);
	assert_decodes(finish());
	assert_null(parcel.from.client.p);
	assert_null(parcel.from.user.p);
	assert_null(parcel.exclude.p);
	assert_null(parcel.id.p);
	assert_true(parcel.ts_ms == 0 && parcel.born_us == 0 && parcel.drop == DROP_LOW);
	assert_goes_round();
}

/* ---- what a newer or a hostile one may send ---- */

static void parts_may_stand_in_any_order(void **state)
{
	struct parcel first;

	(void)state;
	for (enum parcel_kind k = 0; k < PARCEL_KINDS; k++) {
		char *kept;
		size_t n = 0;

		assert_decodes(sample(k));
		first = parcel;
		kept = bytes;
		bytes = NULL;
		while (samples[k][n].tag != NO_MORE)
			n++;
		begin();
		while (n > 0)
			add(samples[k][--n]);
		assert_decodes(finish());
		assert_null(parcel_difference(&first, &parcel));
		free(kept);
	}
}

static void a_newer_minor_version_is_read(void **state)
{
	struct parcel first;
	char *kept;

	(void)state;
	assert_decodes(sample(PARCEL_EVENT));
	first = parcel;
	kept = bytes;
	bytes = NULL;
	begin();
	forged.p[3] = 9;
	for (const struct part *p = samples[PARCEL_EVENT]; p->tag != NO_MORE; p++) {
		add(*p);
		add((struct part){ 0, TEXT("seq") });
		add((struct part){ 21, TEXT("") });
		add((struct part){ 255, TEXT("anything, and twice") });
	}
	add((struct part){ 14, TEXT("a rev, which events have not yet") });
	assert_decodes(finish());
	assert_null(parcel_difference(&first, &parcel));
	free(kept);
}

static void another_major_version_says_so(void **state)
{
	(void)state;
	for (int major = 0; major < 256; major++) {
		if (major == 1)
			continue;
		sample(PARCEL_EVENT);
		forged.p[2] = (char)major;
		assert_int_equal(decode(buf_view(&forged)), ERR_NOT_SUPPORTED);
		assert_string_equal(why, "version");
	}
}

static void a_known_part_comes_once(void **state)
{
	(void)state;
	for (uint8_t tag = 1; tag <= 20; tag++) {
		begin();
		for (const struct part *p = samples[PARCEL_EVENT]; p->tag != NO_MORE; p++)
			if (p->tag != tag)
				add(*p);
		add((struct part){ tag, TEXT("x") });
		add((struct part){ tag, TEXT("x") });
		assert_refused(finish(), "a part twice");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_has_all_its_fields),
		cmocka_unit_test(a_presence_change_has_all_its_fields),
		cmocka_unit_test(each_presence_flag_is_one_of_its_own),
		cmocka_unit_test(a_confirmation_has_all_its_fields),
		cmocka_unit_test(a_call_and_its_reply_have_all_their_fields),
		cmocka_unit_test(every_error_comes_back_with_a_reply),
		cmocka_unit_test(the_wire_form_of_an_event_is_pinned),
		cmocka_unit_test(a_backends_event_says_the_least),
		cmocka_unit_test(parts_may_stand_in_any_order),
		cmocka_unit_test(a_newer_minor_version_is_read),
		cmocka_unit_test(another_major_version_says_so),
		cmocka_unit_test(a_known_part_comes_once),
	};

	return cmocka_run_group_tests(tests, NULL, free_all);
}
