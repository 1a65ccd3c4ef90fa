/*
 * The first line as a path, each further one as an argument of its query, and the whole as a file of keys.
 */
#include "gateway/server/api.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice next_line(struct slice *rest)
{
	const char *end = rest->n == 0 ? NULL : memchr(rest->p, '\n', rest->n);
	struct slice line = { rest->p, end == NULL ? rest->n : (size_t)(end - rest->p) };
	size_t n = line.n + (end != NULL);

	*rest = (struct slice){ rest->p + n, rest->n - n };
	return line;
}

static void inside(struct slice part, struct slice whole)
{
	assert(part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
	assert(topic_name_ok(part));
}

/* One path and one method have one route at most. */
static void find(struct slice path)
{
	size_t found[2] = { 0, 0 };
	struct slice name;

	for (size_t i = 0; i < api_routes_n; i++) {
		if (!api_path_fits(api_routes[i].path, path, &name))
			continue;
		found[api_routes[i].body_most != NULL]++;
		if (name.p != NULL)
			inside(name, path);
	}
	/* /v1/openapi.json is no name's place, and no room's: nothing may be shadowed */
	assert(found[0] <= 1 && found[1] <= 1);
}

static void ask(unsigned int allowed, struct slice query)
{
	struct api_query q;
	unsigned int before;

	api_query_init(&q);
	while (query.n > 0) {
		before = q.given;
		if (api_query_take(&q, allowed, next_line(&query)) != NULL)
			return; /* the request ends here */
		assert(q.given != before && (q.given & ~allowed) == 0);
		assert(q.limit >= 1 && q.limit <= 1000);
		for (unsigned int bit = 1; bit < API_LIMIT; bit <<= 1)
			assert((api_query_text(&q, bit).p != NULL) == ((q.given & bit) != 0));
		if (q.given & API_AFTER)
			assert(topic_name_ok(api_query_text(&q, API_AFTER)));
	}
}

static void read_keys(struct slice text)
{
	struct api_keys *k;
	struct buf error;
	const char *name;

	buf_init(&error);
	k = api_keys_parse("keys", text, &error);
	assert((k == NULL) == (error.n > 0));
	if (k != NULL)
		assert(api_keys_scopes(k, (struct slice){ "no such key of all", 18 }, &name) == 0);
	api_keys_free(k);
	buf_fini(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct slice rest = { text, size }, path;

	assert(text != NULL);
	if (size != 0)
		memcpy(text, data, size);
	read_keys(rest);
	api_keys_bearer(rest);
	path = next_line(&rest);
	find(path);
	ask(~0u, rest);
	ask(API_PAGED, rest);
	free(text);
	return 0;
}
