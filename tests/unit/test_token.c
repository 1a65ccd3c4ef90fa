#include "broker-common/token.h"
#include "tests/support/tokens.h"

#include <stdio.h>
#include <stdlib.h>

static struct token t;
static const char *why;

static bool open_head(const char *head)
{
	static struct buf b;
	bool ok;

	buf_fini(&b);
	token_write(&b, head, "{}", NULL, KEY_HS256);
	buf_str(&b, "AAAA");
	ok = token_open(&t, buf_view(&b), &why);
	if (!ok)
		buf_fini(&b);
	return ok;
}

static bool read_claims(const char *claims)
{
	static struct buf b; /* what was read points into it */

	buf_fini(&b);
	token_write(&b, "{\"alg\":\"HS256\"}", claims, NULL, KEY_HS256);
	buf_str(&b, "AAAA");
	assert_true(token_open(&t, buf_view(&b), &why));
	return token_claims(&t, &why);
}

static void assert_refused(const char *claims)
{
	if (read_claims(claims))
		fail_msg("taken: %s", claims);
	assert_non_null(why);
}

static void every_algorithm_has_its_name(void **state)
{
	static const char *const names[] = { "HS256", "HS384", "HS512", "RS256", "ES256", "EdDSA" };
	char head[64];

	(void)state;
	for (enum key_alg a = 0; a < KEY_ALGS; a++) {
		snprintf(head, sizeof head, "{\"typ\":\"JWT\",\"alg\":\"%s\"}", names[a]);
		assert_true(open_head(head));
		assert_int_equal(t.alg, a);
		assert_string_equal(key_alg_name(a), names[a]);
	}
}

static void other_heads_are_refused(void **state)
{
	static const char *const heads[] = {
		"{\"alg\":\"none\"}",
		"{\"alg\":\"None\"}",
		"{\"alg\":\"\"}",
		"{\"alg\":null}",
		"{}",
		"{\"alg\":\"hs256\"}",
		"{\"alg\":\"HS256 \"}",
		"{\"alg\":[\"HS256\"]}",
		"{\"alg\":\"RS384\"}",
		"{\"alg\":\"PS256\"}",
		"{\"alg\":\"ES512\"}",
		"{\"alg\":\"HS256\",\"alg\":\"none\"}",
		"{\"alg\":\"none\",\"alg\":\"HS256\"}",
		"{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}",
		"{\"alg\":\"HS256\",\"x\":1,\"x\":1}",
		"{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}",
		"{\"alg\":\"HS256\",\"enc\":\"A128GCM\"}",
		"{\"alg\":\"HS256\",\"zip\":\"DEF\"}",
		"{\"alg\":\"HS256\",\"typ\":\"logout+jwt\"}",
		"{\"alg\":\"HS256\",\"typ\":1}",
		"{\"alg\":\"HS256\",\"kid\":1}",
		"{\"alg\":\"HS256\",\"kid\":\"\"}",
		"{\"alg\":\"HS256\",\"kid\":\"a\\u0000b\"}",
		"{\"alg\":\"HS256\"",
		"{\"alg\":\"HS256\"}x",
		"[]",
		"\"alg\"",
	};
	char head[400] = "{\"alg\":\"HS256\",\"kid\":\"";

	(void)state;
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		if (open_head(heads[i]))
			fail_msg("taken: %s", heads[i]);
	memset(head + strlen(head), 'k', KEY_ID_MAX + 1);
	strcat(head, "\"}");
	assert_false(open_head(head));
}

