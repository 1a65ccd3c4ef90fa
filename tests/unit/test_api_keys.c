#include "tests/support/test.h"

#include "gateway/server/api_keys.h"

#include <stdio.h>

#define KEY_A "aaaaaaaaaaaaaaaa" /* as short as may be */
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbb"
#define KEY_C "!\"#$%&'()*+,-./:;<=>?@[~"

static struct api_keys *parse(const char *text, struct buf *error)
{
	buf_init(error);
	return api_keys_parse("keys", slice_of(text), error);
}

static struct api_keys *good(const char *text)
{
	struct buf error;
	struct api_keys *k = parse(text, &error);

	if (k == NULL)
		fail_msg("%.*s", SLICE_ARGS(buf_view(&error)));
	assert_int_equal(error.n, 0);
	buf_fini(&error);
	return k;
}

/* The sentence names the line and holds no key. */
static void assert_bad(const char *text, const char *where)
{
	struct buf error;
	struct api_keys *k = parse(text, &error);

	if (k != NULL)
		fail_msg("taken: %s", text);
	buf_char(&error, '\0');
	if (strstr(error.p, where) != error.p)
		fail_msg("'%s' does not begin with '%s'", error.p, where);
	assert_null(strstr(error.p, "aaaa"));
	assert_null(strstr(error.p, "bbbb"));
	buf_fini(&error);
}

static unsigned int scopes(const struct api_keys *k, const char *key, const char *who)
{
	const char *name;
	unsigned int s = api_keys_scopes(k, slice_of(key), &name);

	if (who == NULL)
		assert_null(name);
	else
		assert_string_equal(name, who);
	return s;
}

static void each_key_has_its_scopes(void **state)
{
	struct api_keys *k = good("# ours\n"
	                          "\n"
	                          "monitor read " KEY_A "\r\n"
	                          "  shop-2.eu\tpublish,read   " KEY_B "  \n"
	                          "   # another\n"
	                          "root admin " KEY_C);

	(void)state;
	assert_int_equal(scopes(k, KEY_A, "monitor"), API_READ);
	assert_int_equal(scopes(k, KEY_B, "shop-2.eu"), API_READ | API_PUBLISH);
	assert_int_equal(scopes(k, KEY_C, "root"), API_READ | API_PUBLISH | API_ADMIN);
	api_keys_free(k);
}

static void other_keys_have_none(void **state)
{
	static const char *const others[] = {
		"",
		"a",
		"aaaaaaaaaaaaaaa",
		KEY_A "a",
		"aaaaaaaaaaaaaaab",
		"AAAAAAAAAAAAAAAA",
		KEY_A " ",
		"monitor",
		"read",
		KEY_A "\n",
	};
	struct api_keys *k = good("monitor read " KEY_A "\n");

	(void)state;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_int_equal(scopes(k, others[i], NULL), 0);
	api_keys_free(k);
}

static void a_wrong_line_is_named_without_its_key(void **state)
{
	(void)state;
	assert_bad("", "keys: ");
	assert_bad("# nothing but this\n\n", "keys: ");
	assert_bad("x read " KEY_A "\ny\n", "keys:2: ");
	assert_bad(KEY_A "\n", "keys:1: ");
	assert_bad("x " KEY_A "\n", "keys:1: ");
	assert_bad("x " KEY_A " read\n", "keys:1: ");
	assert_bad("x read, " KEY_A "\n", "keys:1: ");
	assert_bad("x ,read " KEY_A "\n", "keys:1: ");
	assert_bad("x Read " KEY_A "\n", "keys:1: ");
	assert_bad("x read write " KEY_A "\n", "keys:1: ");
	assert_bad("x read aaaaaaaaaaaaaaa\n", "keys:1: ");
	assert_bad("x read " KEY_A "\x01\n", "keys:1: ");
	assert_bad("x read " KEY_A "\xc3\xa4\n", "keys:1: ");
	assert_bad("x read " KEY_A " # mine\n", "keys:1: ");
	assert_bad("x/y read " KEY_A "\n", "keys:1: ");
	assert_bad("x read " KEY_A "\n\nx read " KEY_B "\n", "keys:3: ");
	assert_bad("x read " KEY_A "\ny admin " KEY_A "\n", "keys:2: ");
}

static void a_key_has_at_most_256_bytes(void **state)
{
	char key[258], text[300];
	struct api_keys *k;

	(void)state;
	memset(key, 'k', 257);
	key[257] = '\0';
	snprintf(text, sizeof text, "x read %s", key);
	assert_bad(text, "keys:1: ");
	key[256] = '\0';
	snprintf(text, sizeof text, "x read %s", key);
	k = good(text);
	assert_int_equal(scopes(k, key, "x"), API_READ);
	api_keys_free(k);
}

static void there_are_at_most_100(void **state)
{
	struct api_keys *k;
	struct buf text;

	(void)state;
	buf_init(&text);
	for (int i = 0; i < 100; i++)
		buf_printf(&text, "key%d read " KEY_A "%d\n", i, i);
	buf_char(&text, '\0');
	k = good(text.p);
	assert_int_equal(scopes(k, KEY_A "99", "key99"), API_READ);
	api_keys_free(k);
	text.n--;
	buf_str(&text, "key100 read " KEY_A "100\n");
	buf_char(&text, '\0');
	assert_bad(text.p, "keys:101: ");
	buf_fini(&text);
}

static void the_header_names_its_scheme(void **state)
{
	static const char *const wrong[] = { "",
		                             "Bearer",
		                             "Bearer ",
		                             KEY_A,
		                             "Basic " KEY_A,
		                             "Bearer" KEY_A,
		                             "Bearer " KEY_A " x",
		                             "Bearer: " KEY_A };

	(void)state;
	assert_true(slice_is(api_keys_bearer(slice_of("Bearer " KEY_A)), KEY_A));
	assert_true(slice_is(api_keys_bearer(slice_of("bEARER   " KEY_A " ")), KEY_A));
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (api_keys_bearer(slice_of(wrong[i])).p != NULL)
			fail_msg("taken: '%s'", wrong[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_has_its_scopes),
		cmocka_unit_test(other_keys_have_none),
		cmocka_unit_test(a_wrong_line_is_named_without_its_key),
		cmocka_unit_test(a_key_has_at_most_256_bytes),
		cmocka_unit_test(there_are_at_most_100),
		cmocka_unit_test(the_header_names_its_scheme),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
