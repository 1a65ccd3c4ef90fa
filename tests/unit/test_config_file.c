#include "gateway/base/config.h"

#include "tests/support/config_case.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GATEWAY "[gateway]\n"

static void a_file_is_read_with_comments_blanks_and_crlf(void **state)
{
	struct config *c = load("\xef\xbb\xbf# a comment\r\n"
	                        "; another\r\n"
	                        "\r\n"
	                        "  [ gateway ]  ; the main part\r\n"
	                        "\tmax_rate=5\r\n"
	                        "   max_errors   =   6   ; why\r\n"
	                        "drain_ms: 7\r\n"
	                        "listen = [::1]:9000\r\n"
	                        "admin_listen: *:9001",
	                        NULL, NULL);

	(void)state;
	assert_int_equal(c->max_rate, 5);
	assert_int_equal(c->max_errors, 6);
	assert_int_equal(c->drain_ms, 7);
	assert_string_equal(c->listen, "[::1]:9000");
	assert_string_equal(c->admin_listen, "*:9001");
	config_free(c);
}

static void an_empty_file_says_nothing(void **state)
{
	struct config *c = load("", NULL, NULL);

	(void)state;
	assert_int_equal(c->max_rate, 100);
	config_free(c);
	config_free(load("\n\n", NULL, NULL));
	config_free(load(GATEWAY, NULL, NULL));
}

static void sections_may_come_again(void **state)
{
	struct config *c = load(GATEWAY "max_rate = 5\n"
	                                "[room \"a\"]\nmax_members = 1\n"
	                                "[room \"b\"]\nmax_members = 2\n" GATEWAY "max_errors = 6\n"
	                                "[room \"a\"]\npriority = high\n",
	                        NULL, NULL);

	(void)state;
	assert_int_equal(c->max_rate, 5);
	assert_int_equal(c->max_errors, 6);
	assert_int_equal(c->n_policies, 2);
	assert_string_equal(c->policies[0].pattern, "a");
	assert_int_equal(c->policies[0].max_members, 1);
	assert_int_equal(c->policies[0].priority, 1);
	assert_string_equal(c->policies[1].pattern, "b");
	assert_int_equal(c->policies[1].max_members, 2);
	assert_int_equal(c->policies[1].priority, -1);
	config_free(c);
}

static void a_value_that_is_set_twice_is_refused_with_both_lines(void **state)
{
	(void)state;
	assert_refused(GATEWAY "max_rate = 5\n\nmax_rate = 5\n", NULL, NULL,
	               "FILE:4: max_rate has been set in line 2 already");
	assert_refused(GATEWAY "max_rate = 5\n" GATEWAY "max_rate = 6\n", "--max-rate=7", NULL,
	               "FILE:4: max_rate has been set in line 2 already");
	assert_refused("[room \"a\"]\npresence = on\n[room \"b\"]\npresence = on\n"
	               "[room \"a\"]\npresence = on\n",
	               NULL, NULL, "FILE:6: presence has been set in line 2 already");
}

static void unknown_names_are_refused_with_what_may_have_been_meant(void **state)
{
	(void)state;
	assert_refused(GATEWAY "max_rat = 5\n", NULL, NULL,
	               "FILE:2: there is no option \"max_rat\"; did you mean max_rate?");
	assert_refused(GATEWAY "max-rate = 5\n", NULL, NULL,
	               "FILE:2: there is no option \"max-rate\"; did you mean max_rate?");
	assert_refused(GATEWAY "colour = 5\n", NULL, NULL,
	               "FILE:2: there is no option \"colour\"; --help names all of them");
	assert_refused(GATEWAY "= 5\n", NULL, NULL,
	               "FILE:2: there is no option \"\"; --help names all of them");
	assert_refused(GATEWAY "config = other\n", NULL, NULL,
	               "FILE:2: there is no option \"config\"; --help names all of them");
	assert_refused("[room \"a\"]\npressence = on\n", NULL, NULL,
	               "FILE:2: a room has no option \"pressence\"; did you mean presence?");
	assert_refused(
		"[room \"a\"]\nmax_rate = 5\n", NULL, NULL,
		"FILE:2: a room has no option \"max_rate\" here; it belongs under [gateway]");
	assert_refused(GATEWAY "presence = on\n", NULL, NULL,
	               "FILE:2: there is no option \"presence\" here; it belongs under "
	               "[room \"PATTERN\"]");
}

static void wrong_sections_are_refused_even_when_they_are_empty(void **state)
{
	(void)state;
	assert_refused("[gatway]\n", NULL, NULL,
	               "FILE:1: there is no section \"gatway\"; did you mean gateway?");
	assert_refused("[Gateway]\n", NULL, NULL,
	               "FILE:1: there is no section \"Gateway\"; did you mean gateway?");
	assert_refused("[rooms \"a\"]\n", NULL, NULL,
	               "FILE:1: there is no section \"rooms\"; did you mean room?");
	assert_refused("[redis]\n", NULL, NULL,
	               "FILE:1: there is no section \"redis\"; allowed: [gateway] and [room "
	               "\"PATTERN\"]");
	assert_refused("[gateway \"a\"]\n", NULL, NULL, "FILE:1: section gateway takes no pattern");
	assert_refused("[room]\n", NULL, NULL,
	               "FILE:1: section room needs a pattern in quotes, as in [room \"jobs.*\"]");
}