static void a_token_is_three_parts_in_base64url(void **state)
{
#define HEAD "eyJhbGciOiJIUzI1NiJ9"
	static const char *const texts[] = {
		"",
		".",
		"..",
		"...",
		HEAD,
		HEAD ".e30",
		HEAD ".e30.",
		HEAD "..AAAA.",
		".e30.AAAA",
		HEAD ".e30.AAAA.AAAA",
		HEAD ".e30.AAAA=",
		HEAD "=.e30.AAAA",
		HEAD ".e30.AA+A",
		HEAD ".e30.AAAA\n",
		" " HEAD ".e30.AAAA",
		HEAD ".e30.A",
		HEAD ".e30.AB", /* unused bits */
		"eyJhbGciOiJIUzI1NiJ8.e30.AAAA",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (token_open(&t, slice_of(texts[i]), &why))
			fail_msg("taken: %s", texts[i]);
	assert_true(token_open(&t, slice_of(HEAD ".e30.AAAA"), &why));
	assert_true(
		token_open(&t, slice_of(HEAD ".e3.AAAA"), &why)); /* nobody has looked there yet */
	assert_false(token_claims(&t, &why));
}

static void a_token_may_be_so_long_and_no_longer(void **state)
{
	char *text = malloc(TOKEN_MAX + 2);
	size_t n = strlen(HEAD ".e30.");

	(void)state;
	memset(text, 'A', TOKEN_MAX + 2);
	memcpy(text, HEAD ".e30.", n);
	assert_true(token_open(&t, (struct slice){ text, TOKEN_MAX }, &why));
	assert_false(token_open(&t, (struct slice){ text, TOKEN_MAX + 1 }, &why));
	assert_string_equal(why, "it is longer than 8192 bytes");
	free(text);
}

static void claims_are_read(void **state)
{
	(void)state;
	assert_true(read_claims(
		"{\"sub\":\"ann\",\"exp\":2000000000,\"nbf\":1.5,\"iat\":0,\"iss\":\"us\","
		"\"aud\":[\"a\",\"b\"],\"jti\":\"n\\u0031\",\"info\":{\"n\":1.0},\"max_rate\":7,"
		"\"other\":{\"sub\":1}}"));
	assert_true(slice_is(t.user, "ann"));
	assert_true(t.expires_ms == 2000000000000);
	assert_int_equal(t.not_before_ms, 1500);
	assert_true(slice_is(t.issuer, "us"));
	assert_true(slice_is(t.id, "n1"));
	assert_true(slice_is(t.info, "{\"n\":1.0}"));
	assert_int_equal(t.max_rate, 7);
	assert_int_equal(t.n_rules, 0);
	assert_true(token_is_for(&t, "a") && token_is_for(&t, "b"));
	assert_false(token_is_for(&t, "c") || token_is_for(&t, ""));
}

static void what_is_not_said_is_not_there(void **state)
{
	(void)state;
	assert_true(read_claims("{}"));
	assert_null(t.user.p);
	assert_null(t.info.p);
	assert_true(t.expires_ms == INT64_MAX && t.not_before_ms == INT64_MIN);
	assert_false(token_is_for(&t, "a"));
	assert_true(read_claims("{\"exp\":1e300,\"nbf\":-1e300,\"aud\":\"a\"}"));
	assert_true(t.expires_ms == INT64_MAX && t.not_before_ms == INT64_MIN);
	assert_true(token_is_for(&t, "a"));
	assert_true(read_claims("{\"exp\":-5}"));
	assert_true(t.expires_ms == -5000);
}

static void wrong_claims_are_refused(void **state)
{
	static const char *const claims[] = {
		"{\"sub\":\"ann\",\"sub\":\"bob\"}",
		"{\"sub\":\"ann\",\"s\\u0075b\":\"bob\"}",
		"{\"exp\":1,\"exp\":9999999999}",
		"{\"unknown\":1,\"unknown\":2}",
		"{\"sub\":\"\"}",
		"{\"sub\":7}",
		"{\"sub\":null}",
		"{\"sub\":\"a b\"}",
		"{\"sub\":\"a*\"}",
		"{\"sub\":\"a\\u0000\"}",
		"{\"exp\":\"2000000000\"}",
		"{\"exp\":null}",
		"{\"exp\":true}",
		"{\"nbf\":\"x\"}",
		"{\"iat\":\"x\"}",
		"{\"iss\":1}",
		"{\"aud\":1}",
		"{\"aud\":[\"a\",1]}",
		"{\"aud\":{}}",
		"{\"jti\":1}",
		"{\"jti\":\"\"}",
		"{\"max_rate\":0}",
		"{\"max_rate\":-1}",
		"{\"max_rate\":1.5}",
		"{\"max_rate\":\"9\"}",
		"{\"max_rate\":100000001}",
		"{\"topics\":{}}",
		"{\"topics\":[1]}",
		"{\"topics\":[{}]}",
		"{\"topics\":[{\"match\":\"room:a\"}]}",
		"{\"topics\":[{\"can\":[\"join\"]}]}",
		"{\"topics\":[{\"match\":\"room:a\",\"can\":\"join\"}]}",
		"{\"topics\":[{\"match\":\"room:a\",\"can\":[1]}]}",
		"{\"topics\":[{\"match\":\"room:a\",\"match\":\"room:*\",\"can\":[\"join\"]}]}",
		"{\"topics\":[{\"match\":\"room:\",\"can\":[]}]}",
		"{\"topics\":[{\"match\":\"*\",\"can\":[]}]}",
		"{\"topics\":[{\"match\":\"room*\",\"can\":[]}]}",
		"{\"topics\":[{\"match\":\"all*\",\"can\":[]}]}",
		"{\"topics\":[{\"match\":\"r\\u006fom:a b\",\"can\":[]}]}",
		"{\"topics\":[{\"match\":7,\"can\":[]}]}",
		"{\"rooms\":\"a\"}",
		"{\"rooms\":[\"\"]}",
		"{\"rooms\":[\"a b\"]}",
		"{\"rooms\":[1]}",
		"{\"events\":{}}",
		"{\"events\":[\"a/b\"]}",
		"{\"sub\":\"ann\"",
		"{\"sub\":\"ann\"}}",
		"{'sub':'ann'}",
		"[]",
		"null",
		"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof claims / sizeof *claims; i++)
		assert_refused(claims[i]);
}

static void topics_are_read_with_their_short_forms(void **state)
{
	(void)state;
	assert_true(read_claims(
		"{\"topics\":[{\"match\":\"room:a.*\",\"can\":[\"join\",\"publish\",\"fly\"]},"
		"{\"match\":\"user:*\",\"can\":[\"publish\"],\"why\":1},{\"match\":\"client:x\",\"can\":[]},"
		"{\"match\":\"event:e\",\"can\":[\"history\"]},{\"match\":\"all\",\"can\":[\"join\"]}],"
		"\"rooms\":[\"lobby\"],\"events\":[\"task*\"]}"));
	assert_int_equal(t.n_rules, 7);
	assert_int_equal(t.rules[0].kind, TOPIC_ROOM);
	assert_true(slice_is(t.rules[0].pattern, "a.*"));
	assert_int_equal(t.rules[0].can, GRANT_BIT(GRANT_JOIN) | GRANT_BIT(GRANT_PUBLISH));
	assert_int_equal(t.rules[1].kind, TOPIC_USER);
	assert_int_equal(t.rules[2].can, 0);
	assert_int_equal(t.rules[3].can, GRANT_BIT(GRANT_HISTORY));
	assert_int_equal(t.rules[4].kind, TOPIC_ALL);
	assert_int_equal(t.rules[5].kind, TOPIC_ROOM);
	assert_int_equal(t.rules[5].can, GRANT_BIT(GRANTS) - 1);
	assert_int_equal(t.rules[6].kind, TOPIC_EVENT);
}

static void a_token_names_256_topics_and_no_more(void **state)
{
	char claims[2048] = "{\"rooms\":[";

	(void)state;
	for (int i = 0; i < TOKEN_RULES_MAX; i++)
		strcat(claims, "\"r\",");
	strcpy(claims + strlen(claims) - 1, "]}");
	assert_true(read_claims(claims));
	strcpy(claims + strlen(claims) - 2, ",\"r\"]}");
	assert_refused(claims);
}

static void info_may_be_a_kilobyte(void **state)
{
	char claims[TOKEN_INFO_MAX + 32] = "{\"info\":\"";

	(void)state;
	memset(claims + 9, 'x', TOKEN_INFO_MAX - 2);
	strcat(claims, "\"}");
	assert_true(read_claims(claims));
	strcpy(claims + strlen(claims) - 2, "x\"}");
	assert_refused(claims);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_algorithm_has_its_name),
		cmocka_unit_test(other_heads_are_refused),
		cmocka_unit_test(a_token_is_three_parts_in_base64url),
		cmocka_unit_test(a_token_may_be_so_long_and_no_longer),
		cmocka_unit_test(claims_are_read),
		cmocka_unit_test(what_is_not_said_is_not_there),
		cmocka_unit_test(wrong_claims_are_refused),
		cmocka_unit_test(topics_are_read_with_their_short_forms),
		cmocka_unit_test(a_token_names_256_topics_and_no_more),
		cmocka_unit_test(info_may_be_a_kilobyte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
