#include "gateway/base/keys_read.h"

#include "broker-common/log.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

#define FILE_MAX JWKS_MAX

/* Takes a file's bytes; false with a `*why`. */
typedef bool taker(struct keyring *r, struct slice text, const char **why);

/* --- files --------------------------------------------------------------------------------------------- */

/* Who else may read a secret can make tokens; it works, so it is only said. */
static void warn_of_readers(FILE *f, const char *option, const char *path)
{
	struct stat s;

	if (fstat(fileno(f), &s) == 0 && S_ISREG(s.st_mode) && (s.st_mode & S_IROTH) != 0)
		log_write(LOG_WARN, "keys.readable_by_all", LOG_TEXT("option", option),
		          LOG_TEXT("file", path), LOG_END);
}

static bool read_file(struct keyring *r, const char *option, const char *path, bool secret,
                      taker *take, struct buf *error)
{
	FILE *f = fopen(path, "re");
	char *text = malloc(FILE_MAX + 1);
	const char *why = "out of memory";
	size_t n = 0;
	bool ok = false;

	if (f == NULL) {
		why = strerror(errno);
	} else if (text != NULL) {
		n = fread(text, 1, FILE_MAX + 1, f);
		why = ferror(f) ? "it cannot be read" : "larger than 256 KiB";
		ok = !ferror(f) && n <= FILE_MAX && take(r, (struct slice){ text, n }, &why);
	}
	if (ok && secret)
		warn_of_readers(f, option, path);
	if (!ok)
		buf_printf(error, "%s: %s: %s", option, path, why);
	if (f != NULL)
		fclose(f);
	if (text != NULL)
		OPENSSL_cleanse(text, n);
	free(text);
	return ok;
}

/* One file, or several with commas. */
static bool read_list(struct keyring *r, const char *option, const char *list, bool secret,
                      taker *take, struct buf *error)
{
	char path[4096];

	while (*list != '\0') {
		size_t n = strcspn(list, ",");

		if (n == 0 || n >= sizeof path) {
			buf_printf(error, "%s: the name of a file is missing or too long", option);
			return false;
		}
		memcpy(path, list, n);
		path[n] = '\0';
		if (!read_file(r, option, path, secret, take, error))
			return false;
		list += list[n] == ',' ? n + 1 : n;
	}
	return true;
}

/* --- what is in them ------------------------------------------------------------------------------------- */

static bool take_secret(struct keyring *r, struct slice text, const char **why)
{
	struct key *k = key_from_secret(text, why);

	return k != NULL && keyring_add(r, k, why);
}

static bool is_blank(struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		if (strchr(" \t\r\n", text.p[i]) == NULL)
			return false;
	return true;
}

static bool take_pem(struct keyring *r, struct slice text, const char **why)
{
	do {
		struct key *k = key_from_pem(&text, false, why);

		if (k == NULL || !keyring_add(r, k, why))
			return false;
	} while (!is_blank(text));
	return true;
}

static bool take_jwks(struct keyring *r, struct slice text, const char **why)
{
	return jwks_read(r, text, true, why);
}

bool keys_read(const struct config *c, struct keyring *r, struct buf *error)
{
	bool ok = read_list(r, "jwt_hmac_secret_file", c->jwt_hmac_secret_file, true, take_secret,
	                    error) &&
		read_list(r, "jwt_public_key_file", c->jwt_public_key_file, false, take_pem,
	                  error) &&
		read_list(r, "jwt_jwks_file", c->jwt_jwks_file, false, take_jwks, error);

	if (!ok)
		keyring_fini(r);
	return ok;
}

/* --- the address of a set ---------------------------------------------------------------------------------- */

static bool is_loopback(struct slice host)
{
	return slice_is(host, "localhost") || slice_is(host, "[::1]") ||
		slice_starts(host, slice_of("127."));
}

/* Whoever can change the answer on its way can make tokens: plain HTTP only stays on this machine. */
bool keys_url_ok(const char *url, struct buf *error)
{
	bool tls = strncasecmp(url, "https://", 8) == 0;
	const char *host = url + (tls ? 8 : 7);
	struct slice authority;

	if (!tls && strncasecmp(url, "http://", 7) != 0) {
		buf_str(error, "jwt_jwks_url: not https://HOST/PATH");
		return false;
	}
	authority = (struct slice){ host, strcspn(host, "/?#") };
	if (authority.n == 0 || memchr(authority.p, '@', authority.n) != NULL) {
		buf_str(error, "jwt_jwks_url: not https://HOST/PATH (without user and password)");
		return false;
	}
	if (*host == '[')
		authority.n = strcspn(host, "]") + 1;
	else
		authority.n = strcspn(host, ":/?#");
	if (tls || is_loopback(authority))
		return true;
	buf_str(error,
	        "jwt_jwks_url: http is for this machine only (127.0.0.1, localhost); use "
	        "https");
	return false;
}