static void what_only_looks_like_a_section_is_refused(void **state)
{
	static const char *const bad[] = {
		"[gateway\n",       "[room jobs]\n",
		"[room \"a]\n",     "[room \"a\"\n",
		"[gateway] x\n",    "[room \"a\" x]\n",
		"[room \"a\"] x\n", "[room \"a\" \"b\"]\n",
		"[gateway]]\n",     "[\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_refused(bad[i], NULL, NULL,
		               "FILE:1: not a section; allowed: [gateway] and [room \"PATTERN\"]");
}

#define NOT_A_PATTERN                                                                              \
	" is not a pattern of room names; allowed: 1 to 200 of A-Z a-z 0-9 _ - = @ , . ; : and * " \
	"for any run of them"

static void patterns_are_made_of_what_names_are_made_of(void **state)
{
	(void)state;
	config_free(load("[room \"*\"]\n[room \"a-z_=@,.;:*9\"]\n", NULL, NULL));
	assert_refused("[room \"\"]\n", NULL, NULL, "FILE:1: \"\"" NOT_A_PATTERN);
	assert_refused("[room \"a b\"]\n", NULL, NULL, "FILE:1: \"a b\"" NOT_A_PATTERN);
	assert_refused("[room \"\xc3\xa4\"]\n", NULL, NULL, "FILE:1: \"\xc3\xa4\"" NOT_A_PATTERN);
}

#define TEN "nnnnnnnnnn"
#define EIGHTY TEN TEN TEN TEN TEN TEN TEN TEN
#define TWO_HUNDRED EIGHTY EIGHTY TEN TEN TEN TEN

static void a_pattern_is_at_most_200_bytes_and_never_cut(void **state)
{
	struct config *c = load("[room \"" TWO_HUNDRED "\"]\nmax_members = 3\n", NULL, NULL);

	(void)state;
	assert_string_equal(c->policies[0].pattern, TWO_HUNDRED);
	config_free(c);
	assert_refused("[room \"" TWO_HUNDRED "n\"]\n", NULL, NULL,
	               "FILE:1: \"" EIGHTY "\"..." NOT_A_PATTERN);
}

static void values_of_rooms_are_checked(void **state)
{
	(void)state;
	assert_refused(
		"[room \"a\"]\npresence = maybe\n", NULL, NULL,
		"FILE:2: presence: \"maybe\" is none of the choices; allowed: optional, on or "
		"off");
	assert_refused("[room \"a\"]\nmax_members = -1\n", NULL, NULL,
	               "FILE:2: max_members: \"-1\" is not a whole number; allowed: 0 to 10000000");
	assert_refused("[room \"a\"]\npresence_max = 100001\n", NULL, NULL,
	               "FILE:2: presence_max: \"100001\" is too large; allowed: 0 to 100000");
}

static void a_value_needs_a_section(void **state)
{
	(void)state;
	assert_refused("max_rate = 5\n" GATEWAY, NULL, NULL,
	               "FILE:1: a value before the first section; begin with [gateway]");
}

static void a_line_that_is_nothing_is_refused(void **state)
{
	(void)state;
	assert_refused(GATEWAY "max_rate 5\n", NULL, NULL,
	               "FILE:2: not NAME = VALUE, a [section] or a comment");
	assert_refused(GATEWAY "max_rate ; = 5\n", NULL, NULL,
	               "FILE:2: not NAME = VALUE, a [section] or a comment");
}

static void an_indented_line_does_not_go_on_with_the_one_before(void **state)
{
	struct config *c = load(GATEWAY "max_rate = 5\n  max_errors = 6\n", NULL, NULL);

	(void)state;
	assert_int_equal(c->max_rate, 5);
	assert_int_equal(c->max_errors, 6);
	config_free(c);
}

static void of_several_mistakes_the_first_is_told(void **state)
{
	(void)state;
	assert_refused(GATEWAY "max_rate 5\nmax_errors = x\n[nonsense]\n", NULL, NULL,
	               "FILE:2: not NAME = VALUE, a [section] or a comment");
	assert_refused(GATEWAY "max_errors = x\nmax_rate 5\n[nonsense]\n", NULL, NULL,
	               "FILE:2: max_errors: \"x\" is not a whole number; allowed: 1 to 1000000");
	assert_refused("[nonsense]\nmax_errors = x\nmax_rate 5\n", NULL, NULL,
	               "FILE:1: there is no section \"nonsense\"; allowed: [gateway] and [room "
	               "\"PATTERN\"]");
	assert_refused(GATEWAY "nothing\n[nonsense]\n", NULL, NULL,
	               "FILE:2: not NAME = VALUE, a [section] or a comment");
}

