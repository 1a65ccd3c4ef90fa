#include "tests/support/test.h"

#include "gateway/server/handshake.h"

#include <string.h>

#define OURS HANDSHAKE_SUBPROTOCOL

static void a_list_holds_a_word_in_any_case_and_with_any_blanks(void **state)
{
	static const char *const with[] = { "upgrade",       "Upgrade",     "UPGRADE",
		                            " upgrade ",     "\tupgrade\t", "keep-alive, Upgrade",
		                            "upgrade,close", "a,,upgrade" };
	static const char *const without[] = { "",         " ",          ",",          "upgrades",
		                               "upgrad",   "up grade",   "keep-alive", "x-upgrade",
		                               "upgrade;", "\"upgrade\"" };

	(void)state;
	for (size_t i = 0; i < sizeof with / sizeof with[0]; i++)
		if (!handshake_list_has(with[i], "upgrade"))
			fail_msg("not found in '%s'", with[i]);
	for (size_t i = 0; i < sizeof without / sizeof without[0]; i++)
		if (handshake_list_has(without[i], "upgrade"))
			fail_msg("found in '%s'", without[i]);
}

static void a_key_is_sixteen_bytes_in_base64(void **state)
{
	static const char *const good[] = { "dGhlIHNhbXBsZSBub25jZQ==", "AAAAAAAAAAAAAAAAAAAAAA==",
		                            "/////////////////////w==", "++++++++++++++++++++Zg==",
		                            "0123456789abcdefABCDEQ==" };
	static const char *const bad[] = {
		"",
		"abc",
		"==",
		"dGhlIHNhbXBsZSBub25jZQ",     /* no padding */
		"dGhlIHNhbXBsZSBub25jZQ=",    /* half of it */
		"dGhlIHNhbXBsZSBub25jZQ===",  /* too much */
		"dGhlIHNhbXBsZSBub25jZQ==x",  /* something behind */
		"dGhlIHNhbXBsZSBub25jZR==",   /* bits that are not used must be 0 */
		"dGhlIHNhbXBsZSBub25j ZQ==",  /* a blank */
		"dGhlIHNhbXBsZSBub25j-Q==",   /* the URL's alphabet */
		"dGhlIHNhbXBsZSBub25jZQAA==", /* longer */
		"dGhlIHNhbXBsZSBub25j",       /* 15 bytes */
		"dGhlIHNhbXBsZSBub25jZXg=",   /* 17 bytes */
	};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		if (!handshake_key_ok(good[i]))
			fail_msg("refused: '%s'", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (handshake_key_ok(bad[i]))
			fail_msg("taken: '%s'", bad[i]);
}

static void our_subprotocol_is_found_among_others(void **state)
{
	static const char *const with[] = {
		OURS,      " " OURS " ",     "x, " OURS,
		OURS ",x", "a,b," OURS ",c", "!#$%&'*+-.^_`|~09, " OURS
	};

	(void)state;
	for (size_t i = 0; i < sizeof with / sizeof with[0]; i++)
		if (handshake_offer(with[i]) != OFFER_OURS)
			fail_msg("not found in '%s'", with[i]);
}

static void only_others_are_unknown_and_case_matters(void **state)
{
	static const char *const without[] = {
		"x", "x, y", "roomcast.v1.jso", OURS "x", "ROOMCAST.V1.JSON", "roomcast.v2.json"
	};

	(void)state;
	for (size_t i = 0; i < sizeof without / sizeof without[0]; i++)
		if (handshake_offer(without[i]) != OFFER_UNKNOWN)
			fail_msg("not unknown: '%s'", without[i]);
}

static void what_is_no_list_of_short_names_is_broken(void **state)
{
	static const char *const broken[] = {
		"",           ",",          OURS ",",       "," OURS, OURS ",,x",
		"a b, " OURS, "a/b, " OURS, "\"x\", " OURS, "x=y"
	};
	char name[64 + sizeof OURS + 2], list[128];

	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
		if (handshake_offer(broken[i]) != OFFER_BROKEN)
			fail_msg("not broken: '%s'", broken[i]);
	memset(name, 'n', 63);
	strcpy(name + 63, "," OURS);
	assert_int_equal(handshake_offer(name), OFFER_OURS);
	memset(name, 'n', 64);
	strcpy(name + 64, "," OURS);
	assert_int_equal(handshake_offer(name), OFFER_BROKEN);
	for (size_t i = 0; i < 126; i++)
		list[i] = i % 2 == 0 ? 'a' : ',';
	strcpy(list + 126 - strlen(OURS), OURS);
	assert_int_equal(handshake_offer(list), OFFER_OURS);
	strcpy(list + 127 - strlen(OURS), OURS);
	list[126 - strlen(OURS)] = ',';
	assert_int_equal(strlen(list), 127);
	assert_int_equal(handshake_offer(list), OFFER_BROKEN);
}

static void assert_bearer(const char *value, const char *token)
{
	struct slice s = handshake_bearer(slice_of(value));

	if (token == NULL ? s.p != NULL : !slice_is(s, token) || s.p == NULL)
		fail_msg("'%s' gives '%.*s'", value, SLICE_ARGS(s));
}

static void a_token_stands_behind_the_word_bearer(void **state)
{
	(void)state;
	assert_bearer("Bearer a.b.c", "a.b.c");
	assert_bearer("bearer a.b.c", "a.b.c");
	assert_bearer("BEARER \t a.b.c \t", "a.b.c");
	assert_bearer("Bearer", "");
	assert_bearer("Bearer  ", "");
	assert_bearer("Bearera.b.c", NULL);
	assert_bearer("Beare a.b.c", NULL);
	assert_bearer("Basic a.b.c", NULL);
	assert_bearer("a.b.c", NULL);
	assert_bearer("", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_holds_a_word_in_any_case_and_with_any_blanks),
		cmocka_unit_test(a_key_is_sixteen_bytes_in_base64),
		cmocka_unit_test(our_subprotocol_is_found_among_others),
		cmocka_unit_test(only_others_are_unknown_and_case_matters),
		cmocka_unit_test(a_token_stands_behind_the_word_bearer),
		cmocka_unit_test(what_is_no_list_of_short_names_is_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
