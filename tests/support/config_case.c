#include "tests/support/config_case.h"

#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WORDS_MAX 64

struct given {
	int fd;
	char path[64];
	char *argv[WORDS_MAX + 1], *environment[WORDS_MAX + 1];
	int argc;
	char *flag_words, *variable_words; /* what they point into */
};

static int split(char *words, char **out, int n)
{
	char *rest = words, *word;

	while ((word = strsep(&rest, " ")) != NULL) {
		assert_in_range(n, 0, WORDS_MAX - 1);
		out[n++] = word;
	}
	out[n] = NULL;
	return n;
}

static void give_file(struct given *g, struct slice file)
{
	static char config_flag[80];

	g->fd = memfd_create("config", MFD_CLOEXEC);
	assert_true(g->fd >= 0);
	assert_int_equal(write(g->fd, file.p, file.n), file.n);
	snprintf(g->path, sizeof(g->path), "/proc/self/fd/%d", g->fd);
	snprintf(config_flag, sizeof(config_flag), "--config=%s", g->path);
	g->argv[g->argc++] = config_flag;
}

static void give(struct given *g, struct slice file, const char *flags, const char *environment)
{
	*g = (struct given){ .fd = -1, .argv = { (char *)"roomcast-gateway" }, .argc = 1 };
	if (file.p != NULL)
		give_file(g, file);
	if (flags != NULL) {
		g->flag_words = strdup(flags);
		g->argc = split(g->flag_words, g->argv, g->argc);
	}
	if (environment != NULL) {
		g->variable_words = strdup(environment);
		split(g->variable_words, g->environment, 0);
	}
}

static void take_back(struct given *g)
{
	if (g->fd >= 0)
		close(g->fd);
	free(g->flag_words);
	free(g->variable_words);
}

/* What `b` says, with FILE for the path. */
static const char *said(const struct given *g, const struct buf *b)
{
	static char text[4096];
	char *at;

	snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(buf_view(b)));
	while (g->fd >= 0 && (at = strstr(text, g->path)) != NULL) {
		memcpy(at, "FILE", 4);
		memmove(at + 4, at + strlen(g->path), strlen(at + strlen(g->path)) + 1);
	}
	return text;
}

static struct config *load_given(struct given *g, enum config_action *action, struct buf *error)
{
	bool unreadable = true;
	struct config *c;

	buf_init(error);
	c = config_load(g->argc, g->argv, g->environment, action, error, &unreadable);
	assert_false(unreadable);
	assert_int_equal(c == NULL, error->n > 0);
	return c;
}

struct config *load(const char *file, const char *flags, const char *environment)
{
	enum config_action action;
	struct given g;
	struct config *c;
	struct buf error;

	give(&g, slice_of(file), flags, environment);
	c = load_given(&g, &action, &error);
	if (c == NULL)
		fail_msg("%s", said(&g, &error));
	buf_fini(&error);
	take_back(&g);
	return c;
}

struct config *load_action(const char *flags, enum config_action *action)
{
	struct given g;
	struct config *c;
	struct buf error;

	give(&g, slice_of(NULL), flags, NULL);
	c = load_given(&g, action, &error);
	if (c == NULL)
		fail_msg("%s", said(&g, &error));
	buf_fini(&error);
	take_back(&g);
	return c;
}

static void assert_given_refused(struct given *g, const char *sentence)
{
	enum config_action action;
	struct buf error;

	if (load_given(g, &action, &error) != NULL)
		fail_msg("taken, though: %s", sentence);
	assert_string_equal(said(g, &error), sentence);
	buf_fini(&error);
	take_back(g);
}

void assert_refused(const char *file, const char *flags, const char *environment,
                    const char *sentence)
{
	struct given g;

	give(&g, slice_of(file), flags, environment);
	assert_given_refused(&g, sentence);
}

void assert_file_refused(struct slice file, const char *sentence)
{
	struct given g;

	give(&g, file, NULL, NULL);
	assert_given_refused(&g, sentence);
}

const char *reload(struct config *c, const char *file, const char *flags)
{
	static char answer[4096];
	struct buf fixed, error;
	struct given g;
	bool ok;

	give(&g, slice_of(file), flags, NULL);
	buf_init(&fixed);
	buf_init(&error);
	ok = config_reload(c, g.argc, g.argv, g.environment, &fixed, &error);
	assert_int_equal(ok, error.n == 0);
	snprintf(answer, sizeof(answer), "%s", said(&g, ok ? &fixed : &error));
	buf_fini(&fixed);
	buf_fini(&error);
	take_back(&g);
	return answer;
}
