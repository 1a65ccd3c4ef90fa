/*
 * Paths and query parameters of the HTTP API: which route a path fits, and what a request asks for in its
 * query. Both come from lws with their percent signs resolved; here every byte is checked.
 */
#ifndef ROOMCAST_API_PATH_H
#define ROOMCAST_API_PATH_H

#include "broker-common/topic.h"

#include <stdint.h>

/* Whether `path` fits `pattern`, in which one segment may be {anything}: that one's text is then `*name`
 * (topic_name_ok() holds for it), which is NULL otherwise. "/v1/rooms/{room}/kick" */
bool api_path_fits(const char *pattern, struct slice path, struct slice *name);

/* Parameters, as bits for what a route takes. */
enum {
	API_PREFIX = 1,
	API_GLOB = 2,
	API_AFTER = 4,
	API_NODE = 8,
	API_LIMIT = 16,
	API_PAGED = API_AFTER | API_LIMIT
};

enum { API_TEXTS = 4 }; /* the first of them are texts */

struct api_query {
	unsigned int given; /* bits */
	int64_t limit;
	size_t n[API_TEXTS];
	char text[API_TEXTS][TOPIC_NAME_MAX];
};

/* Nothing is given, and `limit` is its default. */
void api_query_init(struct api_query *q);

/* One argument, "name=value". NULL: taken; else why not, for a person. */
const char *api_query_take(struct api_query *q, unsigned int allowed, struct slice argument);

/* A text that was given, or NULL. `which` is one bit. */
struct slice api_query_text(const struct api_query *q, unsigned int which);

#endif
