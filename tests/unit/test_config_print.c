#include "gateway/base/config.h"

#include "gateway/base/config_rows.h"
#include "tests/support/config_case.h"
#include "tests/support/test.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Free it. */
static char *print(const struct config *c)
{
	struct buf b;

	buf_init(&b);
	config_print(c, &b);
	buf_char(&b, '\0');
	assert_false(b.failed);
	return b.p;
}

static void assert_same(struct config *a, struct config *b)
{
	for (size_t i = 0; i < CONFIG_OPTIONS; i++) {
		const struct config_row *r = &config_rows[i];

		if (r->kind == CONFIG_TEXT)
			assert_string_equal(*row_text(r, a), *row_text(r, b));
		else if (row_get(r, a) != row_get(r, b))
			fail_msg("%s", r->name);
	}
	assert_int_equal(a->n_policies, b->n_policies);
	for (size_t p = 0; p < a->n_policies; p++) {
		assert_string_equal(a->policies[p].pattern, b->policies[p].pattern);
		for (size_t i = 0; i < POLICY_ROWS; i++)
			assert_int_equal(row_get(&policy_rows[i], &a->policies[p]),
			                 row_get(&policy_rows[i], &b->policies[p]));
	}
}

static void assert_reads_back(struct config *c)
{
	char *text = print(c), *again;
	struct config *back = load(text, NULL, NULL);

	assert_same(c, back);
	again = print(back);
	assert_string_equal(text, again);
	free(text);
	free(again);
	config_free(back);
	config_free(c);
}

static void the_printed_file_reads_back_to_the_same(void **state)
{
	(void)state;
	assert_reads_back(load(NULL, NULL, NULL));
	assert_reads_back(load(NULL, "--profile=lightweight", NULL));
	assert_reads_back(load(NULL,
	                       "--profile=high-performance --listen=[::1]:1 --admin-listen=off "
	                       "--demo-page --max-rate=7 --memory-limit=1073741825 "
	                       "--queue-bytes=9M --log-format=json --allow-query-token=off",
	                       NULL));
	assert_reads_back(
		load("[room \"jobs.*\"]\npriority = high\nmax_members = 0\n[room \"empty\"]\n"
	             "[room \"*\"]\nqueue_policy = drop_low_first\npresence = off\n"
	             "presence_max = 3\n",
	             NULL, NULL));
}

/* Change every option to something else that is allowed: none may get lost on the way. */
static void every_row_reads_back(void **state)
{
	struct config *c = load(NULL, NULL, NULL);

	(void)state;
	for (size_t i = 0; i < CONFIG_OPTIONS; i++) {
		const struct config_row *r = &config_rows[i];

		if (r->kind == CONFIG_NUMBER || r->kind == CONFIG_BYTES)
			row_set(r, c, row_get(r, c) < r->most ? row_get(r, c) + 1 : r->least);
		else if (r->kind == CONFIG_FLAG)
			row_set(r, c, !row_get(r, c));
		else if (r->kind == CONFIG_CHOICE && strchr(r->choices, '|') != NULL)
			row_set(r, c, row_get(r, c) == 0);
	}
	c->queue_bytes = 3 * c->max_message_bytes;
	assert_reads_back(c);
}

static void assert_holds(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("not there: %s", part);
}

static void every_value_stands_there_with_its_help_bounds_and_defaults(void **state)
{
	struct config *c = load(NULL, "--max-rate=7", NULL);
	char *text = print(c);

	(void)state;
	assert_holds(text,
	             "# frames a second from one client, lasting\n"
	             "# 1 to 100000000; default 100; SIGHUP changes it\n"
	             "max_rate = 7\n");
	assert_holds(text,
	             "# milliseconds, 0 to 3600000; default 60000 lightweight, 30000 standard, "
	             "15000 high-performance; SIGHUP changes it\n"
	             "#ping_interval_ms = 30000\n");
	assert_holds(text,
	             "# bytes, 4K to 16M; default 64K; a change needs a restart\n"
	             "#socket_send_buffer = 64K\n");
	assert_holds(text,
	             "\n# default 127.0.0.1:8000; a change needs a restart\n"
	             "#listen = 127.0.0.1:8000\n");
	assert_holds(text, "\nprofile = standard\n");
	for (size_t i = 0; i < CONFIG_OPTIONS; i++)
		assert_holds(text, config_rows[i].help);
	free(text);
	config_free(c);
}

