/* What happens when memory runs out while a configuration is read. */
#include "tests/support/alloc.h"

#include <string.h>

static char *test_strndup(const char *text, size_t n)
{
	return alloc_may() ? strndup(text, n) : NULL;
}

#undef strdup
#undef strndup
#define strdup(text) test_strndup(text, strlen(text))
#define strndup(text, n) test_strndup(text, n)

#include "gateway/base/config.c"
#include "gateway/base/config_draft.c"
#include "gateway/base/config_file.c"

#undef strdup
#undef strndup
#undef malloc
#undef realloc
#undef calloc
#include "tests/support/config_case.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static const char text[] = "[gateway]\nlisten = :1\n[room \"a\"]\n[room \"b\"]\nmax_members = 1\n";

static int make_file(void)
{
	int fd = memfd_create("config", 0);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	return fd;
}

static bool says(const struct buf *b, const char *part)
{
	return b->n > 0 && memmem(b->p, b->n, part, strlen(part)) != NULL;
}

static void assert_said_so(const struct buf *error, bool unreadable)
{
	assert_true(says(error, unreadable ? "cannot be read" : "out of memory"));
}

static void loading_without_memory_fails_with_a_sentence(void **state)
{
	char flag[64], name[] = "x", other[] = "--admin-listen=:2",
		       *argv[] = { name, flag, other, NULL };
	int fd = make_file(), failures = 0;
	enum config_action action;
	struct config *c = NULL;
	struct buf error;
	bool unreadable;

	(void)state;
	snprintf(flag, sizeof(flag), "--config=/proc/self/fd/%d", fd);
	buf_init(&error);
	for (; c == NULL; failures++) {
		buf_reset(&error);
		allocs_left = failures;
		c = config_load(3, argv, NULL, &action, &error, &unreadable);
		allocs_left = ALLOCS_UNLIMITED;
		if (c == NULL)
			assert_said_so(&error, unreadable);
	}
	assert_true(failures > 8);
	assert_int_equal(error.n, 0);
	assert_int_equal(c->n_policies, 2);
	buf_fini(&error);
	config_free(c);
	close(fd);
}

static void reloading_without_memory_changes_nothing(void **state)
{
	char flag[64], name[] = "x", *argv[] = { name, flag, NULL };
	struct config *c = load("[gateway]\nmax_rate = 7\n[room \"z\"]\n", NULL, NULL);
	int fd = make_file(), failures = 0;
	struct buf error, fixed;
	bool ok = false;

	(void)state;
	snprintf(flag, sizeof(flag), "--config=/proc/self/fd/%d", fd);
	buf_init(&error);
	buf_init(&fixed);
	for (; !ok; failures++) {
		assert_int_equal(c->max_rate, 7);
		assert_int_equal(c->n_policies, 1);
		allocs_left = failures;
		ok = config_reload(c, 2, argv, NULL, &fixed, &error);
		allocs_left = ALLOCS_UNLIMITED;
		assert_int_equal(ok, error.n == 0);
		buf_reset(&error);
	}
	assert_true(failures > 8);
	assert_true(slice_is(buf_view(&fixed), "listen"));
	assert_int_equal(c->n_policies, 2);
	buf_fini(&error);
	buf_fini(&fixed);
	config_free(c);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loading_without_memory_fails_with_a_sentence),
		cmocka_unit_test(reloading_without_memory_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
