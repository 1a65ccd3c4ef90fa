#include "tools/ctl/endpoint.h"

#include "broker-common/json.h"
#include "tools/ctl/client.h"
#include "tools/ctl/say.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define TIMEOUT_MS 10000
#define LINE_BYTES 2048

static struct {
	const char *endpoint, *key, *key_file;
	uint64_t timeout_ms;
} given = { .timeout_ms = TIMEOUT_MS };

static struct endpoint chosen;

const struct option_row endpoint_options[] = {
	{ "endpoint", OPTION_TEXT, "URL",
	  "a gateway's admin listener; else ROOMCAST_ENDPOINT, ctl.conf, " ENDPOINT_DEFAULT,
	  &given.endpoint, 0 },
	{ "key", OPTION_TEXT, "K",
	  "the API key; else ROOMCAST_KEY, ctl.conf (others can see arguments)", &given.key, 0 },
	{ "key-file", OPTION_FILE, "FILE", "the API key is the first line of that file",
	  &given.key_file, 0 },
	{ "timeout", OPTION_SECONDS, "SECS", "how long an answer may take (10)", &given.timeout_ms,
	  0 },
	{ "insecure", OPTION_FLAG, NULL,
	  "https: take any certificate (SSL_CERT_FILE names a CA to trust)", &client_insecure, 0 },
	{ .name = NULL },
};

bool endpoint_is_given(void)
{
	return given.endpoint != NULL || given.key != NULL || given.key_file != NULL;
}

const struct endpoint *endpoint_get(void)
{
	return &chosen;
}

bool endpoint_is_local(const struct endpoint *e)
{
	struct in_addr four;

	if (strcasecmp(e->host, "localhost") == 0 || strcmp(e->host, "::1") == 0)
		return true;
	return inet_pton(AF_INET, e->host, &four) == 1 &&
		ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* ---- the URL ---- */

static bool odd_bytes(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7f)
			return true;
	}
	return false;
}

/* HOST, HOST:PORT, [V6], [V6]:PORT. */
static bool split(struct endpoint *e, const char *named, size_t n)
{
	bool v6 = n > 0 && named[0] == '[';
	const char *end = named + n, *host = named + v6;
	const char *host_end = memchr(named, v6 ? ']' : ':', n);
	int64_t port = e->port;

	if (host_end == NULL && v6)
		return false;
	if (host_end == NULL)
		host_end = end;
	if (host_end == host || (size_t)(host_end - host) >= sizeof(e->host))
		return false;
	snprintf(e->host, sizeof(e->host), "%.*s", (int)(host_end - host), host);
	host_end += v6;
	if (host_end < end &&
	    (*host_end != ':' ||
	     !json_int((struct slice){ host_end + 1, (size_t)(end - host_end - 1) }, &port) ||
	     port < 1 || port > 65535))
		return false;
	e->port = (uint16_t)port;
	return true;
}

bool endpoint_parse(struct endpoint *e, const char *url, char *why, size_t why_bytes)
{
	bool secure = strncasecmp(url, "https://", 8) == 0;
	const char *named = strstr(url, "://");
	size_t n = strlen(url);

	if (!secure && strncasecmp(url, "http://", 7) != 0) {
		snprintf(why, why_bytes, "'%s' does not begin with http:// or https://", url);
		return false;
	}
	named += 3;
	if (odd_bytes(url) || strpbrk(url, "?#\\") != NULL) {
		snprintf(why, why_bytes, "'%s' holds characters that an endpoint may not have",
		         url);
		return false;
	}
	if (memchr(named, '@', strcspn(named, "/")) != NULL) {
		snprintf(why, why_bytes, "no user and password in the endpoint: use --key-file");
		return false;
	}
	e->port = secure ? 443 : 80;
	if (!split(e, named, strcspn(named, "/"))) {
		snprintf(why, why_bytes, "'%.*s' is not HOST:PORT", (int)strcspn(named, "/"),
		         named);
		return false;
	}
	if (n >= sizeof(e->url)) {
		snprintf(why, why_bytes, "the endpoint is too long");
		return false;
	}
	while (url[n - 1] == '/')
		n--;
	snprintf(e->url, sizeof(e->url), "%.*s", (int)n, url);
	return true;
}

/* ---- the file ---- */

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (*text == ' ' || *text == '\t')
		text++;
	while (end > text && strchr(" \t\r\n", end[-1]) != NULL)
		end--;
	*end = '\0';
	return text;
}

