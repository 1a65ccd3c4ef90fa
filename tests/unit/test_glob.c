#include "gateway/core/glob.h"
#include "tests/support/test.h"

#include <stdlib.h>

static void assert_match(const char *glob, const char *name, bool matches)
{
	if (glob_match(slice_of(glob), slice_of(name)) != matches)
		fail_msg("'%s' and '%s'", glob, name);
}

static void a_name_matches_itself_alone(void **state)
{
	(void)state;
	assert_match("", "", true);
	assert_match("", "a", false);
	assert_match("a", "", false);
	assert_match("lobby", "lobby", true);
	assert_match("lobby", "lobb", false);
	assert_match("lobby", "lobbyx", false);
	assert_match("Lobby", "lobby", false);
	assert_match("a.b", "axb", false);
}

static void a_star_is_any_run_of_bytes(void **state)
{
	(void)state;
	assert_match("*", "", true);
	assert_match("*", "abc", true);
	assert_match("a*", "a", true);
	assert_match("a*c", "abbbc", true);
	assert_match("a*c", "abbbd", false);
	assert_match("*b*", "abc", true);
	assert_match("*b*", "ac", false);
	assert_match("a**c", "ac", true);
	assert_match("*ab", "aab", true);
	assert_match("*a*b*c", "xaxbxbxcxc", true);
	assert_match("*a*b*c", "xaxcxb", false);
}

static void a_question_mark_is_one_byte(void **state)
{
	(void)state;
	assert_match("?", "a", true);
	assert_match("?", "", false);
	assert_match("?", "ab", false);
	assert_match("game-??", "game-17", true);
	assert_match("game-??", "game-1", false);
	assert_match("*?", "", false);
	assert_match("?*?", "ab", true);
}

/* A step for each pair of bytes would be 10^10: the test would not end. */
static void hostile_globs_cost_little(void **state)
{
	char glob[201], name[201];

	(void)state;
	for (int i = 0; i < 200; i++) {
		glob[i] = i % 2 == 0 ? '*' : 'a';
		name[i] = 'a';
	}
	glob[199] = 'b';
	glob[200] = name[200] = '\0';
	assert_match(glob, name, false);
	name[199] = 'b';
	assert_match(glob, name, true);
}

static void assert_head(const char *glob, const char *head)
{
	assert_true(slice_is(glob_head(slice_of(glob)), head));
}

static void the_head_is_what_every_match_begins_with(void **state)
{
	(void)state;
	assert_head("", "");
	assert_head("lobby", "lobby");
	assert_head("lob*y", "lob");
	assert_head("lob?y*", "lob");
	assert_head("*y", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_matches_itself_alone),
		cmocka_unit_test(a_star_is_any_run_of_bytes),
		cmocka_unit_test(a_question_mark_is_one_byte),
		cmocka_unit_test(hostile_globs_cost_little),
		cmocka_unit_test(the_head_is_what_every_match_begins_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
