#include "gateway/tier/redis/address.h"

#include "gateway/base/config.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

#define SECRET "s3cr3t"

static struct redis_addresses addresses;
static struct buf error, name;

static int setup(void **state)
{
	(void)state;
	addresses = (struct redis_addresses){ .n = 0 };
	buf_init(&error);
	buf_init(&name);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	addresses_fini(&addresses);
	buf_fini(&error);
	buf_fini(&name);
	return 0;
}

static const struct redis_address *parse(const char *text, size_t n)
{
	addresses_fini(&addresses);
	if (!addresses_parse(text, &addresses, &error))
		fail_msg("%s: %.*s", text, SLICE_ARGS(buf_view(&error)));
	assert_int_equal(addresses.n, n);
	return addresses.at;
}

static const struct redis_address *parse_one(const char *text)
{
	return parse(text, 1);
}

static void assert_named(const char *text, const char *expected)
{
	const struct redis_address *a = parse_one(text);

	buf_reset(&name);
	address_name(a, &name);
	buf_char(&name, '\0');
	assert_string_equal(name.p, expected);
}

static void refuse(const char *text)
{
	struct redis_addresses nothing;

	buf_reset(&error);
	if (addresses_parse(text, &nothing, &error))
		fail_msg("taken: %s", text);
	assert_null(nothing.text);
	buf_char(&error, '\0');
}

/* Refused, in exactly these words. */
static void assert_says(const char *text, const char *sentence)
{
	refuse(text);
	assert_string_equal(error.p, sentence);
}

/* Refused because of this; whatever the sentence is, the password is not in it. */
static void assert_refused(const char *text, const char *wrong)
{
	refuse(text);
	if (strstr(error.p, wrong) == NULL)
		fail_msg("%s: %s", text, error.p);
	assert_null(strstr(error.p, SECRET));
}

/* ---- what is taken ---- */

static void a_host_alone_has_the_usual_port_and_the_first_database(void **state)
{
	const struct redis_address *a = parse_one("redis://cache");

	(void)state;
	assert_int_equal(a->n_hosts, 1);
	assert_string_equal(a->hosts[0].name, "cache");
	assert_int_equal(a->hosts[0].port, 6379);
	assert_int_equal(a->database, 0);
	assert_false(a->tls);
	assert_null(a->user);
	assert_null(a->password);
	assert_null(a->path);
	assert_null(a->master);
}

static void everything_can_be_said(void **state)
{
	const struct redis_address *a = parse_one("rediss://ann:" SECRET
	                                          "@cache-1.example.org:7000/15");

	(void)state;
	assert_true(a->tls);
	assert_string_equal(a->user, "ann");
	assert_string_equal(a->password, SECRET);
	assert_string_equal(a->hosts[0].name, "cache-1.example.org");
	assert_int_equal(a->hosts[0].port, 7000);
	assert_int_equal(a->database, 15);
}

static void user_and_password_may_be_there_or_not(void **state)
{
	const struct redis_address *a = parse_one("redis://:" SECRET "@h");

	(void)state;
	assert_null(a->user);
	assert_string_equal(a->password, SECRET);
	a = parse_one("redis://ann@h");
	assert_string_equal(a->user, "ann");
	assert_null(a->password);
	a = parse_one("redis://ann:@h");
	assert_string_equal(a->password, "");
	a = parse_one("redis://@h");
	assert_null(a->user);
	assert_null(a->password);
}

static void what_means_something_in_a_url_is_written_in_percent(void **state)
{
	const struct redis_address *a = parse_one("redis://a%3ab:%2F%40%25%2c%3F%0aZ%C3%a4@h/1");

	(void)state;
	assert_string_equal(a->user, "a:b");
	assert_string_equal(a->password, "/@%,?\nZ\xc3\xa4");
	assert_string_equal(a->hosts[0].name, "h");
	assert_int_equal(a->database, 1);
}

