#include "tests/support/test.h"

#include "gateway/server/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What came out is written down as text: "m:hello p:x c:1000:bye !1002". */
static struct {
	struct reader reader;
	struct joiner joiner;
	struct budget budget;
	char seen[70000];
	size_t n;
	bool mute_after_message;
} t;

static void note(const char *what, struct slice s)
{
	t.n += (size_t)snprintf(t.seen + t.n, sizeof t.seen - t.n, "%s%s%.*s", t.n > 0 ? " " : "",
	                        what, SLICE_ARGS(s));
}

static void on_message(void *ctx, char *text, size_t n)
{
	(void)ctx;
	note("m:", (struct slice){ text, n });
	memset(text, '#', n); /* it is ours to write to */
	t.reader.mute |= t.mute_after_message;
}

static void on_ping(void *ctx, struct slice payload)
{
	(void)ctx;
	note("p:", payload);
}

static void on_pong(void *ctx, struct slice payload)
{
	(void)ctx;
	note("o:", payload);
}

static void on_closed(void *ctx, int code, struct slice reason)
{
	char what[16];

	(void)ctx;
	snprintf(what, sizeof what, "c:%d:", code);
	note(what, reason);
}

static void on_broken(void *ctx, enum close_why why)
{
	char what[16];

	(void)ctx;
	snprintf(what, sizeof what, "!%d", close_code(why));
	note(what, (struct slice){ "", 0 });
}

static const struct reader_events events = { on_message, on_ping, on_pong, on_closed, on_broken };

static const struct reader_options *options(void)
{
	static struct reader_options o;

	o = (struct reader_options){ .events = &events, .joiner = &t.joiner };
	o.limits = (struct joiner_limits){ .budget = &t.budget,
		                           .budget_most = 1 << 20,
		                           .message_most = 70000 };
	return &o;
}

static int begin(void **state)
{
	(void)state;
	memset(&t, 0, sizeof t);
	joiner_init(&t.joiner);
	return 0;
}

static int end(void **state)
{
	(void)state;
	reader_fini(&t.reader, options());
	joiner_fini(&t.joiner);
	assert_int_equal(t.budget.used, 0);
	return 0;
}

/* The bytes come in reads of `most`. */
static void feed(const char *bytes, size_t n, size_t most)
{
	static char buffer[READER_TAIL_MAX + 140000];

	for (size_t at = 0; at < n;) {
		size_t piece = n - at < most ? n - at : most;
		size_t tail = reader_tail(&t.reader, buffer);

		memcpy(buffer + tail, bytes + at, piece);
		reader_feed(&t.reader, options(), buffer, tail + piece);
		at += piece;
	}
}

static size_t put(char *out, unsigned first, const char *payload, size_t n)
{
	static const unsigned char mask[4] = { 0x12, 0xf4, 0x00, 0x7e };
	size_t at = 0;

	out[at++] = (char)first;
	if (n < 126) {
		out[at++] = (char)(0x80 | n);
	} else if (n < 65536) {
		out[at++] = (char)(0x80 | 126);
		out[at++] = (char)(n >> 8);
		out[at++] = (char)n;
	} else {
		out[at++] = (char)(0x80 | 127);
		for (int i = 7; i >= 0; i--)
			out[at++] = (char)((uint64_t)n >> (8 * i));
	}
	memcpy(out + at, mask, 4);
	at += 4;
	for (size_t i = 0; i < n; i++)
		out[at++] = (char)(payload[i] ^ mask[i & 3]);
	return at;
}

/* Frames as {first byte, payload}; the outcome must not depend on how the bytes are cut. */
static void expect(const char *seen, const char *const frames[][2])
{
	static char bytes[140000];
	size_t n = 0;

	for (int i = 0; frames[i][0] != NULL; i++)
		n += put(bytes + n, (unsigned char)frames[i][0][0], frames[i][1],
		         strlen(frames[i][1]));
	for (size_t most = 1; most <= n; most += most < 20 ? 1 : most / 3) {
		void *state = NULL;

		begin(&state);
		feed(bytes, n, most);
		assert_string_equal(t.seen, seen);
		end(&state);
	}
}

#define FRAMES(...)                                                                                \
	(const char *const[][2])                                                                   \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			NULL, NULL                                                                 \
		}                                                                                  \
	}
#define TEXT "\x81"
#define TEXT_MORE "\x01"
#define MORE "\x80" /* the last continuation; one without FIN has a first byte of 0 */
#define PING "\x89"
#define PONG "\x8a"
#define CLOSE_FRAME "\x88"

static void messages_come_out_whole_however_they_are_cut(void **state)
{
	(void)state;
	expect("m:hello m: m:w\xc3\xb6rld",
	       FRAMES({ TEXT, "hello" }, { TEXT, "" }, { TEXT, "w\xc3\xb6rld" }));
	expect("p:a m:hello p:b o: m:x",
	       FRAMES({ PING, "a" }, { TEXT_MORE, "he" }, { MORE, "llo" }, { PING, "b" },
	              { PONG, "" }, { TEXT, "x" }));
}

