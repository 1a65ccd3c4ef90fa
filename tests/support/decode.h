/*
 * Decoding a frame in a test: the text in memory of its exact size, the frame full of rubbish
 * before, and what came out in `frame` and `detail`.
 */
#ifndef ROOMCAST_TEST_DECODE_H
#define ROOMCAST_TEST_DECODE_H

#include "broker-common/envelope.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

static struct frame frame;
static char *text; /* the frame that was decoded last, in memory of its exact size */
static const char *detail;

static inline enum err decode_with(enum err (*how)(char *, size_t, struct frame *, char *,
                                                   const char **),
                                   const char *json)
{
	static char scratch[128];
	size_t n = strlen(json);

	free(text);
	text = malloc(n == 0 ? 1 : n);
	assert_non_null(text);
	memcpy(text, json, n);
	memset(&frame, 0xa5, sizeof(frame)); /* everything must be set */
	detail = "never set";
	return how(text, n, &frame, scratch, &detail);
}

static inline enum err decode(const char *json)
{
	return decode_with(envelope_decode, json);
}

static inline enum err decode_publish(const char *json)
{
	return decode_with(envelope_decode_publish, json);
}

#define assert_ok(e) assert_string_equal(err_name(e), "ok")
#define assert_err(e, want) assert_string_equal(err_name(e), err_name(want))
#define assert_slice(s, t) assert_true((s).p != NULL && slice_is(s, t))

static inline void assert_refused(const char *json, enum err want, const char *said)
{
	enum err e = decode(json);

	if (e != want)
		fail_msg("%s: %s, %s", json, err_name(e), detail == NULL ? "" : detail);
	if (said == NULL)
		assert_null(detail);
	else
		assert_string_equal(detail, said);
}

/* After the last test. */
static inline int free_text(void **state)
{
	(void)state;
	free(text);
	text = NULL;
	return 0;
}

/* `"x":[[…]]`, as deep as it says. */
static inline const char *nested(const char *before, int levels, const char *after)
{
	static char json[512];
	int n = snprintf(json, sizeof(json), "%s", before);

	memset(json + n, '[', (size_t)levels);
	memset(json + n + levels, ']', (size_t)levels);
	strcpy(json + n + 2 * levels, after);
	return json;
}

/* Text of `n` letters between. */
static inline const char *filled(const char *before, size_t n, const char *after)
{
	static char json[2048];

	assert_true(strlen(before) + n + strlen(after) < sizeof(json));
	strcpy(json, before);
	memset(json + strlen(before), 'x', n);
	strcpy(json + strlen(before) + n, after);
	return json;
}

#endif
