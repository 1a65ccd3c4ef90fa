#include "gateway/base/config.h"

#include "tests/support/config_case.h"
#include "tests/support/test.h"

/* ---- flags ---- */

static void a_flag_takes_its_value_behind_an_equals_sign_or_as_the_next_word(void **state)
{
	struct config *c = load(NULL, "--max-rate=5 --max_errors 6 --listen :0", NULL);

	(void)state;
	assert_int_equal(c->max_rate, 5);
	assert_int_equal(c->max_errors, 6);
	assert_string_equal(c->listen, ":0");
	config_free(c);
}

static void the_last_of_two_flags_holds(void **state)
{
	struct config *c = load(NULL, "--max-rate=5 --listen=:1 --max-rate=6 --listen=:2", NULL);

	(void)state;
	assert_int_equal(c->max_rate, 6);
	assert_string_equal(c->listen, ":2");
	config_free(c);
}

static void a_switch_alone_is_on(void **state)
{
	struct config *c = load(NULL, "--demo-page --allow-user-param --max-rate=9", NULL);

	(void)state;
	assert_true(c->demo_page);
	assert_true(c->allow_user_param);
	config_free(c);
	c = load(NULL, "--allow-query-token off --demo-page", NULL);
	assert_false(c->allow_query_token);
	assert_true(c->demo_page);
	config_free(c);
}

static void wrong_flags_are_named_with_what_may_have_been_meant(void **state)
{
	(void)state;
	assert_refused(NULL, "--max-rat=5", NULL,
	               "flag \"--max-rat\": there is no such option; did you mean --max-rate?");
	assert_refused(
		NULL, "--chek-config", NULL,
		"flag \"--chek-config\": there is no such option; did you mean --check-config?");
	assert_refused(NULL, "-help", NULL,
	               "flag \"-help\": there is no such option; did you mean --help?");
	assert_refused(NULL, "--x", NULL,
	               "flag \"--x\": there is no such option; --help names all of them");
	assert_refused(NULL, "--", NULL,
	               "argument \"--\": only flags are allowed, such as --listen=127.0.0.1:8000");
	assert_refused(NULL, "-", NULL,
	               "argument \"-\": only flags are allowed, such as --listen=127.0.0.1:8000");
	assert_refused(
		NULL, "start", NULL,
		"argument \"start\": only flags are allowed, such as --listen=127.0.0.1:8000");
	assert_refused(NULL, "--max-rate", NULL, "flag --max-rate needs a value");
	assert_refused(NULL, "--max-rate --demo-page", NULL, "flag --max-rate needs a value");
	assert_refused(NULL, "--check-config=yes", NULL, "flag --check-config takes no value");
}

#define TEN "aaaaaaaaaa"
#define SEVENTY TEN TEN TEN TEN TEN TEN TEN

static void a_flag_longer_than_any_is_refused_and_cut(void **state)
{
	(void)state;
	assert_refused(NULL, "--" SEVENTY TEN TEN, NULL,
	               "flag \"--" SEVENTY
	               "aaaaaaaa\"...: there is no such option; --help names all of them");
}

static void assert_action(const char *flags, enum config_action expected)
{
	enum config_action action;

	config_free(load_action(flags, &action));
	assert_int_equal(action, expected);
}

static void actions_are_recognised(void **state)
{
	(void)state;
	assert_action(NULL, CONFIG_RUN);
	assert_action("--max-rate=1", CONFIG_RUN);
	assert_action("--help", CONFIG_HELP);
	assert_action("-h", CONFIG_HELP);
	assert_action("--version", CONFIG_VERSION);
	assert_action("-V", CONFIG_VERSION);
	assert_action("--print-config", CONFIG_PRINT);
	assert_action("--print_config --max-rate 3", CONFIG_PRINT);
	assert_action("--check-config", CONFIG_CHECK);
	assert_action("--max-rate=3 --healthcheck", CONFIG_HEALTHCHECK);
}

static void help_is_given_whatever_else_is_wrong(void **state)
{
	(void)state;
	assert_action("--no-such --queue-bytes=1K --help", CONFIG_HELP);
	assert_action("stray -V", CONFIG_VERSION);
	assert_refused(NULL, "--help=me", NULL, "flag --help takes no value");
}

