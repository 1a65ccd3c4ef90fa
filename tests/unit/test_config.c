#include "gateway/base/config.h"

#include "gateway/base/config_rows.h"
#include "tests/support/config_case.h"
#include "tests/support/test.h"

#include <stdio.h>

/* ---- who wins ---- */

static void the_profiles_are_the_three_columns_of_the_table(void **state)
{
	struct config *c = load(NULL, NULL, NULL);

	(void)state;
	assert_int_equal(c->profile, 1);
	assert_int_equal(c->max_connections, 1000);
	assert_int_equal(c->queue_bytes, 2 << 20);
	assert_string_equal(c->listen, "127.0.0.1:8000");
	assert_string_equal(c->admin_listen, "127.0.0.1:8001");
	assert_false(c->demo_page);
	assert_true(c->allow_query_token);
	assert_null(c->config);
	assert_int_equal(c->n_policies, 0);
	config_free(c);

	c = load(NULL, "--profile=lightweight", NULL);
	assert_int_equal(c->max_connections, 100);
	assert_int_equal(c->max_message_bytes, 64 << 10);
	config_free(c);

	c = load(NULL, "--profile=high-performance", NULL);
	assert_int_equal(c->max_connections, 10000);
	assert_int_equal(c->ping_interval_ms, 15000);
	config_free(c);
}

static void flags_beat_the_environment_which_beats_the_file_which_beats_the_profile(void **state)
{
	static const char file[] = "[gateway]\nmax_rate = 1\nmax_errors = 1\ndrain_ms = 1\n";
	struct config *c = load(file, "--max-rate=3", "ROOMCAST_MAX_RATE=2 ROOMCAST_MAX_ERRORS=2");

	(void)state;
	assert_int_equal(c->max_rate, 3);
	assert_int_equal(c->max_errors, 2);
	assert_int_equal(c->drain_ms, 1);
	assert_int_equal(c->topics_per_client, 128);
	assert_non_null(c->config);
	config_free(c);
}

static void the_profile_is_known_before_its_defaults_are_taken(void **state)
{
	static const char file[] = "[gateway]\nmax_connections = 7\nprofile = lightweight\n";
	struct config *c = load(file, NULL, NULL);

	(void)state;
	assert_int_equal(c->max_connections, 7);
	assert_int_equal(c->queue_messages, 1000);
	config_free(c);

	c = load(file, NULL, "ROOMCAST_PROFILE=standard");
	assert_int_equal(c->queue_messages, 10000);
	config_free(c);

	c = load(file, "--profile=high_performance", "ROOMCAST_PROFILE=standard");
	assert_int_equal(c->max_connections, 7);
	assert_int_equal(c->queue_bytes, 8 << 20);
	config_free(c);
}

static void a_value_that_is_overridden_is_checked_all_the_same(void **state)
{
	(void)state;
	assert_refused("[gateway]\nmax_rate = lots\n", "--max-rate=3", NULL,
	               "FILE:2: max_rate: \"lots\" is not a whole number; allowed: 1 to 100000000");
}

static void the_file_may_be_named_by_the_environment(void **state)
{
	(void)state;
	assert_refused(NULL, NULL, "ROOMCAST_CONFIG=/proc/self/cmdline",
	               "/proc/self/cmdline:1: a NUL byte, this is not a configuration file");
}

/* ---- what must fit together ---- */

static void the_queue_must_hold_two_messages(void **state)
{
	(void)state;
	assert_refused(
		NULL, "--max-message-bytes=4M", NULL,
		"queue_bytes (2M, profile standard) must be at least twice max_message_bytes "
		"(4M, flag --max-message-bytes)");
	assert_refused(
		"[gateway]\nqueue_bytes = 2097151\n", NULL, NULL,
		"queue_bytes (2097151, FILE:2) must be at least twice max_message_bytes (1M, "
		"profile standard)");
	assert_refused(NULL, "--profile=high-performance", "ROOMCAST_QUEUE_BYTES=2M",
	               "queue_bytes (2M, environment ROOMCAST_QUEUE_BYTES) must be at least twice "
	               "max_message_bytes (4M, profile high-performance)");
	config_free(load(NULL, "--max-message-bytes=4M --queue-bytes=8M", NULL));
}