/* Not RFC 3986's, but there is only one way to read them. */
static void a_password_may_hold_colons_commas_and_at_signs(void **state)
{
	const struct redis_address *a = parse("redis://u:a:b,c@d@h,redis://u:x,y@i", 2);

	(void)state;
	assert_string_equal(a[0].password, "a:b,c@d");
	assert_string_equal(a[0].hosts[0].name, "h");
	assert_string_equal(a[1].password, "x,y");
	assert_string_equal(a[1].hosts[0].name, "i");
}

static void ipv6_stands_in_brackets(void **state)
{
	const struct redis_address *a = parse_one("redis://u:p@[FE80::1]:6380/2");

	(void)state;
	assert_string_equal(a->hosts[0].name, "fe80::1");
	assert_int_equal(a->hosts[0].port, 6380);
	assert_int_equal(parse_one("redis://[::1]")->hosts[0].port, 6379);
}

static void a_socket_has_a_path_and_no_host(void **state)
{
	const struct redis_address *a = parse_one("unix://u:" SECRET
	                                          "@/run/redis/a%20b%3f.sock?db=3");

	(void)state;
	assert_string_equal(a->path, "/run/redis/a b?.sock");
	assert_int_equal(a->database, 3);
	assert_int_equal(a->n_hosts, 0);
	assert_string_equal(a->user, "u");
	assert_string_equal(a->password, SECRET);
	assert_string_equal(parse_one("unix:///a@b")->path, "/a@b");
}

static void sentinels_are_many_and_name_a_master(void **state)
{
	const struct redis_address *a = parse(
		"sentinel://u:p@s1,[::2]:7,s3:26380/my.master-1?db=4,redis://h", 2);

	(void)state;
	assert_string_equal(a[0].master, "my.master-1");
	assert_int_equal(a[0].n_hosts, 3);
	assert_string_equal(a[0].hosts[0].name, "s1");
	assert_int_equal(a[0].hosts[0].port, 26379);
	assert_string_equal(a[0].hosts[1].name, "::2");
	assert_int_equal(a[0].hosts[1].port, 7);
	assert_int_equal(a[0].hosts[2].port, 26380);
	assert_int_equal(a[0].database, 4);
	assert_string_equal(a[0].password, "p");
	assert_string_equal(a[1].hosts[0].name, "h");
	assert_true(parse_one("sentinels://s/m")->tls);
}

static void sixteen_servers_and_eight_sentinels_are_the_most(void **state)
{
	char text[1024] = "";
	size_t n = 0;

	(void)state;
	for (int i = 0; i < REDIS_SERVERS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%sredis://h/%d",
		                      i == 0 ? "" : ",", i);
	parse(text, REDIS_SERVERS_MAX);
	snprintf(text + n, sizeof text - n, ",redis://other");
	assert_says(text, "redis: more than 16 URLs");
	assert_int_equal(parse_one("sentinel://a,b,c,d,e,f,g,h/m")->n_hosts, REDIS_SENTINELS_MAX);
	assert_refused("sentinel://a,b,c,d,e,f,g,h,i/m", "more than 8 Sentinels");
}

static void lengths_are_bounded(void **state)
{
	static const struct {
		const char *format, *wrong;
		int most;
	} cases[] = {
		{ "redis://%0*d", "the host is not", REDIS_HOST_MAX },
		{ "redis://%0*d@h", "the user is longer", 255 },
		{ "redis://:%0*d@h", "the password is longer", 4095 },
		{ "unix:///%0*d", "the path is not", 106 },
		{ "sentinel://h/%0*d", "the master's name is not", 255 },
		{ "redis://:%%4%0*d", "longer than 65536 bytes", 65536 - 11 },
	};
	static char text[70000];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(text, sizeof text, cases[i].format, cases[i].most, 0);
		if (i < 5)
			parse_one(text);
		snprintf(text, sizeof text, cases[i].format, cases[i].most + 1, 0);
		assert_refused(text, cases[i].wrong);
	}
}

/* ---- what is refused ---- */

