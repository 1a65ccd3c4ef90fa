#include "gateway/server/api_keys.h"

#include "broker-common/log.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

#define FILE_MOST 65536u /* bytes */
#define KEYS_MOST 100u
#define KEY_LEAST 16u
#define KEY_MOST 256u
#define NAME_MOST 64u
#define DIGEST 32u /* of SHA-256 */

struct api_key {
	unsigned char digest[DIGEST];
	unsigned int scopes;
	char name[NAME_MOST + 1];
};

struct api_keys {
	size_t n;
	struct api_key key[KEYS_MOST];
};

static bool digest(struct slice key, unsigned char out[DIGEST])
{
	return EVP_Digest(key.p, key.n, out, NULL, EVP_sha256(), NULL) == 1;
}

/* --- reading ------------------------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct slice next_word(struct slice *line)
{
	struct slice word;

	while (line->n > 0 && is_blank(*line->p)) {
		line->p++;
		line->n--;
	}
	word = (struct slice){ line->p, 0 };
	while (line->n > 0 && !is_blank(*line->p)) {
		line->p++;
		line->n--;
		word.n++;
	}
	return word;
}

static bool name_ok(struct slice name)
{
	static const char fit[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

	for (size_t i = 0; i < name.n; i++)
		if (memchr(fit, name.p[i], sizeof fit - 1) == NULL)
			return false;
	return name.n >= 1 && name.n <= NAME_MOST;
}

static bool key_ok(struct slice key)
{
	for (size_t i = 0; i < key.n; i++)
		if (key.p[i] < '!' || key.p[i] > '~')
			return false;
	return key.n >= KEY_LEAST && key.n <= KEY_MOST;
}

static unsigned int scope_of(struct slice word)
{
	if (slice_is(word, "read"))
		return API_READ;
	if (slice_is(word, "publish"))
		return API_PUBLISH;
	if (slice_is(word, "admin"))
		return API_READ | API_PUBLISH | API_ADMIN;
	return 0;
}

/* 0: one of them does not exist. */
static unsigned int scopes_of(struct slice list)
{
	unsigned int all = 0, one;
	const char *comma;
	struct slice word;

	do {
		comma = list.n == 0 ? NULL : memchr(list.p, ',', list.n);
		word = (struct slice){ list.p, comma == NULL ? list.n : (size_t)(comma - list.p) };
		one = scope_of(word);
		if (one == 0)
			return 0;
		all |= one;
		if (comma != NULL)
			list = (struct slice){ comma + 1, list.n - word.n - 1 };
	} while (comma != NULL);
	return all;
}

/* NULL: taken. The sentence must not hold anything of the line: it may be a key in the wrong place. */
static const char *add(struct api_keys *k, struct slice name, struct slice scopes, struct slice key)
{
	struct api_key *new = &k->key[k->n];

	if (!name_ok(name))
		return "the name is not 1 to 64 of A-Z a-z 0-9 _ - .";
	new->scopes = scopes_of(scopes);
	if (new->scopes == 0)
		return "the scopes are not some of read, publish, admin with commas between them";
	if (!key_ok(key))
		return "the key is not 16 to 256 printable bytes";
	if (!digest(key, new->digest))
		return "out of memory";
	memcpy(new->name, name.p, name.n);
	new->name[name.n] = '\0';
	for (size_t i = 0; i < k->n; i++) {
		if (strcmp(k->key[i].name, new->name) == 0)
			return "this name has been there already";
		if (CRYPTO_memcmp(k->key[i].digest, new->digest, DIGEST) == 0)
			return "this key has been there already, with another name";
	}
	k->n++;
	return NULL;
}

static const char *read_line(struct api_keys *k, struct slice line)
{
	struct slice name = next_word(&line), scopes = next_word(&line), key = next_word(&line);

	if (name.n == 0 || name.p[0] == '#')
		return NULL;
	if (key.n == 0 || next_word(&line).n != 0)
		return "not NAME SCOPE[,SCOPE] KEY";
	if (k->n == KEYS_MOST)
		return "more than 100 keys";
	return add(k, name, scopes, key);
}

struct api_keys *api_keys_parse(const char *path, struct slice text, struct buf *error)
{
	struct api_keys *k = calloc(1, sizeof *k);
	const char *wrong = k == NULL ? "out of memory" : NULL;
	uint32_t number = 0;
	const char *end;
	size_t n;

	while (wrong == NULL && text.n > 0) {
		end = memchr(text.p, '\n', text.n);
		n = end == NULL ? text.n : (size_t)(end - text.p);
		number++;
		wrong = read_line(k, (struct slice){ text.p, n });
		n += end != NULL;
		text = (struct slice){ text.p + n, text.n - n };
	}
	if (wrong != NULL)
		buf_printf(error, "%s:%u: %s", path, number, wrong);
	else if (k->n == 0)
		buf_printf(error, "%s: there is no key in it", path);
	else
		return k;
	api_keys_free(k);
	return NULL;
}

static void warn_of_readers(const char *path, FILE *f)
{
	struct stat s;
	char mode[8];

	if (fstat(fileno(f), &s) != 0 || (s.st_mode & (S_IROTH | S_IWOTH)) == 0)
		return;
	snprintf(mode, sizeof mode, "%03o", s.st_mode & 0777);
	log_write(LOG_WARN, "api.keys_open_to_others", LOG_TEXT("file", path),
	          LOG_TEXT("mode", mode), LOG_END);
}

struct api_keys *api_keys_load(const char *path, struct buf *error, bool *unreadable)
{
	char *text = malloc(FILE_MOST + 1);
	FILE *f = text == NULL ? NULL : fopen(path, "re");
	struct api_keys *k = NULL;
	size_t n = 0;

	*unreadable = f == NULL;
	if (f != NULL) {
		n = fread(text, 1, FILE_MOST + 1, f);
		*unreadable = ferror(f) != 0;
	}
	if (*unreadable) {
		buf_printf(error, "api_keys_file: %s cannot be read: %s", path, strerror(errno));
	} else if (n > FILE_MOST) {
		buf_printf(error, "api_keys_file: %s is larger than 64 KiB", path);
	} else {
		warn_of_readers(path, f);
		buf_str(error, "api_keys_file: ");
		k = api_keys_parse(path, (struct slice){ text, n }, error);
		if (k != NULL)
			buf_reset(error);
	}
	if (f != NULL)
		fclose(f);
	if (text != NULL)
		OPENSSL_cleanse(text, FILE_MOST + 1);
	free(text);
	return k;
}

void api_keys_free(struct api_keys *k)
{
	free(k);
}

/* --- asking -------------------------------------------------------------------------------------------------- */

unsigned int api_keys_scopes(const struct api_keys *k, struct slice key, const char **name)
{
	unsigned char asked[DIGEST];
	unsigned int scopes = 0;

	*name = NULL;
	if (!key_ok(key) || !digest(key, asked))
		return 0;
	/* All of them, wherever it was found. */
	for (size_t i = 0; i < k->n; i++)
		if (CRYPTO_memcmp(k->key[i].digest, asked, DIGEST) == 0) {
			scopes = k->key[i].scopes;
			*name = k->key[i].name;
		}
	return scopes;
}

struct slice api_keys_bearer(struct slice header)
{
	static const char scheme[] = "Bearer";
	struct slice word = next_word(&header), key = next_word(&header);

	if (word.n != sizeof scheme - 1 || strncasecmp(word.p, scheme, word.n) != 0 || key.n == 0 ||
	    next_word(&header).n != 0)
		return (struct slice){ NULL, 0 };
	return key;
}
