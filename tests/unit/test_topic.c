#include "broker-common/topic.h"

#include "tests/support/test.h"

static const char allowed[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-=@,.;:";

static void assert_topic(const char *text, enum topic_kind kind, const char *name)
{
	struct topic t;

	if (topic_parse(slice_of(text), &t) != ERR_OK)
		fail_msg("%s", text);
	assert_int_equal(t.kind, kind);
	assert_ptr_equal(t.text.p, text);
	assert_true(slice_is(t.text, text));
	assert_true(slice_is(t.name, name));
	assert_ptr_equal(t.name.p + t.name.n, t.text.p + t.text.n);
}

static void names_hold_exactly_the_characters_of_the_protocol(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		char name[] = { 'a', (char)c, 'z' };
		bool ok = c != 0 && strchr(allowed, c) != NULL;

		if (topic_name_ok((struct slice){ name, 3 }) != ok)
			fail_msg("byte %d", c);
		if (topic_name_ok((struct slice){ name + 1, 1 }) != ok)
			fail_msg("byte %d alone", c);
	}
}

static void a_name_is_1_to_200_bytes(void **state)
{
	char name[201];

	(void)state;
	memset(name, 'n', sizeof(name));
	assert_false(topic_name_ok((struct slice){ name, 0 }));
	assert_false(topic_name_ok((struct slice){ NULL, 0 }));
	assert_true(topic_name_ok((struct slice){ name, 1 }));
	assert_true(topic_name_ok((struct slice){ name, 200 }));
	assert_false(topic_name_ok((struct slice){ name, 201 }));
	name[199] = ' ';
	assert_false(topic_name_ok((struct slice){ name, 200 }));
}

static void each_kind_is_told_by_its_prefix(void **state)
{
	(void)state;
	assert_topic("room:lobby", TOPIC_ROOM, "lobby");
	assert_topic("event:task_update", TOPIC_EVENT, "task_update");
	assert_topic("user:alice@example.org", TOPIC_USER, "alice@example.org");
	assert_topic("client:n1-x", TOPIC_CLIENT, "n1-x");
	assert_topic("all", TOPIC_ALL, "");
	assert_topic("room:room:a", TOPIC_ROOM, "room:a");
	assert_topic("room::", TOPIC_ROOM, ":");
	assert_topic("room:all", TOPIC_ROOM, "all");
	assert_topic("room:jobs.a;b,c=d", TOPIC_ROOM, "jobs.a;b,c=d");
}

static void what_is_no_topic_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"room",
		"room:",
		"event:",
		"user:",
		"client:",
		":",
		":a",
		"rooms:a",
		"Room:a",
		"roo",
		"all:",
		"all:a",
		"All",
		"al",
		"alla",
		" all",
		"all ",
		" room:a",
		"room: a",
		"room:a b",
		"room:jobs.*",
		"room:a>",
		"room:a/b",
		"room:a\"",
		"room:a\\",
		"room:\xc3\xa9",
		"a:room",
	};
	struct topic t;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (topic_parse(slice_of(texts[i]), &t) != ERR_BAD_TOPIC)
			fail_msg("'%s'", texts[i]);
	assert_int_equal(topic_parse((struct slice){ "room:a\0b", 8 }, &t), ERR_BAD_TOPIC);
	assert_int_equal(topic_parse((struct slice){ "all\0", 4 }, &t), ERR_BAD_TOPIC);
	assert_int_equal(topic_parse((struct slice){ NULL, 0 }, &t), ERR_BAD_TOPIC);
}