static void control_frames_may_stand_between_fragments(void **state)
{
	static const char more[2] = { 0, 0 };

	(void)state;
	expect("p:1 p:2 m:abc",
	       FRAMES({ TEXT_MORE, "a" }, { PING, "1" }, { more, "b" }, { PING, "2" },
	              { MORE, "c" }));
}

static void what_the_rfc_forbids_fails_the_connection(void **state)
{
	static const char reserved[][2] = { "\xc1", "\xa1", "\x91" },
			  opcodes[][2] = { "\x83", "\x87", "\x8b", "\x8f" };

	(void)state;
	for (int i = 0; i < 3; i++)
		expect("!1002", FRAMES({ reserved[i], "x" }, { TEXT, "late" }));
	for (int i = 0; i < 4; i++)
		expect("!1002", FRAMES({ opcodes[i], "x" }));
	expect("!1002", FRAMES({ MORE, "nothing to go on with" }));
	expect("!1002", FRAMES({ TEXT_MORE, "a" }, { TEXT, "b" }));
	expect("!1003", FRAMES({ "\x82", "binary" }));
	expect("!1002", FRAMES({ "\x09", "a ping in pieces" }));
	expect("!1002", FRAMES({ CLOSE_FRAME, "\x03" }));
	expect("!1002", FRAMES({ CLOSE_FRAME, "\x03\xed" })); /* 1005 may not be sent */
	expect("!1002", FRAMES({ CLOSE_FRAME, "\x13\x88" })); /* 5000 */
	expect("!1007", FRAMES({ CLOSE_FRAME, "\x03\xe8\xff" }));
	expect("c:1000:bye",
	       FRAMES({ CLOSE_FRAME,
	                "\x03\xe8"
	                "bye" },
	              { TEXT, "late" }));
	expect("c:1012:", FRAMES({ CLOSE_FRAME, "\x03\xf4" }));
	expect("c:1005:", FRAMES({ CLOSE_FRAME, "" }));
}

static void lengths_have_one_form_and_frames_a_mask(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} wrong[] = {
		{ "\x81\x01x", 3 },                                         /* no mask */
		{ "\x81\xfe\x00\x01\0\0\0\0x", 9 },                         /* 1 in 16 bits */
		{ "\x81\xff\0\0\0\0\0\0\x01\0\0\0\0\0x", 15 },              /* 256 in 64 bits */
		{ "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14 }, /* the highest bit */
		{ "\x89\xfe\x00\x7e\0\0\0\0", 8 },                          /* a ping of 126 */
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		begin(state);
		feed(wrong[i].bytes, wrong[i].n, 1);
		assert_string_equal(t.seen, "!1002");
		end(state);
	}
}

static void large_messages_are_refused_by_their_head_and_by_their_sum(void **state)
{
	char bytes[64] = "\x81\xff\0\0\0\0\0\x01\x11\x71\0\0\0\0"; /* 70001 */
	static char many[200000];
	size_t n = 0;

	feed(bytes, 14, 64);
	assert_string_equal(t.seen, "!1009");
	end(state);
	begin(state);
	n += put(many + n, 0x01, many + 100000, 40000);
	n += put(many + n, 0x80, many + 100000, 30001);
	feed(many, n, 4096);
	assert_string_equal(t.seen, "!1009");
	end(state);
	begin(state);
	n = put(many, 0x81, many + 100000, 70000);
	feed(many, n, 4096);
	assert_true(strncmp(t.seen, "m:", 2) == 0);
	assert_true(t.budget.used == 0);
}

static void after_a_failure_only_the_answer_to_the_close_is_heard(void **state)
{
	(void)state;
	expect("!1003 c:1003:",
	       FRAMES({ "\x82", "binary" }, { TEXT, "late" }, { PING, "" },
	              { CLOSE_FRAME, "\x03\xeb" }));
}

static void a_mute_reader_hands_nothing_over_but_keeps_in_step(void **state)
{
	char bytes[200];
	size_t n;

	(void)state;
	t.mute_after_message = true;
	n = put(bytes, 0x81, "first", 5);
	n += put(bytes + n, 0x81, "second", 6);
	n += put(bytes + n, 0x01, "third", 5);
	n += put(bytes + n, 0x88, "\x03\xe8", 2);
	feed(bytes, n, 3);
	assert_string_equal(t.seen, "m:first c:1000:");
}

static void only_what_is_incomplete_is_charged(void **state)
{
	static char payload[5000], bytes[5100];
	size_t n = put(bytes, 0x81, payload, sizeof payload);

	(void)state;
	feed(bytes, 3000, 3000);
	assert_in_range(t.budget.used, 2990, 8192);
	feed(bytes + 3000, n - 3000, 3000);
	assert_int_equal(t.budget.used, 0);
}

#define case_of(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		case_of(messages_come_out_whole_however_they_are_cut),
		case_of(control_frames_may_stand_between_fragments),
		case_of(what_the_rfc_forbids_fails_the_connection),
		case_of(lengths_have_one_form_and_frames_a_mask),
		case_of(large_messages_are_refused_by_their_head_and_by_their_sum),
		case_of(after_a_failure_only_the_answer_to_the_close_is_heard),
		case_of(a_mute_reader_hands_nothing_over_but_keeps_in_step),
		case_of(only_what_is_incomplete_is_charged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