static void the_timeout_must_be_longer_than_the_ping_interval(void **state)
{
	(void)state;
	assert_refused(NULL, "--client-timeout-ms=30000", NULL,
	               "client_timeout_ms (30000, flag --client-timeout-ms) must be longer than "
	               "ping_interval_ms (30000, profile standard)");
	config_free(load(NULL, "--client-timeout-ms=30001", NULL));
	config_free(load(NULL, "--client-timeout-ms=100 --ping-interval-ms=0", NULL));
}

static void both_listeners_need_an_address_of_their_own(void **state)
{
	struct config *c = load(NULL, "--admin-listen=off", NULL);

	(void)state;
	assert_string_equal(c->admin_listen, "off");
	config_free(c);
	config_free(load(NULL, "--listen=:0 --admin-listen=:0", NULL));
	config_free(load(NULL, "--listen=127.0.0.1:80 --admin-listen=127.0.0.2:80", NULL));
	assert_refused(NULL, "--admin-listen=127.0.0.1:8000", NULL,
	               "listen (127.0.0.1:8000, profile standard) must be another address than "
	               "admin_listen (127.0.0.1:8000, flag --admin-listen)");
	assert_refused(
		NULL, "--listen=*:80 --admin-listen=:80", NULL,
		"listen (*:80, flag --listen) must be another address than admin_listen (:80, "
		"flag --admin-listen)");
	assert_refused(
		NULL, "--listen=[0:0::1]:80 --admin-listen=[::1]:80", NULL,
		"listen ([0:0::1]:80, flag --listen) must be another address than admin_listen "
		"([::1]:80, flag --admin-listen)");
}

#define NOT_AN_ADDRESS                                                                             \
	" is not HOST:PORT; HOST is a numeric address (IPv6 in brackets), localhost or * for "     \
	"any, PORT 0 to 65535"

static void wrong_addresses_are_refused_where_they_stood(void **state)
{
	(void)state;
	assert_refused(NULL, "--listen=off", NULL, "flag --listen: \"off\"" NOT_AN_ADDRESS);
	assert_refused("[gateway]\nlisten = 8000\n", NULL, NULL,
	               "FILE:2: listen: \"8000\"" NOT_AN_ADDRESS);
	assert_refused(NULL, NULL, "ROOMCAST_ADMIN_LISTEN=none",
	               "environment ROOMCAST_ADMIN_LISTEN: \"none\"" NOT_AN_ADDRESS
	               "; off: no such listener");
}

/* ---- redis ---- */

static void a_prefix_may_stand_in_the_names_of_keys(void **state)
{
	char flag[100];

	(void)state;
	config_free(load(NULL, "--redis-prefix=A-z_0.9:x", NULL));
	snprintf(flag, sizeof flag, "--redis-prefix=%064d", 0);
	config_free(load(NULL, flag, NULL));
#define NOT_A_PREFIX " is not 1 to 64 of A-Z a-z 0-9 _ - . :"
	assert_refused(NULL, "--redis-prefix=a{b}", NULL,
	               "flag --redis-prefix: \"a{b}\"" NOT_A_PREFIX);
	assert_refused(NULL, NULL, "ROOMCAST_REDIS_PREFIX=",
	               "environment ROOMCAST_REDIS_PREFIX: \"\"" NOT_A_PREFIX);
	assert_refused("[gateway]\nredis_prefix = a*\n", NULL, NULL,
	               "FILE:2: redis_prefix: \"a*\"" NOT_A_PREFIX);
	snprintf(flag, sizeof flag, "--redis-prefix=%065d", 0);
	assert_refused(
		NULL, flag, NULL,
		"flag --redis-prefix: "
		"\"00000000000000000000000000000000000000000000000000000000000000000\"" NOT_A_PREFIX);
}

static void a_certificate_for_redis_needs_its_key(void **state)
{
	(void)state;
	config_free(load(NULL, "--redis-cert=a.pem --redis-key=b.pem", NULL));
	assert_refused(NULL, "--redis-cert=a.pem", NULL,
	               "redis_cert (a.pem, flag --redis-cert) must be given together with "
	               "redis_key (, profile standard)");
}

