#include "broker-common/base64url.h"
#include "tests/support/test.h"

#include <stdlib.h>

static void assert_refused(const char *text)
{
	char out[64];
	size_t n;

	assert_false(base64url_decode(slice_of(text), out, &n));
}

static void every_length_comes_back(void **state)
{
	unsigned char bytes[66], back[66];
	struct buf b;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * 37 + 200);
	for (size_t length = 0; length <= sizeof bytes; length++) {
		buf_init(&b);
		base64url_encode(bytes, length, &b);
		assert_int_equal(BASE64URL_BYTES(b.n), length);
		assert_true(base64url_decode(buf_view(&b), back, &n));
		assert_int_equal(n, length);
		assert_memory_equal(back, bytes, length);
		buf_fini(&b);
	}
}

static void the_alphabet_is_that_of_urls(void **state)
{
	static const unsigned char bytes[] = { 0xfb, 0xff, 0xbf };
	struct buf b;

	(void)state;
	buf_init(&b);
	base64url_encode(bytes, sizeof bytes, &b);
	assert_true(slice_is(buf_view(&b), "-_-_"));
	buf_fini(&b);
	assert_refused("+/+/");
}

static void there_is_one_text_for_each_run_of_bytes(void **state)
{
	char out[8];
	size_t n;

	(void)state;
	assert_true(base64url_decode(slice_of("AQ"), out, &n));
	assert_int_equal(n, 1);
	assert_refused("AR");    /* the same byte, with bits that nothing needs */
	assert_refused("AQI_A"); /* a length that no bytes have */
	assert_true(base64url_decode(slice_of("AAA"), out, &n));
	assert_refused("AAB");
	assert_refused("AQ==");
	assert_refused("AQ=");
	assert_refused("A Q");
	assert_refused(" AQ");
	assert_refused("AQ\n");
	assert_refused("A");
	assert_refused("A\xc3\xa4Q");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_comes_back),
		cmocka_unit_test(the_alphabet_is_that_of_urls),
		cmocka_unit_test(there_is_one_text_for_each_run_of_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