static void a_sentence_says_which_url_and_what_is_allowed(void **state)
{
	(void)state;
	assert_says("redis://a,redis://u:" SECRET "@b:x",
	            "redis: URL 2: the port is not a number from 1 to 65535; allowed: "
	            "redis://[USER[:PASSWORD]@]HOST[:PORT][/DB], and %XX for what means "
	            "something in a URL");
	assert_says("http://h",
	            "redis: URL 1: it has none of the known beginnings; allowed: redis://, "
	            "rediss://, unix://, sentinel://, sentinels://");
	assert_says("redis://a:6379/0,sentinel://b/m,redis://u:" SECRET "@A",
	            "redis: URL 3 is the same server as URL 1");
}

static void what_is_no_address_is_refused(void **state)
{
	static const struct {
		const char *text, *wrong;
	} cases[] = {
		{ "", "known beginnings" },
		{ "cache:6379", "known beginnings" },
		{ "redis:" SECRET, "known beginnings" },
		{ "redi://h", "known beginnings" },
		{ "redisss://h", "known beginnings" },
		{ "://h", "known beginnings" },
		{ "redis://", "the host is not" },
		{ "redis://,redis://h", "the host is not" },
		{ "redis://h,", "the host is not" },
		{ "redis://a,b", "the host is not" },
		{ "redis://-h", "the host is not" },
		{ "redis://h%41", "the host is not" },
		{ "redis://" SECRET "!", "the host is not" },
		{ "redis://[::1", "is not closed" },
		{ "redis://[1.2.3.4]", "the host is not" },
		{ "redis://[::1%25lo]", "the host is not" },
		{ "redis://[]", "the host is not" },
		{ "redis://[::1]6379", "behind the brackets" },
		{ "redis://::1", "the port is not" },
		{ "redis://h:", "the port is not" },
		{ "redis://h:0", "the port is not" },
		{ "redis://h:65536", "the port is not" },
		{ "redis://h:99999999999999999999", "the port is not" },
		{ "redis://h:+1", "the port is not" },
		{ "redis://u:" SECRET "/more@h", "the database is not" },
		{ "redis://:" SECRET "?more@h", "a query has no meaning" },
		{ "redis://h/x", "the database is not" },
		{ "redis://h/1000000", "the database is not" },
		{ "redis://h/-1", "the database is not" },
		{ "redis://h/1/", "the database is not" },
		{ "redis://h/1?db=2", "the database is not" },
		{ "redis://h?db=2", "a query has no meaning" },
		{ "redis://u:" SECRET "%@h", "the password has a %" },
		{ "redis://u:" SECRET "%0g@h", "the password has a %" },
		{ "redis://u:" SECRET "%00@h", "the password has a %" },
		{ "redis://%4:" SECRET "@h", "the user has a %" },
		{ "redis://u:" SECRET " @h", "a blank or control character" },
		{ "redis://h\t", "a blank or control character" },
		{ "redis://h\x7f", "a blank or control character" },
		{ "redis://a, redis://b", "a blank or control character" },
		{ "unix://", "does not begin with a slash" },
		{ "unix://run/redis.sock", "does not begin with a slash" },
		{ "unix://u:" SECRET "@run/redis.sock", "does not begin with a slash" },
		{ "unix://?db=1", "does not begin with a slash" },
		{ "unix:///", "the path is not" },
		{ "unix:///a%0", "the path has a %" },
		{ "unix:///a?x=1", "something else than db=DB" },
		{ "unix:///a?", "something else than db=DB" },
		{ "unix:///a?db=", "the database is not" },
		{ "unix:///a?db=1&x=2", "the database is not" },
		{ "sentinel://h", "the master's name is missing" },
		{ "sentinel://h?db=1", "the master's name is missing" },
		{ "sentinel://h/", "the master's name is not" },
		{ "sentinel://h/a/b", "the master's name is not" },
		{ "sentinel://h/a%41", "the master's name is not" },
		{ "sentinel:///m", "the host is not" },
		{ "sentinel://a,,b/m", "the host is not" },
		{ "sentinel://a,b:x/m", "the port is not" },
		{ "sentinel://a,u:" SECRET "@b,c:x/m", "the port is not" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_refused(cases[i].text, cases[i].wrong);
}

static void the_option_is_checked_before_anything_is_opened(void **state)
{
	struct config c = { .redis = "redis://:" SECRET "@h" };

	(void)state;
	assert_true(addresses_check(&c, &error));
	assert_int_equal(error.n, 0);
	c.redis = "";
	assert_false(addresses_check(&c, &error));
	buf_char(&error, '\0');
	assert_string_equal(error.p,
	                    "tier is redis, but redis is not set: give it where Redis is, as in "
	                    "redis://127.0.0.1:6379/0");
	buf_reset(&error);
	c.redis = "redis://:" SECRET "@h:x";
	assert_false(addresses_check(&c, &error));
	buf_char(&error, '\0');
	assert_non_null(strstr(error.p, "redis: URL 1: the port is not"));
	assert_null(strstr(error.p, SECRET));
}

/* ---- names ---- */

static void a_name_shows_neither_user_nor_password(void **state)
{
	(void)state;
	assert_named("redis://ann:" SECRET "@h/1", "redis://h:6379/1");
	assert_named("rediss://:" SECRET "@h:7", "rediss://h:7/0");
	assert_named("unix://ann:" SECRET "@/run/a%20b?db=2", "unix:///run/a%20b?db=2");
	assert_named("sentinels://ann:" SECRET "@s/m", "sentinels://s:26379/m?db=0");
}

static void one_server_has_one_name_however_it_is_written(void **state)
{
	(void)state;
	assert_named("REDIS://Cache/", "redis://cache:6379/0");
	assert_named("redis://cache:06379/00", "redis://cache:6379/0");
	assert_named("redis://[0:0::0001]", "redis://[::1]:6379/0");
	assert_named("unix:///%72un/%2e", "unix:///run/.?db=0");
	assert_named("sentinel://b,a:2,a:1/m", "sentinel://a:1,a:2,b:26379/m?db=0");
}

static void a_name_reads_back_to_itself(void **state)
{
	static const char *const texts[] = {
		"redis://[2001:db8::1]:1/9", "rediss://h",        "unix:///a%25b%0ac",
		"sentinel://[::1],h/m?db=5", "sentinels://a,b/m",
	};
	char first[256];

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		buf_reset(&name);
		address_name(parse_one(texts[i]), &name);
		snprintf(first, sizeof first, "%.*s", SLICE_ARGS(buf_view(&name)));
		assert_named(first, first);
	}
}

static void an_ended_list_is_empty_and_may_be_ended_again(void **state)
{
	(void)state;
	parse_one("redis://:" SECRET "@h");
	addresses_fini(&addresses);
	assert_int_equal(addresses.n, 0);
	assert_null(addresses.text);
	assert_null(addresses.at[0].password);
	addresses_fini(&addresses);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_host_alone_has_the_usual_port_and_the_first_database),
		TEST(everything_can_be_said),
		TEST(user_and_password_may_be_there_or_not),
		TEST(what_means_something_in_a_url_is_written_in_percent),
		TEST(a_password_may_hold_colons_commas_and_at_signs),
		TEST(ipv6_stands_in_brackets),
		TEST(a_socket_has_a_path_and_no_host),
		TEST(sentinels_are_many_and_name_a_master),
		TEST(sixteen_servers_and_eight_sentinels_are_the_most),
		TEST(lengths_are_bounded),
		TEST(a_sentence_says_which_url_and_what_is_allowed),
		TEST(what_is_no_address_is_refused),
		TEST(the_option_is_checked_before_anything_is_opened),
		TEST(a_name_shows_neither_user_nor_password),
		TEST(one_server_has_one_name_however_it_is_written),
		TEST(a_name_reads_back_to_itself),
		TEST(an_ended_list_is_empty_and_may_be_ended_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
