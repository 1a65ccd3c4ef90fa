/*
 * Parcels made by hand, byte for byte, and what decoding them gives: in memory of the exact size,
 * the parcel full of rubbish before, what came out in `parcel` and `why`.
 */
#ifndef ROOMCAST_TEST_PARCEL_FORGE_H
#define ROOMCAST_TEST_PARCEL_FORGE_H

#include "tests/support/parcel.h"
#include "tests/support/test.h"

#include <stdlib.h>

struct part {
	uint8_t tag;
	const char *bytes;
	size_t n;
};
#define TEXT(literal) (literal), sizeof(literal) - 1
#define PARTS 12

/* Behind the last part of a sample. */
#define NO_MORE 0

static const struct part samples[PARCEL_KINDS][PARTS] = {
	[PARCEL_EVENT] = { { 1, TEXT("\0") },
	                   { 2, TEXT("room:lobby") },
	                   { 3, TEXT("chat") },
	                   { 4, TEXT("{\"n\":1.0}") },
	                   { 5, TEXT("nodeaaaa-c") },
	                   { 6, TEXT("ann") },
	                   { 7, TEXT("nodeaaaa-c") },
	                   { 8, TEXT("\x15\xcd\x5b\x07\0\0\0\0") },
	                   { 9, TEXT("\x88\x2a\xee\x38\x07\0\0\0") },
	                   { 10, TEXT("nodeaaaa-c.7") },
	                   { 11, TEXT("\2") } },
	[PARCEL_PRESENCE] = { { 1, TEXT("\1") },
	                      { 2, TEXT("room:lobby") },
	                      { 12, TEXT("\2c1\3ann{\"x\":[]}") },
	                      { 13, TEXT("\3") },
	                      { 14, TEXT("\1\2\3\4\5\6\7\0") },
	                      { 15, TEXT("\5\0\0\0\0\0\0\0") },
	                      { 16, TEXT("\4\0\0\0\0\0\0\0") } },
	[PARCEL_ACKED] = { { 1, TEXT("\2") },
	                   { 2, TEXT("client:c1") },
	                   { 5, TEXT("c2") },
	                   { 6, TEXT("bob") },
	                   { 10, TEXT("c1.7") } },
	[PARCEL_CALL] = { { 1, TEXT("\3") },
	                  { 17, TEXT("nodeaaaa") },
	                  { 18, TEXT("\xff\xff\xff\xff\xff\xff\xff\xff") },
	                  { 20, TEXT("\0any \xff") } },
	[PARCEL_REPLY] = { { 1, TEXT("\4") },
	                   { 17, TEXT("nodebbbb") },
	                   { 18, TEXT("\0\0\0\0\0\0\0\0") },
	                   { 19, TEXT("\x54\4\0\0\0\0\0\0") },
	                   { 20, TEXT("") } },
};

static struct buf forged;

static inline void add_u32(struct buf *b, size_t v)
{
	const char bytes[] = { (char)v, (char)(v >> 8), (char)(v >> 16), (char)(v >> 24) };

	buf_add(b, bytes, sizeof(bytes));
}

static inline void begin(void)
{
	buf_reset(&forged);
	buf_add(&forged, "RC\1\0----", 8);
}

static inline void add(struct part part)
{
	buf_char(&forged, (char)part.tag);
	add_u32(&forged, part.n);
	buf_add(&forged, part.bytes, part.n);
}

static inline struct slice finish(void)
{
	size_t n = forged.n;

	forged.n = 4;
	add_u32(&forged, n - 8);
	forged.n = n;
	assert_false(forged.failed);
	return buf_view(&forged);
}

/* The sample of that kind, one of its parts put in, put in its place, or (`bytes` NULL) left out. */
static inline struct slice forge(enum parcel_kind kind, struct part other)
{
	bool placed = false;

	begin();
	for (const struct part *p = samples[kind]; p->tag != NO_MORE; p++) {
		if (p->tag != other.tag)
			add(*p);
		else if (other.bytes != NULL)
			add(other);
		placed = placed || p->tag == other.tag;
	}
	if (!placed && other.tag != NO_MORE)
		add(other);
	return finish();
}

static inline struct slice sample(enum parcel_kind kind)
{
	return forge(kind, (struct part){ NO_MORE, NULL, 0 });
}

/* ---- decoding, in memory of the exact size ---- */

static char *bytes;
static size_t n_bytes;
static struct parcel parcel;
static const char *why;

static inline enum err decode(struct slice from)
{
	free(bytes);
	bytes = malloc(from.n == 0 ? 1 : from.n);
	n_bytes = from.n;
	assert_non_null(bytes);
	if (from.n != 0)
		memcpy(bytes, from.p, from.n);
	memset(&parcel, 0xa5, sizeof(parcel)); /* everything must be set */
	why = "never set";
	return parcel_decode(bytes, from.n, &parcel, &why);
}

static inline int free_all(void **state)
{
	(void)state;
	buf_fini(&forged);
	free(bytes);
	return 0;
}

static inline void assert_decodes(struct slice from)
{
	if (decode(from) != ERR_OK)
		fail_msg("refused: %s", why);
	assert_null(why);
	assert_true(parcel_lies_in(&parcel, (struct slice){ bytes, n_bytes }));
}

static inline void assert_refused(struct slice from, const char *expected)
{
	assert_int_equal(decode(from), ERR_BAD_FRAME);
	assert_string_equal(why, expected);
}

static inline struct buf encoded(const struct parcel *p)
{
	struct buf b;

	buf_init(&b);
	parcel_encode(&b, p);
	assert_false(b.failed);
	return b;
}

/* What was decoded last is the same when it has been on the wire once more. */
static inline void assert_goes_round(void)
{
	struct parcel first = parcel;
	struct buf b = encoded(&first);
	char *old = bytes;
	const char *difference;

	bytes = NULL; /* `first` points there */
	assert_decodes(buf_view(&b));
	difference = parcel_difference(&first, &parcel);
	if (difference != NULL)
		fail_msg("%s is another one", difference);
	buf_fini(&b);
	free(old);
}

#define assert_slice(s, t) assert_true((s).p != NULL && slice_eq(s, (struct slice){ TEXT(t) }))

#endif
