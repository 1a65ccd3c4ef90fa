/*
 * Any bytes as configuration: the file, behind a record separator (0x1e) flags by line, and behind
 * another one variables by line. What is taken keeps to its bounds, and printed it reads back
 * as it was; what is not taken is refused with one printable line.
 */
#include "gateway/base/config.h"
#include "gateway/base/config_rows.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WORDS_MAX 32
#define SEPARATOR 0x1e

static int file = -1;
static char path_flag[64];

static void fill_file(const void *p, size_t n)
{
	if (file < 0) {
		file = memfd_create("config", 0);
		snprintf(path_flag, sizeof(path_flag), "--config=/proc/self/fd/%d", file);
	}
	assert(file >= 0 && ftruncate(file, 0) == 0);
	assert(pwrite(file, p, n, 0) == (ssize_t)n);
}

/* Cut `text` into lines; what would open another file is left out. */
static int words(char *text, char **out, int n)
{
	char *rest = text, *word;

	while (text != NULL && n < WORDS_MAX && (word = strsep(&rest, "\n")) != NULL)
		if (strcasestr(word, "config") == NULL)
			out[n++] = word;
	return n;
}

static void check_bounds(const struct config_row *rows, size_t n, const void *base, int64_t unsaid)
{
	for (size_t i = 0; i < n; i++) {
		const struct config_row *r = &rows[i];
		int64_t v = r->kind == CONFIG_TEXT ? 0 : row_get(r, base);

		if (r->kind == CONFIG_NUMBER || r->kind == CONFIG_BYTES)
			assert(v == unsaid || (v >= r->least && v <= r->most));
		if (r->kind == CONFIG_CHOICE)
			assert(v == unsaid || (v >= 0 && v < 8));
	}
}

static void read_back(const struct config *c)
{
	static char name[] = "roomcast-gateway";
	char *argv[] = { name, path_flag, NULL };
	enum config_action action;
	struct buf first, second, error;
	struct config *back;
	bool unreadable;

	buf_init(&first);
	buf_init(&second);
	buf_init(&error);
	config_print(c, &first);
	fill_file(first.p, first.n);
	back = config_load(2, argv, NULL, &action, &error, &unreadable);
	if (back == NULL)
		fprintf(stderr, "%.*s\n", SLICE_ARGS(buf_view(&error)));
	assert(back != NULL && error.n == 0);
	config_print(back, &second);
	assert(slice_eq(buf_view(&first), buf_view(&second)));
	config_free(back);
	buf_fini(&first);
	buf_fini(&second);
	buf_fini(&error);
}

/* Secrets are not printed, so that they cannot be read back. */
static void forget_secrets(struct config *c)
{
	for (size_t i = 0; i < CONFIG_OPTIONS; i++)
		if (config_rows[i].secret)
			**row_text(&config_rows[i], c) = '\0';
}

static void check_config(struct config *c)
{
	static const char *const rooms[] = { "", "a", "jobs.1", "jobs.*" };
	char host[64];
	uint16_t port;

	check_bounds(config_rows, CONFIG_OPTIONS, c, 0);
	assert(c->queue_bytes >= 2 * c->max_message_bytes);
	assert(config_split_address(c->listen, host, &port));
	for (size_t i = 0; i < c->n_policies; i++)
		check_bounds(policy_rows, POLICY_ROWS, &c->policies[i], -1);
	for (size_t i = 0; i < sizeof(rooms) / sizeof(*rooms); i++) {
		struct room_policy p = config_room_policy(c, slice_of(rooms[i]));

		for (size_t n = 0; n < POLICY_ROWS; n++)
			assert(row_get(&policy_rows[n], &p) >= 0);
	}
	forget_secrets(c);
	read_back(c);
}

static void check_sentence(const struct buf *error)
{
	assert(error->n > 0 && !error->failed);
	for (size_t i = 0; i < error->n; i++)
		assert((unsigned char)error->p[i] >= ' ' && error->p[i] != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char name[] = "roomcast-gateway";
	char *argv[WORDS_MAX + 2] = { name, path_flag }, *environment[WORDS_MAX + 1] = { NULL };
	char *text = strndup((const char *)data, size); /* a NUL ends the words, not the file */
	char *flags = strchr(text, SEPARATOR), *variables = NULL;
	enum config_action action;
	struct config *c;
	struct buf error;
	bool unreadable;
	int argc;

	if (flags != NULL) {
		size = (size_t)(flags - text);
		*flags++ = '\0';
		variables = strchr(flags, SEPARATOR);
	}
	if (variables != NULL)
		*variables++ = '\0';
	fill_file(data, size);
	argc = words(flags, argv, 2);
	words(variables, environment, 0);
	buf_init(&error);
	c = config_load(argc, argv, environment, &action, &error, &unreadable);
	assert(!unreadable);
	if (c != NULL)
		check_config(c);
	else
		check_sentence(&error);
	config_free(c);
	buf_fini(&error);
	free(text);
	return 0;
}