static void the_longest_topic_fits_what_topic_make_needs(void **state)
{
	char name[201], out[TOPIC_MAX];
	struct topic t;

	(void)state;
	memset(name, 'n', sizeof(name));
	for (enum topic_kind k = 0; k < TOPIC_KINDS; k++) {
		struct slice made = topic_make(k, (struct slice){ name, 200 }, out);

		assert_ptr_equal(made.p, out);
		assert_in_range(made.n, 1, TOPIC_MAX);
		assert_int_equal(topic_parse(made, &t), ERR_OK);
		assert_int_equal(t.kind, k);
		assert_int_equal(t.name.n, k == TOPIC_ALL ? 0 : 200);
		assert_true(slice_starts(made, slice_of(topic_prefix(k))));
	}
	assert_true(slice_is(topic_make(TOPIC_USER, slice_of("bob"), out), "user:bob"));
	assert_true(slice_is(topic_make(TOPIC_ALL, slice_of(""), out), "all"));
}

static bool matches(const char *pattern, const char *name)
{
	return topic_match(slice_of(pattern), slice_of(name));
}

static void a_star_is_any_run_of_bytes(void **state)
{
	(void)state;
	assert_true(matches("jobs.*", "jobs.a.b"));
	assert_true(matches("jobs.*", "jobs."));
	assert_true(matches("*", "anything"));
	assert_true(matches("*", ""));
	assert_true(matches("", ""));
	assert_true(matches("a", "a"));
	assert_true(matches("**", "a"));
	assert_true(matches("*.log", "a.log.log"));
	assert_true(matches("a*b*c", "a-b-b-c-c"));
	assert_true(matches("*a*", "bab"));
	assert_true(matches("a*a", "aa"));
	assert_false(matches("jobs.*", "jobs"));
	assert_false(matches("jobs.*", "job.a"));
	assert_false(matches("", "a"));
	assert_false(matches("a", ""));
	assert_false(matches("a", "ab"));
	assert_false(matches("ab", "a"));
	assert_false(matches("a*a", "a"));
	assert_false(matches("a*b*c", "a-c-b"));
	assert_false(matches("*.log", "a.logs"));
	assert_false(matches("*a", "ab"));
}

/* All patterns and names of up to four letters, against the definition. */
static bool matches_by_definition(struct slice p, struct slice n)
{
	struct slice rest = { p.p + 1, p.n - 1 }, behind = { n.p + 1, n.n - 1 };

	if (p.n == 0)
		return n.n == 0;
	if (p.p[0] == '*')
		return matches_by_definition(rest, n) ||
			(n.n > 0 && matches_by_definition(p, behind));
	return n.n > 0 && p.p[0] == n.p[0] && matches_by_definition(rest, behind);
}

/* The `i`-th text of up to four of `letters`, longer ones later. */
static struct slice nth(size_t i, const char *letters, size_t n_letters, char out[4])
{
	size_t n = 0, of_this_length = 1;

	for (; i >= of_this_length; n++) {
		i -= of_this_length;
		of_this_length *= n_letters;
	}
	for (size_t k = 0; k < n; k++, i /= n_letters)
		out[k] = letters[i % n_letters];
	return (struct slice){ out, n };
}

static void short_patterns_match_by_the_definition(void **state)
{
	char pattern[4], name[4];

	(void)state;
	for (size_t i = 0; i < 1 + 3 + 9 + 27 + 81; i++) {
		for (size_t k = 0; k < 1 + 2 + 4 + 8 + 16; k++) {
			struct slice p = nth(i, "ab*", 3, pattern), n = nth(k, "ab", 2, name);

			if (topic_match(p, n) != matches_by_definition(p, n))
				fail_msg("'%.*s' '%.*s'", SLICE_ARGS(p), SLICE_ARGS(n));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_hold_exactly_the_characters_of_the_protocol),
		cmocka_unit_test(a_name_is_1_to_200_bytes),
		cmocka_unit_test(each_kind_is_told_by_its_prefix),
		cmocka_unit_test(what_is_no_topic_is_refused),
		cmocka_unit_test(the_longest_topic_fits_what_topic_make_needs),
		cmocka_unit_test(a_star_is_any_run_of_bytes),
		cmocka_unit_test(short_patterns_match_by_the_definition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