/* ---- environment ---- */

static void wrong_variables_are_named_with_what_may_have_been_meant(void **state)
{
	(void)state;
	assert_refused(NULL, NULL, "ROOMCAST_MAX_RAT=1",
	               "environment \"ROOMCAST_MAX_RAT\": there is no such option; did you mean "
	               "ROOMCAST_MAX_RATE?");
	assert_refused(NULL, NULL, "ROOMCAST_max_rate=1",
	               "environment \"ROOMCAST_max_rate\": there is no such option; did you mean "
	               "ROOMCAST_MAX_RATE?");
	assert_refused(
		NULL, NULL, "ROOMCAST_=1",
		"environment \"ROOMCAST_\": there is no such option; --help names all of them");
	assert_refused(NULL, NULL, "ROOMCAST_MAX_RATE=",
	               "environment ROOMCAST_MAX_RATE: \"\" is not a whole number; allowed: 1 to "
	               "100000000");
	assert_refused(
		NULL, NULL, "ROOMCAST_SUPPORT=1",
		"environment \"ROOMCAST_SUPPORT\": there is no such option; --help names all of "
		"them");
	assert_refused(
		NULL, NULL, "ROOMCAST_PORT=8000",
		"environment \"ROOMCAST_PORT\": there is no such option; --help names all of them");
	assert_refused(
		NULL, NULL,
		"ROOMCAST_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=1",
		"environment "
		"\"ROOMCAST_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""
		": there is no such option; --help names all of them");
}

static void variables_that_are_not_ours_are_passed_over(void **state)
{
	struct config *c = load(
		NULL, NULL,
		"PATH=/bin ROOMCAST_DEPS=x ROOMCAST_BUILD=y ROOMCAST=1 ROOMCAST_LONG= "
		"ROOMCAST_SANITIZE=1 ROOMCAST_ENDPOINT=http://h ROOMCAST_KEY=k ROOMCAST_BROKEN "
		"MAX_RATE=5");

	(void)state;
	assert_int_equal(c->max_rate, 100);
	config_free(c);
}

static void what_kubernetes_sets_for_a_service_called_roomcast_is_passed_over(void **state)
{
	config_free(
		load(NULL, NULL,
	             "ROOMCAST_SERVICE_HOST=10.0.0.1 ROOMCAST_SERVICE_PORT=8000 "
	             "ROOMCAST_SERVICE_PORT_WS=8000 ROOMCAST_PORT=tcp://10.0.0.1:8000 "
	             "ROOMCAST_PORT_8000_TCP=tcp://10.0.0.1:8000 ROOMCAST_PORT_8000_TCP_PORT=8000 "
	             "ROOMCAST_GATEWAY_SERVICE_HOST=10.0.0.2 "
	             "ROOMCAST_GATEWAY_PORT_8000_TCP_ADDR=10.0.0.2"));
	(void)state;
}

static void no_environment_at_all_is_fine(void **state)
{
	enum config_action action;
	bool unreadable;
	struct buf error;
	char name[] = "roomcast-gateway", *argv[] = { name, NULL };
	struct config *c;

	(void)state;
	buf_init(&error);
	c = config_load(1, argv, NULL, &action, &error, &unreadable);
	assert_non_null(c);
	config_free(c);
	config_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flag_takes_its_value_behind_an_equals_sign_or_as_the_next_word),
		cmocka_unit_test(the_last_of_two_flags_holds),
		cmocka_unit_test(a_switch_alone_is_on),
		cmocka_unit_test(wrong_flags_are_named_with_what_may_have_been_meant),
		cmocka_unit_test(a_flag_longer_than_any_is_refused_and_cut),
		cmocka_unit_test(actions_are_recognised),
		cmocka_unit_test(help_is_given_whatever_else_is_wrong),
		cmocka_unit_test(wrong_variables_are_named_with_what_may_have_been_meant),
		cmocka_unit_test(variables_that_are_not_ours_are_passed_over),
		cmocka_unit_test(what_kubernetes_sets_for_a_service_called_roomcast_is_passed_over),
		cmocka_unit_test(no_environment_at_all_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
