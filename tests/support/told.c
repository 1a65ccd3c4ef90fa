#include "tests/support/told.h"

#include "broker-common/json.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void told(void *ctx, enum err e, struct slice json)
{
	struct told *t = ctx;

	t->times++;
	t->e = e;
	if (e == ERR_OK)
		assert_int_equal(json_check(json, &json_default_limits, NULL), JSON_OBJECT);
	else
		assert_null(json.p);
	free(t->json);
	t->json = strndup(json.p == NULL ? "" : json.p, json.n);
	assert_non_null(t->json);
}

void told_forget(struct told *t)
{
	free(t->json);
	*t = (struct told){ 0, ERR_OK, NULL };
}

void told_expect(const struct told *t, enum err e)
{
	if (t->times != 1)
		fail_msg("told %d times", t->times);
	if (t->e != e)
		fail_msg("told %s %s", t->e == ERR_OK ? "ok" : err_name(t->e), t->json);
}

static struct slice step(struct slice in, struct slice name)
{
	struct slice key, value = { NULL, 0 };
	size_t at = 0;
	int64_t index;

	if (json_type_of(in) == JSON_OBJECT) {
		while (json_next_member(in, &at, &key, &value))
			if (slice_eq(key, name))
				return value;
	} else if (json_type_of(in) == JSON_ARRAY && json_int(name, &index)) {
		while (json_next_element(in, &at, &value))
			if (index-- == 0)
				return value;
	}
	return (struct slice){ NULL, 0 };
}

static struct slice find(const struct told *t, const char *path)
{
	struct slice value = slice_of(t->json);

	while (*path != '\0' && value.p != NULL) {
		size_t n = strcspn(path, ".");

		value = step(value, (struct slice){ path, n });
		path += n + (path[n] == '.');
	}
	return value;
}

const char *told_at(const struct told *t, const char *path)
{
	static char out[4][256];
	static int turn;
	struct slice value = find(t, path);
	char *to = out[turn++ & 3];

	if (value.n >= 2 && value.p[0] == '"')
		value = (struct slice){ value.p + 1, value.n - 2 };
	snprintf(to, sizeof out[0], "%.*s", SLICE_ARGS(value));
	return to;
}

void told_expect_at(const struct told *t, const char *path, const char *text)
{
	if (strcmp(told_at(t, path), text) != 0)
		fail_msg("expected %s at %s, in %s", text, path, t->json);
}

int told_count(const struct told *t, const char *path)
{
	struct slice in = find(t, path), key, value;
	size_t at = 0;
	int n = 0;

	switch (json_type_of(in)) {
	case JSON_OBJECT:
		while (json_next_member(in, &at, &key, &value))
			n++;
		return n;
	case JSON_ARRAY:
		while (json_next_element(in, &at, &value))
			n++;
		return n;
	default: return -1;
	}
}
