/*
 * Any bytes as a parcel: what comes out lies inside of what went in, binary ones are not written
 * to, and what was taken is the same parcel when it has been on the wire once more. Any bytes as a
 * member, too.
 */
#include "tests/support/parcel.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In memory of the exact size. */
static char *copy(const uint8_t *data, size_t size)
{
	char *bytes = malloc(size == 0 ? 1 : size);

	assert(bytes != NULL);
	if (size != 0)
		memcpy(bytes, data, size);
	return bytes;
}

static void assert_printable(const char *why)
{
	assert(why != NULL && *why != '\0');
	for (; *why != '\0'; why++)
		assert(*why >= ' ' && *why <= '~');
}

static void go_round(const struct parcel *first)
{
	struct parcel second;
	const char *why;
	struct buf b;
	char *bytes;

	buf_init(&b);
	parcel_encode(&b, first);
	assert(!b.failed);
	bytes = copy((const uint8_t *)b.p, b.n);
	assert(parcel_decode(bytes, b.n, &second, &why) == ERR_OK);
	assert(parcel_lies_in(&second, (struct slice){ bytes, b.n }));
	assert(parcel_difference(first, &second) == NULL);
	free(bytes);
	buf_fini(&b);
}

static void try_member(const uint8_t *data, size_t size)
{
	char *bytes = copy(data, size);
	struct member m;
	struct buf b;

	buf_init(&b);
	if (parcel_decode_member((struct slice){ bytes, size }, &m)) {
		parcel_encode_member(&b, &m);
		assert(slice_eq(buf_view(&b), (struct slice){ bytes, size }));
	}
	buf_fini(&b);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = copy(data, size);
	struct parcel p;
	const char *why = NULL;

	if (parcel_decode(bytes, size, &p, &why) == ERR_OK) {
		assert(why == NULL && parcel_lies_in(&p, (struct slice){ bytes, size }));
		go_round(&p);
	} else {
		assert_printable(why);
	}
	if (size > 0 && data[0] != '{')
		assert(memcmp(bytes, data, size) == 0);
	free(bytes);
	try_member(data, size);
	return 0;
}
