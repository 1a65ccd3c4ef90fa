/* roomcastctl doctor on machines that the test makes up: a directory instead of /proc. */
#include "tests/support/test.h"

#include "tools/ctl/findings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct machine {
	char root[64];
	struct findings f;
};

static void make_directories(const char *path)
{
	char part[512];

	for (const char *p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(p - path), path);
		mkdir(part, 0700);
	}
}

static void has(struct machine *m, const char *name, const char *text)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", m->root, name);
	make_directories(path);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* A gateway with process id 42 that listens on 8001 and may open so many files. */
static void has_gateway(struct machine *m, const char *limit)
{
	char path[512], text[256];

	has(m, "net/tcp",
	    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	    "   0: 0100007F:1F41 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 776 1\n"
	    "   1: 0100007F:1F41 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 777 1\n");
	has(m, "41/comm", "roomcast-gatewa\n");
	has(m, "41/fd/x", "");
	has(m, "42/comm", "roomcast-gatewa\n");
	has(m, "42/fd/x", "");
	snprintf(text, sizeof(text),
	         "Limit Soft Hard Units\nMax open files            %s   99999    files\n", limit);
	has(m, "42/limits", text);
	snprintf(path, sizeof(path), "%s/42/fd/7", m->root);
	assert_int_equal(symlink("socket:[777]", path), 0);
}

static int setup(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));

	strcpy(m->root, "/tmp/roomcast-test-XXXXXX");
	assert_non_null(mkdtemp(m->root));
	findings_init(&m->f);
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct machine *m = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", m->root);
	assert_int_equal(system(command), 0);
	findings_fini(&m->f);
	free(m);
	return 0;
}

static void assert_found(struct machine *m, const char *level, const char *words)
{
	char wanted[64];

	snprintf(wanted, sizeof(wanted), "\"level\":\"%s\"", level);
	buf_char(&m->f.json, '\0');
	assert_non_null(strstr(m->f.json.p, wanted));
	assert_non_null(strstr(m->f.json.p, words));
}

static void a_large_kernel_is_well(void **state)
{
	struct machine *m = *state;

	has(m, "sys/net/core/somaxconn", "4096\n");
	has(m, "sys/net/ipv4/ip_local_port_range", "32768\t60999\n");
	has(m, "sys/net/ipv4/tcp_mem", "100000\t200000\t300000\n");
	check_kernel(&m->f, m->root, 1000);
	assert_int_equal(m->f.n[LEVEL_OK], 3);
	assert_int_equal(m->f.n[LEVEL_WARN] + m->f.n[LEVEL_BAD], 0);
}

static void a_small_kernel_is_told_what_to_change(void **state)
{
	struct machine *m = *state;

	has(m, "sys/net/core/somaxconn", "128\n");
	has(m, "sys/net/ipv4/ip_local_port_range", "50000 50999\n");
	has(m, "sys/net/ipv4/tcp_mem", "10 20 30\n");
	check_kernel(&m->f, m->root, 1000);
	assert_int_equal(m->f.n[LEVEL_WARN], 3);
	assert_found(m, "warn", "net.core.somaxconn=4096");
	assert_found(m, "warn", "net.ipv4.ip_local_port_range=");
	assert_found(m, "warn", "net.ipv4.tcp_mem=");
}

static void a_kernel_that_cannot_be_read_is_no_good_news(void **state)
{
	struct machine *m = *state;

	has(m, "sys/net/ipv4/tcp_mem", "what?\n");
	check_kernel(&m->f, m->root, 1000);
	assert_int_equal(m->f.n[LEVEL_WARN], 3);
}

static void enough_descriptors_are_well(void **state)
{
	struct machine *m = *state;

	has_gateway(m, "1100");
	check_descriptors(&m->f, m->root, 8001, 1000);
	assert_found(m, "ok", "process 42 may open 1100 files for 1000 clients");
}

static void no_limit_is_well(void **state)
{
	struct machine *m = *state;

	has_gateway(m, "unlimited");
	check_descriptors(&m->f, m->root, 8001, 1000);
	assert_found(m, "ok", "process 42 has no limit");
}

static void too_few_descriptors_are_bad(void **state)
{
	struct machine *m = *state;

	has_gateway(m, "1024");
	check_descriptors(&m->f, m->root, 8001, 1000);
	assert_found(m, "bad", "LimitNOFILE= of its unit) 1100");
}

static void a_process_on_another_port_is_not_the_gateway(void **state)
{
	struct machine *m = *state;

	has_gateway(m, "1024");
	check_descriptors(&m->f, m->root, 8002, 1000);
	assert_found(m, "warn", "cannot be seen from here");
}

static void a_redis_here_wants_overcommit(void **state)
{
	struct machine *m = *state;

	has(m, "sys/vm/overcommit_memory", "0\n");
	check_redis_host(&m->f, m->root);
	assert_int_equal(m->f.json.n, 0); /* no Redis, nothing to say */
	has(m, "77/comm", "redis-server\n");
	check_redis_host(&m->f, m->root);
	assert_found(m, "warn", "vm.overcommit_memory=1");
}

static void a_redis_here_that_has_overcommit_is_well(void **state)
{
	struct machine *m = *state;

	has(m, "sys/vm/overcommit_memory", "1\n");
	has(m, "77/comm", "valkey-server\n");
	check_redis_host(&m->f, m->root);
	assert_found(m, "ok", "as the Redis on this machine wants it");
}

static void answers_without_what_is_expected_do_not_count_as_well(void **state)
{
	struct machine *m = *state;

	check_health(&m->f, slice_of("{}"));
	assert_int_equal(m->f.n[LEVEL_BAD], 2);
	check_nodes(&m->f, slice_of("{\"nodes\":[{}]}"), 0);
	assert_int_equal(m->f.n[LEVEL_BAD], 4);
}

#define ON_A_MACHINE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		ON_A_MACHINE(a_large_kernel_is_well),
		ON_A_MACHINE(a_small_kernel_is_told_what_to_change),
		ON_A_MACHINE(a_kernel_that_cannot_be_read_is_no_good_news),
		ON_A_MACHINE(enough_descriptors_are_well),
		ON_A_MACHINE(no_limit_is_well),
		ON_A_MACHINE(too_few_descriptors_are_bad),
		ON_A_MACHINE(a_process_on_another_port_is_not_the_gateway),
		ON_A_MACHINE(a_redis_here_wants_overcommit),
		ON_A_MACHINE(a_redis_here_that_has_overcommit_is_well),
		ON_A_MACHINE(answers_without_what_is_expected_do_not_count_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