static void assert_split(const char *text, const char *host, uint16_t port)
{
	char got[64];
	uint16_t got_port = 1;

	if (!config_split_address(text, got, &got_port))
		fail_msg("refused: %s", text);
	assert_string_equal(got, host);
	assert_int_equal(got_port, port);
}

static void an_address_is_split_into_a_numeric_host_and_a_port(void **state)
{
	static const char *const bad[] = {
		"",
		":",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:65536",
		"1.2.3.4:x",
		"1.2.3.4:80x",
		"1.2.3.4:-1",
		"1.2.3.4:+1",
		"1.2.3.4: 80",
		"1.2.3:80",
		"1.2.3.4.5:8",
		"1.2.3.256:80",
		"example.org:80",
		"::1:80",
		"[::1]",
		"[::1]80",
		"[::1:80",
		"[]:80",
		"[*]:80",
		"[localhost]:80",
		"[1.2.3.4]:80",
		"[::1%lo]:80",
		"[::g]:80",
		"1.2.3.4:000080",
		" 1.2.3.4:80",
		"*.*:80",
		"localhost.:80",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:80",
	};
	char host[64];
	uint16_t port;

	(void)state;
	assert_split("127.0.0.1:8000", "127.0.0.1", 8000);
	assert_split("0.0.0.0:0", "0.0.0.0", 0);
	assert_split("localhost:65535", "127.0.0.1", 65535);
	assert_split("[::1]:80", "::1", 80);
	assert_split("[0:0:0:0:0:0:0:1]:80", "::1", 80);
	assert_split("[2001:DB8::5]:80", "2001:db8::5", 80);
	assert_split("[::ffff:1.2.3.4]:80", "::ffff:1.2.3.4", 80);
	assert_split("*:80", "", 80);
	assert_split(":80", "", 80);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (config_split_address(bad[i], host, &port))
			fail_msg("taken: %s", bad[i]);
}

/* ---- reload ---- */

static void a_reload_takes_what_may_change_and_names_what_may_not(void **state)
{
	struct config *c = load("[gateway]\nmax_rate = 1\n[room \"a\"]\npriority = high\n", NULL,
	                        NULL);

	(void)state;
	assert_string_equal(reload(c,
	                           "[gateway]\nmax_rate = 2\nlog_level = error\nlisten = :1\n"
	                           "idempotency_ms = 1000\nallow_user_param = on\n"
	                           "[room \"b\"]\n[room \"c\"]\n",
	                           NULL),
	                    "listen, allow_user_param, idempotency_ms");
	assert_int_equal(c->max_rate, 2);
	assert_int_equal(c->log_level, 3);
	assert_string_equal(c->listen, "127.0.0.1:8000");
	assert_int_equal(c->idempotency_ms, 300000);
	assert_false(c->allow_user_param);
	assert_int_equal(c->n_policies, 2);
	assert_string_equal(c->policies[1].pattern, "c");
	assert_string_equal(reload(c, NULL, NULL), "");
	assert_int_equal(c->max_rate, 100);
	assert_int_equal(c->n_policies, 0);
	config_free(c);
}

static void every_row_is_reloaded_or_named_as_its_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < CONFIG_OPTIONS; i++) {
		const struct config_row *r = &config_rows[i];
		struct config *c = load(NULL, NULL, NULL);
		int64_t now;
		const char *fixed;

		if (r->kind == CONFIG_TEXT) {
			config_free(c);
			continue; /* the test before has one */
		}
		now = row_get(r, c);
		row_set(r, c, now ^ 1);
		fixed = reload(c, NULL, NULL);
		assert_string_equal(fixed, r->reload ? "" : r->name);
		assert_int_equal(row_get(r, c), r->reload ? now : now ^ 1);
		config_free(c);
	}
}

static void a_reload_may_change_the_profile(void **state)
{
	struct config *c = load("[gateway]\nprofile = lightweight\nmax_rate = 7\n", NULL, NULL);

	(void)state;
	assert_string_equal(reload(c, "[gateway]\nprofile = high-performance\n", NULL), "");
	assert_int_equal(c->profile, 2);
	assert_int_equal(c->max_connections, 10000);
	assert_int_equal(c->max_rate, 100);
	config_free(c);
}

