#include "tests/support/test.h"

#include "gateway/server/api_path.h"

#include <stdio.h>

static bool fits(const char *pattern, const char *path, const char *name)
{
	struct slice found;

	if (!api_path_fits(pattern, slice_of(path), &found))
		return false;
	assert_true(slice_eq(found, slice_of(name)));
	assert_true((found.p == NULL) == (name == NULL));
	return true;
}

static void a_path_without_names_fits_itself_only(void **state)
{
	static const char *const others[] = { "",           "/",           "/v1",
		                              "/v1/",       "/v1/node",    "/v1/nodesx",
		                              "/v1/nodes/", "v1/nodes",    "//v1/nodes",
		                              "/v1//nodes", "/v1/nodes/x", "/V1/nodes",
		                              "/v1/nodes?", " /v1/nodes" };

	(void)state;
	assert_true(fits("/v1/nodes", "/v1/nodes", NULL));
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (fits("/v1/nodes", others[i], NULL))
			fail_msg("fits: '%s'", others[i]);
}

static void a_name_is_one_segment_wherever_it_stands(void **state)
{
	(void)state;
	assert_true(fits("/v1/rooms/{room}", "/v1/rooms/lobby", "lobby"));
	assert_true(fits("/v1/rooms/{room}", "/v1/rooms/a:b,c=d@e.f;g_h-I0", "a:b,c=d@e.f;g_h-I0"));
	assert_true(fits("/v1/rooms/{room}/kick", "/v1/rooms/kick/kick", "kick"));
	assert_false(fits("/v1/rooms/{room}/kick", "/v1/rooms/kick", NULL));
	assert_false(fits("/v1/rooms/{room}", "/v1/rooms/kick/kick", NULL));
	assert_false(fits("/v1/rooms/{room}", "/v1/rooms", NULL));
}

static void what_is_no_name_fits_nothing(void **state)
{
	static const char *const wrong[] = { "", "a b", "a/b", "a%20b", "*", "\xc3\xa4", "a\n" };
	char path[64], longest[sizeof "/v1/rooms/" + TOPIC_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		snprintf(path, sizeof path, "/v1/rooms/%s", wrong[i]);
		if (fits("/v1/rooms/{room}", path, NULL))
			fail_msg("fits: '%s'", path);
	}
	memcpy(longest, "/v1/rooms/", 10);
	memset(longest + 10, 'x', TOPIC_NAME_MAX + 1);
	longest[10 + TOPIC_NAME_MAX] = '\0';
	assert_true(fits("/v1/rooms/{room}", longest, longest + 10));
	longest[10 + TOPIC_NAME_MAX] = 'x';
	longest[10 + TOPIC_NAME_MAX + 1] = '\0';
	assert_false(fits("/v1/rooms/{room}", longest, NULL));
}

static const char *take(struct api_query *q, unsigned int allowed, const char *argument)
{
	return api_query_take(q, allowed, slice_of(argument));
}

static void nothing_is_given_at_first(void **state)
{
	struct api_query q;

	(void)state;
	api_query_init(&q);
	assert_int_equal(q.limit, 100);
	assert_null(api_query_text(&q, API_PREFIX).p);
	assert_null(api_query_text(&q, API_AFTER).p);
}

static void each_parameter_is_kept_apart(void **state)
{
	struct api_query q;

	(void)state;
	api_query_init(&q);
	assert_null(take(&q, ~0u, "prefix=team="));
	assert_null(take(&q, ~0u, "after=team=7"));
	assert_null(take(&q, ~0u, "node=abcdefgh"));
	assert_null(take(&q, ~0u, "limit=1000"));
	assert_true(slice_is(api_query_text(&q, API_PREFIX), "team="));
	assert_true(slice_is(api_query_text(&q, API_AFTER), "team=7"));
	assert_true(slice_is(api_query_text(&q, API_NODE), "abcdefgh"));
	assert_null(api_query_text(&q, API_GLOB).p);
	assert_int_equal(q.limit, 1000);
	api_query_init(&q);
	assert_null(take(&q, API_GLOB, "glob=job-?.*"));
	assert_true(slice_is(api_query_text(&q, API_GLOB), "job-?.*"));
}

static void a_wrong_one_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",           "=",           "limit",       "limit=",
		"limit=0",    "limit=1001",  "limit=-1",    "limit=+1",
		"limit= 1",   "limit=1e2",   "limit=00001", "limit=99999999999",
		"limit=1 ",   "Limit=1",     "prefix=",     "prefix=*",
		"prefix=a b", "glob=",       "glob=a/b",    "glob=[ab]",
		"after=",     "after=%41",   "node=",       "node=a\nb",
		"unknown=1",  "prefixes=ab", "=ab",         "glob",
	};
	struct api_query q;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		api_query_init(&q);
		if (take(&q, ~0u, wrong[i]) == NULL)
			fail_msg("taken: '%s'", wrong[i]);
		assert_int_equal(q.given, 0);
	}
}

static void what_a_path_does_not_know_is_refused(void **state)
{
	struct api_query q;

	(void)state;
	api_query_init(&q);
	assert_non_null(take(&q, API_PAGED, "prefix=a"));
	assert_non_null(take(&q, 0, "limit=1"));
	assert_null(take(&q, API_PAGED, "limit=1"));
}

static void twice_and_contradictions_are_refused(void **state)
{
	struct api_query q;

	(void)state;
	api_query_init(&q);
	assert_null(take(&q, ~0u, "after=a"));
	assert_non_null(take(&q, ~0u, "after=a"));
	assert_null(take(&q, ~0u, "limit=5"));
	assert_non_null(take(&q, ~0u, "limit=5"));
	assert_null(take(&q, ~0u, "prefix=a"));
	assert_non_null(take(&q, ~0u, "glob=a*"));
}

static void a_text_may_be_as_long_as_a_name_and_no_longer(void **state)
{
	static const unsigned int which[] = { API_PREFIX, API_GLOB, API_AFTER, API_NODE };
	static const char *const names[] = { "prefix=", "glob=", "after=", "node=" };
	char argument[16 + TOPIC_NAME_MAX + 1];
	struct api_query q;
	size_t n;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		n = strlen(names[i]);
		memcpy(argument, names[i], n);
		memset(argument + n, 'x', TOPIC_NAME_MAX + 1);
		api_query_init(&q);
		assert_null(
			api_query_take(&q, ~0u, (struct slice){ argument, n + TOPIC_NAME_MAX }));
		assert_int_equal(api_query_text(&q, which[i]).n, TOPIC_NAME_MAX);
		api_query_init(&q);
		assert_non_null(api_query_take(&q, ~0u,
		                               (struct slice){ argument, n + TOPIC_NAME_MAX + 1 }));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_without_names_fits_itself_only),
		cmocka_unit_test(a_name_is_one_segment_wherever_it_stands),
		cmocka_unit_test(what_is_no_name_fits_nothing),
		cmocka_unit_test(nothing_is_given_at_first),
		cmocka_unit_test(each_parameter_is_kept_apart),
		cmocka_unit_test(a_wrong_one_is_refused),
		cmocka_unit_test(what_a_path_does_not_know_is_refused),
		cmocka_unit_test(twice_and_contradictions_are_refused),
		cmocka_unit_test(a_text_may_be_as_long_as_a_name_and_no_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