/* How long a line may be is inih's own affair (200 bytes with a usual build). */
static void a_line_is_taken_whole_or_refused(void **state)
{
	char file[12000], digits[300];

	(void)state;
	memset(digits, '0', sizeof(digits));
	snprintf(file, sizeof(file), GATEWAY "max_rate = %.180s9\n", digits);
	config_free(load(file, NULL, NULL)); /* 0000…9 */

	memset(file, 'x', sizeof(file));
	memcpy(file, GATEWAY "max_rate = ", strlen(GATEWAY "max_rate = "));
	memcpy(file + sizeof(file) - 20, "\nmax_rate = 5\n", 15);
	assert_refused(file, NULL, NULL, "FILE:2: a line longer than 198 bytes");
}

static void a_comment_may_be_of_any_length(void **state)
{
	char file[4000];
	struct config *c;

	(void)state;
	memset(file, '#', sizeof(file));
	snprintf(file + 3000, 1000, "max_rate = 1\n" GATEWAY "max_rate = 5\n");
	c = load(file, NULL, NULL);
	assert_int_equal(c->max_rate, 5);
	config_free(c);
}

static void a_nul_byte_is_refused(void **state)
{
	static const char text[] = GATEWAY "max_rate = 5\0\n";

	(void)state;
	assert_file_refused((struct slice){ text, sizeof(text) - 1 },
	                    "FILE:2: a NUL byte, this is not a configuration file");
}

static void a_file_of_one_mebibyte_is_read_and_a_larger_one_refused(void **state)
{
	size_t n = (1u << 20) + 1;
	char *text = malloc(n + 1);

	(void)state;
	assert_non_null(text);
	memset(text, '#', n);
	text[n] = '\0';
	assert_refused(text, NULL, NULL, "FILE is larger than 1 MiB");
	text[n - 1] = '\0';
	config_free(load(text, NULL, NULL));
	free(text);
}

static void room_sections_are_limited(void **state)
{
	char *text = malloc(40000);
	size_t n = 0;
	struct config *c;

	(void)state;
	assert_non_null(text);
	for (int i = 0; i < 1000; i++)
		n += (size_t)sprintf(text + n, "[room \"r%d\"]\n", i);
	c = load(text, NULL, NULL);
	assert_int_equal(c->n_policies, 1000);
	config_free(c);
	strcpy(text + n, "[room \"r0\"]\n"); /* not one more */
	config_free(load(text, NULL, NULL));
	strcpy(text + n, "[room \"more\"]\n");
	assert_refused(text, NULL, NULL, "FILE:1001: more than 1000 [room] sections");
	free(text);
}

static void assert_unreadable(const char *path, const char *sentence)
{
	char flag[100], name[] = "roomcast-gateway", *argv[] = { name, flag, NULL };
	enum config_action action;
	bool unreadable = false;
	struct buf error;

	buf_init(&error);
	snprintf(flag, sizeof(flag), "--config=%s", path);
	assert_null(config_load(2, argv, NULL, &action, &error, &unreadable));
	assert_true(unreadable);
	buf_char(&error, '\0');
	assert_string_equal(error.p, sentence);
	buf_fini(&error);
}

static void a_file_that_cannot_be_read_is_told_from_a_wrong_one(void **state)
{
	(void)state;
	assert_unreadable(
		"/proc/no-such-file",
		"the file \"/proc/no-such-file\" cannot be read: No such file or directory");
	assert_unreadable("/proc", "the file \"/proc\" cannot be read: Is a directory");
	assert_unreadable("", "the file \"\" cannot be read: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read_with_comments_blanks_and_crlf),
		cmocka_unit_test(an_empty_file_says_nothing),
		cmocka_unit_test(sections_may_come_again),
		cmocka_unit_test(a_value_that_is_set_twice_is_refused_with_both_lines),
		cmocka_unit_test(unknown_names_are_refused_with_what_may_have_been_meant),
		cmocka_unit_test(wrong_sections_are_refused_even_when_they_are_empty),
		cmocka_unit_test(what_only_looks_like_a_section_is_refused),
		cmocka_unit_test(patterns_are_made_of_what_names_are_made_of),
		cmocka_unit_test(a_pattern_is_at_most_200_bytes_and_never_cut),
		cmocka_unit_test(values_of_rooms_are_checked),
		cmocka_unit_test(a_value_needs_a_section),
		cmocka_unit_test(a_line_that_is_nothing_is_refused),
		cmocka_unit_test(an_indented_line_does_not_go_on_with_the_one_before),
		cmocka_unit_test(of_several_mistakes_the_first_is_told),
		cmocka_unit_test(a_line_is_taken_whole_or_refused),
		cmocka_unit_test(a_comment_may_be_of_any_length),
		cmocka_unit_test(a_nul_byte_is_refused),
		cmocka_unit_test(a_file_of_one_mebibyte_is_read_and_a_larger_one_refused),
		cmocka_unit_test(room_sections_are_limited),
		cmocka_unit_test(a_file_that_cannot_be_read_is_told_from_a_wrong_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
