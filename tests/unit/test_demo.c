#include "tests/support/test.h"

#include "gateway/server/demo.h"

#include <string.h>

/* What `printf TEXT | openssl dgst -sha256 -binary | base64` says. */
#define HASH_OF_ALERT "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"
#define HASH_OF_NOTHING "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"

static struct buf policy;

static int setup(void **state)
{
	(void)state;
	buf_init(&policy);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_fini(&policy);
	return 0;
}

static const char *policy_of(const char *page)
{
	buf_reset(&policy);
	demo_policy(slice_of(page), &policy);
	buf_char(&policy, '\0');
	assert_false(policy.failed);
	return policy.p;
}

static void a_script_of_the_page_may_run_by_its_hash(void **state)
{
	(void)state;
	assert_non_null(strstr(policy_of("<p>x</p><script>alert(1)</script>"),
	                       "script-src " HASH_OF_ALERT));
}

static void every_script_has_a_hash_of_its_own(void **state)
{
	(void)state;
	assert_non_null(strstr(policy_of("<script></script><script>alert(1)</script> <b>"),
	                       "script-src " HASH_OF_NOTHING " " HASH_OF_ALERT));
}

static void a_script_without_an_end_gets_none(void **state)
{
	(void)state;
	assert_null(strstr(policy_of("<script>alert(1)"), "sha256"));
	assert_null(strstr(policy_of(""), "sha256"));
}

static void nothing_from_outside_is_allowed(void **state)
{
	const char *p = policy_of("<script>alert(1)</script>");

	(void)state;
	assert_ptr_equal(strstr(p, "default-src 'none';"), p);
	assert_non_null(strstr(p, "connect-src 'self';"));
	assert_non_null(strstr(p, "frame-ancestors 'none';"));
	assert_null(strstr(p, "unsafe-eval"));
	assert_null(strstr(p, "http"));
	assert_null(strstr(p, "script-src 'unsafe"));
	assert_null(strchr(p, '\n'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_script_of_the_page_may_run_by_its_hash),
		cmocka_unit_test(every_script_has_a_hash_of_its_own),
		cmocka_unit_test(a_script_without_an_end_gets_none),
		cmocka_unit_test(nothing_from_outside_is_allowed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
