#include "tests/support/test.h"

#include "gateway/server/admin.h"

static void names_of_this_machine_are_loopback(void **state)
{
	static const char *const names[] = { "127.0.0.1",      "127.0.0.1:8001", "127.255.0.9",
		                             "127.0.0.1:",     "localhost",      "LocalHost",
		                             "localhost:80",   "[::1]",          "[::1]:8001",
		                             "localhost:65535" };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (!admin_host_is_loopback(names[i]))
			fail_msg("not loopback: '%s'", names[i]);
}

static void other_names_are_not_however_alike(void **state)
{
	static const char *const names[] = {
		"",
		":",
		":80",
		"example.org",
		"localhost.example.org",
		"localhos",
		"localhostx",
		"localhost.",
		"localhost:80x",
		"localhost:80:80",
		"localhost@example.org",
		"127.0.0.1.example.org",
		"127.0.0.1x",
		"127.1",
		"127.0.0.256",
		"128.0.0.1",
		"10.0.0.1",
		"0.0.0.0",
		" 127.0.0.1",
		"127.0.0.1 ",
		"127.0.0.1/x",
		"2130706433",
		"[::1]x",
		"[::1]:x",
		"[::1",
		"::1",
		"[::2]",
		"[::ffff:127.0.0.1]",
		"[::1].example.org",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (admin_host_is_loopback(names[i]))
			fail_msg("taken for loopback: '%s'", names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_this_machine_are_loopback),
		cmocka_unit_test(other_names_are_not_however_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
