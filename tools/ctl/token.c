/* roomcastctl token: make a token for trying out, or show what is in one. */
#include "tools/ctl/token.h"

#include "broker-common/json.h"
#include "broker-common/jwks.h"
#include "broker-common/token.h"
#include "tools/ctl/command.h"
#include "tools/ctl/say.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FILE_MAX (256u << 10)

struct token_given token_given = { .expires_ms = 3600 * 1000 };

static const struct option_row options[] = {
	{ "secret-file", OPTION_FILE, "FILE", "the shared secret (HS256, HS384, HS512)",
	  &token_given.secret_file, 0 },
	{ "key-file", OPTION_FILE, "FILE",
	  "mint: the private key (PEM: RS256, ES256, EdDSA); show: the public one",
	  &token_given.key_file, 0 },
	{ "jwks-file", OPTION_FILE, "FILE", "show: a set of keys", &token_given.jwks_file, 0 },
	{ "alg", OPTION_TEXT, "ALG", "mint: how to sign (HS256, or what fits the key)",
	  &token_given.alg, 0 },
	{ "kid", OPTION_TEXT, "NAME", "mint: the key's name", &token_given.kid, 0 },
	{ "user", OPTION_TEXT, "ID", "mint: whose it is (sub)", &token_given.user, 0 },
	{ "rooms", OPTION_TEXT, "PATTERNS", "mint: rooms for everything, with blanks between",
	  &token_given.rooms, 0 },
	{ "events", OPTION_TEXT, "PATTERNS", "mint: the same for event types", &token_given.events,
	  0 },
	{ "topics", OPTION_TEXT, "JSON",
	  "mint: finer: '[{\"match\":\"room:a.*\",\"can\":[\"join\"]}]'", &token_given.topics, 0 },
	{ "expires", OPTION_SECONDS, "SECS", "mint: when it ends (3600)", &token_given.expires_ms,
	  0 },
	{ "claims", OPTION_TEXT, "JSON", "mint: further claims, an object", &token_given.claims,
	  0 },
	{ .name = NULL },
};

/* --- files ------------------------------------------------------------------------------------------------ */