/* Neither printed nor in a sentence, whatever is wrong with it or beside it. */
static void a_secret_is_shown_nowhere(void **state)
{
	struct config *c = load(NULL, "--redis=redis://:s3cr3t@h", NULL), *back;
	char *text = print(c);

	(void)state;
	assert_null(strstr(text, "s3cr3t"));
	assert_holds(text,
	             "; a change needs a restart\n"
	             "# it is set, and a secret: not shown here\n#redis =\n");
	back = load(text, NULL, NULL);
	assert_string_equal(back->redis, "");
	config_free(back);
	free(text);
	assert_string_equal(reload(c, "[gateway]\nredis = redis://:s3cr3t-2@h\n", NULL), "redis");
	assert_string_equal(c->redis, "redis://:s3cr3t@h");
	config_free(c);
	assert_refused(NULL, NULL, "ROOMCAST_REDIS=redis://:s3cr3t\x01@h",
	               "environment ROOMCAST_REDIS: the value (not shown) holds a control "
	               "character, a blank at an end or a semicolon behind one");
}

/* Take the # away from every `#name = value` and `#[section]`. */
static void uncomment(char *text)
{
	char *out = text;

	for (char *p = text; *p != '\0'; p++) {
		bool first = p == text || p[-1] == '\n';

		if (!(first && *p == '#' && (p[1] == '[' || islower((unsigned char)p[1]))))
			*out++ = *p;
	}
	*out = '\0';
}

static void what_is_commented_out_is_valid_and_changes_nothing(void **state)
{
	struct config *c = load(NULL, "--max-members=4 --queue-policy=drop_newest", NULL), *back;
	struct room_policy own = config_room_policy(c, slice_of("jobs.1")), said;
	char *text = print(c);

	(void)state;
	uncomment(text);
	back = load(text, NULL, NULL);
	assert_int_equal(back->n_policies, 1);
	said = back->policies[0];
	for (size_t i = 0; i < POLICY_ROWS; i++)
		assert_int_equal(row_get(&policy_rows[i], &said), row_get(&policy_rows[i], &own));
	free(back->policies[0].pattern);
	back->n_policies = 0;
	assert_same(c, back);
	free(text);
	config_free(c);
	config_free(back);
}

static void the_help_names_every_flag(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b);
	config_help(&b);
	buf_char(&b, '\0');
	assert_false(b.failed);
	for (size_t i = 0; i < CONFIG_ROWS; i++) {
		struct buf flag;

		buf_init(&flag);
		buf_printf(&flag, "\n  --%s", config_rows[i].name);
		for (size_t n = 5; n < flag.n; n++)
			if (flag.p[n] == '_')
				flag.p[n] = '-';
		buf_char(&flag, '\0');
		assert_holds(b.p, flag.p);
		assert_holds(b.p, config_rows[i].help);
		buf_fini(&flag);
	}
	assert_holds(b.p, "\n  --help, -h\n");
	assert_holds(b.p, "\n  --version, -V\n");
	assert_holds(b.p, "\n  --print-config\n");
	assert_holds(b.p, "\n  --check-config\n");
	assert_holds(b.p, "\n  --healthcheck\n");
	assert_holds(b.p,
	             "\n  --demo-page[=on|off]\n      show the demo page on /\n"
	             "      on or off; default off; SIGHUP changes it\n");
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_printed_file_reads_back_to_the_same),
		cmocka_unit_test(every_row_reads_back),
		cmocka_unit_test(every_value_stands_there_with_its_help_bounds_and_defaults),
		cmocka_unit_test(a_secret_is_shown_nowhere),
		cmocka_unit_test(what_is_commented_out_is_valid_and_changes_nothing),
		cmocka_unit_test(the_help_names_every_flag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
