/*
 * What an operator was told: the answer to one call of inspect.h or steer.h.
 */
#ifndef ROOMCAST_TEST_TOLD_H
#define ROOMCAST_TEST_TOLD_H

#include "broker-common/err.h"
#include "broker-common/slice.h"

struct told {
	int times; /* answers so far */
	enum err e;
	char *json; /* "" when there is none */
};

/* An inspect_done whose ctx is a struct told. What it is told is checked to be one JSON object. */
void told(void *ctx, enum err e, struct slice json);
void told_forget(struct told *t); /* ready for another one */

/* Fail unless it was told once, and so. */
void told_expect(const struct told *t, enum err e);

/* What stands at a path ("clients.0.queue.bytes"), raw but for quotes; "" where there is nothing. Static
 * memory, for four at a time. */
const char *told_at(const struct told *t, const char *path);
void told_expect_at(const struct told *t, const char *path, const char *text);

/* Elements of an array, or members of an object; -1: there is none. */
int told_count(const struct told *t, const char *path);

#endif