/* A whole file, or standard input for -. False: it has been said why. */
static bool read_file(const char *path, struct buf *out)
{
	bool input = strcmp(path, "-") == 0;
	FILE *f = input ? stdin : fopen(path, "re");
	char chunk[4096];
	size_t n;
	bool ok;

	if (f == NULL) {
		say("%s: %s", path, strerror(errno));
		return false;
	}
	while (out->n <= FILE_MAX && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
		buf_add(out, chunk, n);
	ok = !ferror(f) && !out->failed && out->n <= FILE_MAX;
	OPENSSL_cleanse(chunk, sizeof chunk);
	if (!ok)
		say("%s: it cannot be read, or is larger than 256 KiB", path);
	if (!input)
		fclose(f);
	return ok;
}

static void forget(struct buf *b)
{
	if (b->p != NULL)
		OPENSSL_cleanse(b->p, b->n);
	buf_fini(b);
}

static struct key *read_key(const char *path, bool secret, bool private)
{
	struct slice text;
	struct key *k = NULL;
	const char *why = NULL;
	struct buf b;

	buf_init(&b);
	if (read_file(path, &b)) {
		text = buf_view(&b);
		k = secret ? key_from_secret(text, &why) : key_from_pem(&text, private, &why);
		if (k == NULL)
			say("%s: %s", path, why);
	}
	forget(&b);
	return k;
}

/* --- mint ---------------------------------------------------------------------------------------------------- */

static int mint(void)
{
	struct key *k = NULL;
	struct buf out;
	int code = FAILED;

	if ((token_given.secret_file == NULL) == (token_given.key_file == NULL)) {
		say("mint needs --secret-file or --key-file, one of them");
		return USAGE;
	}
	k = token_given.secret_file != NULL ? read_key(token_given.secret_file, true, true)
					    : read_key(token_given.key_file, false, true);
	if (k == NULL)
		return FAILED;
	buf_init(&out);
	if (!token_mint(&token_given, k, (int64_t)time(NULL), &out))
		code = USAGE;
	else if (say_line(buf_view(&out)))
		code = DONE;
	forget(&out);
	key_free(k);
	return code;
}

/* --- show ------------------------------------------------------------------------------------------------------ */

static bool read_ring(struct keyring *r)
{
	const char *why = NULL;
	struct key *k;
	struct buf b;
	bool ok;

	if (token_given.secret_file != NULL || token_given.key_file != NULL) {
		k = token_given.secret_file != NULL ? read_key(token_given.secret_file, true, false)
						    : read_key(token_given.key_file, false, false);
		return k != NULL && keyring_add(r, k, &why);
	}
	if (token_given.jwks_file == NULL)
		return true;
	buf_init(&b);
	ok = read_file(token_given.jwks_file, &b);
	if (ok && !jwks_read(r, buf_view(&b), true, &why)) {
		say("%s: %s", token_given.jwks_file, why);
		ok = false;
	}
	forget(&b);
	return ok;
}

static void say_end(const struct token *t)
{
	char text[40];
	time_t at = (time_t)(t->expires_ms / 1000), now = time(NULL);
	struct tm parts;

	if (t->expires_ms == INT64_MAX || gmtime_r(&at, &parts) == NULL) {
		say("it does not end");
		return;
	}
	strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
	say("%s %s", at <= now ? "it ended" : "it ends", text);
}

/* Head and claims on stdout, a line each; a verdict on stderr. Wrong, or no token: 1. */
static int judge(struct token *t, struct slice text, const struct keyring *r)
{
	enum keyring_verdict v;
	const char *why = NULL;
	struct buf parts;
	bool said, ok;

	buf_init(&parts);
	ok = token_open(t, text, &why);
	if (ok)
		token_parts(text, &parts);
	said = !ok || say_line(buf_view(&parts));
	buf_fini(&parts);
	ok = ok && token_claims(t, &why);
	if (!ok) {
		say("a gateway would refuse it: %s", why);
		return FAILED;
	}
	say_end(t);
	if (r->n == 0) {
		say("not verified: give --secret-file, --key-file or --jwks-file");
		return said ? DONE : FAILED;
	}
	v = keyring_verify(r, t->alg, t->key_id, t->signed_part, t->signature);
	say("its signature is %s",
	    v == KEYRING_RIGHT           ? "right"
	            : v == KEYRING_WRONG ? "wrong"
	                                 : "by a key that is not among these");
	return v == KEYRING_RIGHT && said ? DONE : FAILED;
}

static int show(const char *given)
{
	static struct token t;
	struct keyring r = { .n = 0 };
	struct slice text = slice_of(given);
	struct buf input;
	int code = FAILED;
	bool ok = true;

	buf_init(&input);
	if (strcmp(given, "-") == 0) { /* not in the list of processes */
		ok = read_file("-", &input);
		text = buf_view(&input);
		while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
			text.n--;
	}
	if (ok && read_ring(&r))
		code = judge(&t, text, &r);
	keyring_fini(&r);
	forget(&input);
	return code;
}

static int run(int argc, char **argv)
{
	if (strcmp(argv[0], "mint") == 0 && argc == 1)
		return mint();
	if (strcmp(argv[0], "show") == 0 && argc == 2)
		return show(argv[1]);
	say("the arguments of token are: mint, or show TOKEN");
	return USAGE;
}

const struct command command_token = {
	.name = "token",
	.arguments = "mint | show TOKEN",
	.summary = "make a token for trying out, or show what is in one",
	.about =
		"Nothing is sent to anybody. With TOKEN - it is read from standard input, where no\n"
		"list of processes shows it. A secret: openssl rand -hex 32. A key: openssl genpkey\n"
		"-algorithm ED25519; its public part: openssl pkey -pubout.\n",
	.options = options,
	.least_given = 1,
	.most_given = 2,
	.words = "mint show",
	.run = run,
};
