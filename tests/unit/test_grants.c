#include "gateway/core/grants.h"
#include "tests/support/test.h"

#include <stdio.h>

static struct token t;

static void add(const char *match, uint32_t can)
{
	struct token_rule *r = &t.rules[t.n_rules++];

	assert_true(token_pattern(slice_of(match), r));
	r->can = can;
}

static bool allows(const struct grants *g, enum grant what, const char *topic)
{
	struct topic parsed;

	assert_int_equal(topic_parse(slice_of(topic), &parsed), ERR_OK);
	return grants_allow(g, what, &parsed);
}

static void nothing_is_allowed_that_no_rule_says(void **state)
{
	struct grants *g;

	(void)state;
	t.n_rules = 0;
	g = grants_new(&t);
	for (enum grant what = 0; what < GRANTS; what++) {
		assert_false(allows(g, what, "room:a"));
		assert_false(allows(g, what, "all"));
	}
	grants_free(g);
}

static void rules_of_one_kind_say_nothing_of_another(void **state)
{
	static const char *const topics[] = { "room:a", "event:a", "user:a", "client:a", "all" };
	struct grants *g;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		t.n_rules = 0;
		add(topics[i], GRANT_BIT(GRANT_PUBLISH));
		g = grants_new(&t);
		for (size_t j = 0; j < 5; j++) {
			assert_int_equal(allows(g, GRANT_PUBLISH, topics[j]), i == j);
			assert_false(allows(g, GRANT_JOIN, topics[j]));
		}
		grants_free(g);
	}
}

static void patterns_of_every_form_match_whole_names(void **state)
{
	struct grants *g;

	(void)state;
	t.n_rules = 0;
	add("room:exact", GRANT_BIT(GRANT_JOIN));
	add("room:pre.*", GRANT_BIT(GRANT_JOIN));
	add("room:*.post", GRANT_BIT(GRANT_JOIN));
	add("room:a*b*", GRANT_BIT(GRANT_JOIN));
	g = grants_new(&t);
	memset(&t, 'x', sizeof t); /* the token may go */
	assert_true(allows(g, GRANT_JOIN, "room:exact"));
	assert_true(allows(g, GRANT_JOIN, "room:pre."));
	assert_true(allows(g, GRANT_JOIN, "room:pre.x.y"));
	assert_true(allows(g, GRANT_JOIN, "room:x.post"));
	assert_true(allows(g, GRANT_JOIN, "room:ab"));
	assert_true(allows(g, GRANT_JOIN, "room:a.b.c"));
	assert_false(allows(g, GRANT_JOIN, "room:exactly"));
	assert_false(allows(g, GRANT_JOIN, "room:exac"));
	assert_false(allows(g, GRANT_JOIN, "room:pre"));
	assert_false(allows(g, GRANT_JOIN, "room:x.posts"));
	assert_false(allows(g, GRANT_JOIN, "room:ba"));
	grants_free(g);
}

static void rules_add_up(void **state)
{
	struct grants *g;

	(void)state;
	t.n_rules = 0;
	add("room:*", GRANT_BIT(GRANT_JOIN));
	add("room:a", GRANT_BIT(GRANT_PUBLISH));
	add("room:a", 0);
	g = grants_new(&t);
	assert_true(allows(g, GRANT_JOIN, "room:a") && allows(g, GRANT_PUBLISH, "room:a"));
	assert_true(allows(g, GRANT_JOIN, "room:b"));
	assert_false(allows(g, GRANT_PUBLISH, "room:b"));
	grants_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_allowed_that_no_rule_says),
		cmocka_unit_test(rules_of_one_kind_say_nothing_of_another),
		cmocka_unit_test(patterns_of_every_form_match_whole_names),
		cmocka_unit_test(rules_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