static void a_reload_that_is_refused_changes_nothing(void **state)
{
	struct config *c = load("[gateway]\nmax_rate = 7\n[room \"a\"]\n", NULL, NULL);

	(void)state;
	assert_string_equal(
		reload(c, "[gateway]\nmax_rate = 8\nmax_errors = x\n", NULL),
		"FILE:3: max_errors: \"x\" is not a whole number; allowed: 1 to 1000000");
	assert_string_equal(
		reload(c, "[gateway]\nmax_rate = 8\nqueue_bytes = 1M\n", NULL),
		"queue_bytes (1M, FILE:3) must be at least twice max_message_bytes (1M, "
		"profile standard)");
	assert_string_equal(
		reload(c, NULL, "--config=/proc/no-such-file"),
		"the file \"/proc/no-such-file\" cannot be read: No such file or directory");
	assert_int_equal(c->max_rate, 7);
	assert_int_equal(c->n_policies, 1);
	config_free(c);
}

/* ---- rooms ---- */

static struct room_policy policy(const struct config *c, const char *room)
{
	return config_room_policy(c, slice_of(room));
}

static void a_room_without_a_section_has_the_gateways_own_policy(void **state)
{
	struct config *c = load(NULL, "--queue-policy=drop_newest --max-members=5 --presence-max=6",
	                        NULL);
	struct room_policy p = policy(c, "lobby");

	(void)state;
	assert_null(p.pattern);
	assert_int_equal(p.priority, 0);
	assert_int_equal(p.queue_policy, 2);
	assert_int_equal(p.presence, PRESENCE_OPTIONAL);
	assert_int_equal(p.max_members, 5);
	assert_int_equal(p.presence_max, 6);
	config_free(c);
}

static void the_first_section_that_fits_holds_over_the_gateways_own(void **state)
{
	struct config *c = load("[gateway]\nmax_members = 5\nqueue_policy = drop_oldest\n"
	                        "[room \"jobs.*\"]\npriority = high\npresence = off\n"
	                        "max_members = 0\n"
	                        "[room \"jobs.urgent\"]\nmax_members = 9\n"
	                        "[room \"*\"]\nqueue_policy = drop_low_first\npresence_max = 0\n"
	                        "presence = on\n",
	                        NULL, NULL);
	struct room_policy p = policy(c, "jobs.urgent");

	(void)state;
	assert_null(p.pattern);
	assert_int_equal(p.priority, 1);
	assert_int_equal(p.presence, PRESENCE_OFF);
	assert_int_equal(p.max_members, 0);
	assert_int_equal(p.queue_policy, 1);
	assert_int_equal(p.presence_max, 500);

	p = policy(c, "lobby");
	assert_int_equal(p.priority, 0);
	assert_int_equal(p.presence, PRESENCE_ON);
	assert_int_equal(p.max_members, 5);
	assert_int_equal(p.queue_policy, 3);
	assert_int_equal(p.presence_max, 0);
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_profiles_are_the_three_columns_of_the_table),
		cmocka_unit_test(
			flags_beat_the_environment_which_beats_the_file_which_beats_the_profile),
		cmocka_unit_test(the_profile_is_known_before_its_defaults_are_taken),
		cmocka_unit_test(a_value_that_is_overridden_is_checked_all_the_same),
		cmocka_unit_test(the_file_may_be_named_by_the_environment),
		cmocka_unit_test(the_queue_must_hold_two_messages),
		cmocka_unit_test(the_timeout_must_be_longer_than_the_ping_interval),
		cmocka_unit_test(both_listeners_need_an_address_of_their_own),
		cmocka_unit_test(wrong_addresses_are_refused_where_they_stood),
		cmocka_unit_test(a_prefix_may_stand_in_the_names_of_keys),
		cmocka_unit_test(a_certificate_for_redis_needs_its_key),
		cmocka_unit_test(an_address_is_split_into_a_numeric_host_and_a_port),
		cmocka_unit_test(a_reload_takes_what_may_change_and_names_what_may_not),
		cmocka_unit_test(every_row_is_reloaded_or_named_as_its_table_says),
		cmocka_unit_test(a_reload_may_change_the_profile),
		cmocka_unit_test(a_reload_that_is_refused_changes_nothing),
		cmocka_unit_test(a_room_without_a_section_has_the_gateways_own_policy),
		cmocka_unit_test(the_first_section_that_fits_holds_over_the_gateways_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