bool endpoint_file_line(struct endpoint_file *f, char *line, char *why, size_t why_bytes)
{
	const struct {
		const char *name;
		char *out;
		size_t bytes;
	} known[] = { { "endpoint", f->endpoint, sizeof(f->endpoint) },
		      { "key", f->key, sizeof(f->key) },
		      { "key_file", f->key_file, sizeof(f->key_file) } };
	char *text = trim(line), *equals = strchr(text, '='), *value;

	if (*text == '\0' || *text == '#' || *text == ';')
		return true;
	if (equals == NULL) {
		snprintf(why, why_bytes, "not NAME = VALUE");
		return false;
	}
	*equals = '\0';
	text = trim(text);
	value = trim(equals + 1);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(text, known[i].name) != 0)
			continue;
		if (*value == '\0' || strlen(value) >= known[i].bytes) {
			snprintf(why, why_bytes, "the value of %s is empty or too long", text);
			return false;
		}
		snprintf(known[i].out, known[i].bytes, "%s", value);
		return true;
	}
	snprintf(why, why_bytes, "there is no '%s'; there are endpoint, key and key_file", text);
	return false;
}

/* False when there is nowhere to look. */
static bool file_path(char *out, size_t bytes)
{
	const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	int n = -1;

	if (base != NULL && base[0] == '/')
		n = snprintf(out, bytes, "%s/roomcast/ctl.conf", base);
	else if (home != NULL && home[0] == '/')
		n = snprintf(out, bytes, "%s/.config/roomcast/ctl.conf", home);
	return n > 0 && (size_t)n < bytes;
}

static void look_who_reads(FILE *file, const char *path)
{
	struct stat st;

	if (fstat(fileno(file), &st) == 0 && (st.st_mode & 077) != 0)
		say("%s holds a key and others can read it: chmod 600 it", path);
}

static bool read_file(struct endpoint_file *f)
{
	char path[1024], line[LINE_BYTES], why[256];
	bool ok = true;
	FILE *file;

	memset(f, 0, sizeof(*f));
	if (!file_path(path, sizeof(path)))
		return true;
	file = fopen(path, "re");
	if (file == NULL) {
		if (errno != ENOENT && errno != ENOTDIR)
			say("cannot read %s: %s", path, strerror(errno));
		return errno == ENOENT || errno == ENOTDIR;
	}
	for (int n = 1; ok && fgets(line, sizeof(line), file) != NULL; n++) {
		ok = endpoint_file_line(f, line, why, sizeof(why));
		if (!ok)
			say("%s:%d: %s", path, n, why);
	}
	if (f->key[0] != '\0')
		look_who_reads(file, path);
	fclose(file);
	return ok;
}

/* ---- the key ---- */

static bool set_key(const char *key, const char *from)
{
	if (key[0] == '\0' || odd_bytes(key)) {
		say("%s: the key is empty or holds a character that no key has (blank, …)", from);
		return false;
	}
	if (strlen(key) >= sizeof(chosen.key)) {
		say("%s: the key is too long", from);
		return false;
	}
	snprintf(chosen.key, sizeof(chosen.key), "%s", key);
	return true;
}

bool endpoint_use_key(const char *key)
{
	return set_key(key, "--key");
}

void endpoint_use_timeout(uint64_t ms)
{
	chosen.timeout_ms = ms;
}

static bool read_key(const char *path)
{
	char line[LINE_BYTES] = "";
	FILE *file = fopen(path, "re");

	if (file == NULL || (fgets(line, sizeof(line), file) == NULL && ferror(file))) {
		say("cannot read the key file %s: %s", path, strerror(errno));
		if (file != NULL)
			fclose(file);
		return false;
	}
	fclose(file);
	return set_key(trim(line), path);
}

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value == NULL || value[0] == '\0' ? NULL : value;
}

static bool choose_key(const struct endpoint_file *f)
{
	const char *from_environment = variable("ROOMCAST_KEY");

	if (given.key != NULL && given.key_file != NULL) {
		say("either --key or --key-file");
		return false;
	}
	if (given.key != NULL)
		return set_key(given.key, "--key");
	if (given.key_file != NULL)
		return read_key(given.key_file);
	if (from_environment != NULL)
		return set_key(from_environment, "ROOMCAST_KEY");
	if (f->key[0] != '\0')
		return set_key(f->key, "ctl.conf");
	return f->key_file[0] == '\0' || read_key(f->key_file);
}

bool endpoint_options_ok(void)
{
	const char *url = given.endpoint;
	struct endpoint_file file;
	char why[768];

	if (!read_file(&file))
		return false;
	if (url == NULL)
		url = variable("ROOMCAST_ENDPOINT");
	if (url == NULL)
		url = file.endpoint[0] == '\0' ? ENDPOINT_DEFAULT : file.endpoint;
	if (!endpoint_parse(&chosen, url, why, sizeof(why))) {
		say("%s", why);
		return false;
	}
	chosen.insecure = client_insecure;
	chosen.timeout_ms = given.timeout_ms;
	return choose_key(&file);
}
