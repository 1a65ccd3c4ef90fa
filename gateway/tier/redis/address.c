#include "gateway/tier/redis/address.h"

#include "gateway/base/config.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <strings.h>

#define TEXT_MAX 65536 /* bytes of all URLs */
#define USER_MAX 255
#define PASSWORD_MAX 4095
#define PATH_MAX_BYTES 107 /* what a struct sockaddr_un holds */
#define MASTER_MAX 255
#define DATABASE_MAX 999999

enum kind { KIND_TCP, KIND_UNIX, KIND_SENTINEL };

struct scheme {
	const char *name;
	enum kind kind;
	bool tls;
	uint16_t port; /* where none is said */
	const char *form;
};

#define CREDENTIALS "[USER[:PASSWORD]@]"

static const struct scheme schemes[] = {
	{ "redis", KIND_TCP, false, 6379, CREDENTIALS "HOST[:PORT][/DB]" },
	{ "rediss", KIND_TCP, true, 6379, CREDENTIALS "HOST[:PORT][/DB]" },
	{ "unix", KIND_UNIX, false, 0, CREDENTIALS "/PATH[?db=DB]" },
	{ "sentinel", KIND_SENTINEL, false, 26379,
	  CREDENTIALS "HOST[:PORT][,HOST[:PORT]...]/MASTER[?db=DB]" },
	{ "sentinels", KIND_SENTINEL, true, 26379,
	  CREDENTIALS "HOST[:PORT][,HOST[:PORT]...]/MASTER[?db=DB]" },
};

#define SCHEMES (sizeof schemes / sizeof *schemes)

/*
 * All functions below cut the text in place, a NUL where a part ends. They return NULL, or what is
 * wrong: words of ours only.
 */

/* ---- parts ---- */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %XX to its byte; what is decoded is never longer. False: no two digits, or a NUL. */
static bool decode(char *text)
{
	char *out = text;

	for (const char *p = text; *p != '\0'; p++, out++) {
		*out = *p;
		if (*p != '%')
			continue;
		if (hex(p[1]) < 0 || hex(p[2]) < 0)
			return false;
		*out = (char)(hex(p[1]) * 16 + hex(p[2]));
		if (*out == '\0')
			return false;
		p += 2;
	}
	*out = '\0';
	return true;
}

static bool parse_number(const char *text, uint32_t most, uint32_t *out)
{
	uint32_t v = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		v = v * 10 + (uint32_t)(*text - '0');
		if (v > most)
			return false;
	}
	*out = v;
	return true;
}

static const char *take_database(const char *text, struct redis_address *a)
{
	uint32_t v;

	if (!parse_number(text, DATABASE_MAX, &v))
		return "the database is not a number from 0 to 999999";
	a->database = v;
	return NULL;
}

/* "?db=DB", cut off behind what `text` shall be. */
static const char *take_query(char *text, struct redis_address *a)
{
	char *query = strchr(text, '?');

	if (query == NULL)
		return NULL;
	*query++ = '\0';
	if (strncmp(query, "db=", 3) != 0)
		return "behind ? stands something else than db=DB";
	return take_database(query + 3, a);
}

/* USER[:PASSWORD] */
static const char *take_credentials(char *text, struct redis_address *a)
{
	char *colon = strchr(text, ':');

	if (colon != NULL) {
		*colon = '\0';
		if (!decode(colon + 1))
			return "the password has a % without two hexadecimal digits, or a %00";
		if (strlen(colon + 1) > PASSWORD_MAX)
			return "the password is longer than 4095 bytes";
		a->password = colon + 1;
	}
	if (!decode(text))
		return "the user has a % without two hexadecimal digits, or a %00";
	if (strlen(text) > USER_MAX)
		return "the user is longer than 255 bytes";
	if (*text != '\0')
		a->user = text;
	return NULL;
}

static bool host_ok(char *name, bool bracketed)
{
	struct in6_addr v6;
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		name[i] = (char)tolower((unsigned char)name[i]);
	if (bracketed)
		return inet_pton(AF_INET6, name, &v6) == 1;
	return n > 0 && n <= REDIS_HOST_MAX && *name != '-' &&
		strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-._") == n;
}

/* HOST[:PORT] */
static const char *take_host(char *text, const struct scheme *s, struct redis_host *h)
{
	bool bracketed = *text == '[';
	char *name = text + bracketed, *end = name + strcspn(name, bracketed ? "]" : ":");
	uint32_t port = s->port;

	if (bracketed && *end == '\0')
		return "the bracket of the host is not closed";
	if (bracketed)
		*end++ = '\0';
	if (*end == ':') {
		*end++ = '\0';
		if (!parse_number(end, UINT16_MAX, &port) || port == 0)
			return "the port is not a number from 1 to 65535";
	} else if (*end != '\0') {
		return "something stands behind the brackets of the host";
	}
	if (!host_ok(name, bracketed))
		return "the host is not a name or an address (IPv6 in brackets)";
	h->name = name;
	h->port = (uint16_t)port;
	return NULL;
}

static const char *take_sentinels(char *text, const struct scheme *s, struct redis_address *a)
{
	const char *wrong = NULL;

	for (char *next; text != NULL && wrong == NULL; text = next) {
		next = strchr(text, ',');
		if (next != NULL)
			*next++ = '\0';
		if (a->n_hosts == REDIS_SENTINELS_MAX)
			return "more than 8 Sentinels";
		wrong = take_host(text, s, &a->hosts[a->n_hosts++]);
	}
	return wrong;
}

/* What Sentinel itself allows. */
static bool master_ok(const char *name)
{
	size_t n = strlen(name);

	for (const char *p = name; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr(".-_", *p) == NULL)
			return false;
	return n > 0 && n <= MASTER_MAX;
}

/* ---- one URL ---- */

static const char *take_tcp(char *authority, char *tail, const struct scheme *s,
                            struct redis_address *a)
{
	const char *wrong = NULL;

	if (*tail == '?')
		return "a query has no meaning there";
	if (*tail == '/') {
		*tail++ = '\0';
		if (*tail != '\0')
			wrong = take_database(tail, a);
	}
	if (wrong != NULL)
		return wrong;
	a->n_hosts = 1;
	return take_host(authority, s, &a->hosts[0]);
}

static const char *take_unix(const char *authority, char *tail, struct redis_address *a)
{
	const char *wrong;

	if (authority != tail || *tail != '/')
		return "the path does not begin with a slash";
	wrong = take_query(tail, a);
	if (wrong != NULL)
		return wrong;
	if (!decode(tail))
		return "the path has a % without two hexadecimal digits, or a %00";
	if (tail[1] == '\0' || strlen(tail) > PATH_MAX_BYTES)
		return "the path is not 2 to 107 bytes long";
	a->path = tail;
	return NULL;
}

static const char *take_sentinel(char *authority, char *tail, const struct scheme *s,
                                 struct redis_address *a)
{
	const char *wrong;

	if (*tail != '/')
		return "the master's name is missing";
	*tail++ = '\0';
	wrong = take_query(tail, a);
	if (wrong != NULL)
		return wrong;
	if (!master_ok(tail))
		return "the master's name is not 1 to 255 of A-Z a-z 0-9 . - _";
	a->master = tail;
	return take_sentinels(authority, s, a);
}

static const struct scheme *find_scheme(const char *url, char **rest)
{
	char *colon = strstr(url, "://");

	for (size_t i = 0; colon != NULL && i < SCHEMES; i++) {
		size_t n = strlen(schemes[i].name);

		*rest = colon + 3;
		if ((size_t)(colon - url) == n && strncasecmp(url, schemes[i].name, n) == 0)
			return &schemes[i];
	}
	return NULL;
}

/* Behind the scheme: the authority goes to the first slash or question mark, and the last @ in it
 * ends the credentials. */
static const char *take_url(const struct scheme *s, char *authority, struct redis_address *a)
{
	char *tail = authority + strcspn(authority, "/?");
	char *at = memrchr(authority, '@', (size_t)(tail - authority));
	const char *wrong = NULL;

	a->tls = s->tls;
	if (at != NULL) {
		*at = '\0';
		wrong = take_credentials(authority, a);
		authority = at + 1;
	}
	if (wrong != NULL)
		return wrong;
	switch (s->kind) {
	case KIND_TCP: return take_tcp(authority, tail, s, a);
	case KIND_UNIX: return take_unix(authority, tail, a);
	case KIND_SENTINEL: break;
	}
	return take_sentinel(authority, tail, s, a);
}

/* ---- the list ---- */

/* Cut behind the URL at `url`: at a comma that another SCHEME:// follows. NULL: it is the last. */
static char *cut(char *url)
{
	for (char *comma = strchr(url, ','); comma != NULL; comma = strchr(comma + 1, ',')) {
		const char *p = comma + 1;

		while (isalnum((unsigned char)*p) || *p == '+' || *p == '-' || *p == '.')
			p++;
		if (p > comma + 1 && strncmp(p, "://", 3) == 0) {
			*comma = '\0';
			return comma + 1;
		}
	}
	return NULL;
}

static bool same_server(const struct redis_address *a, const struct redis_address *b)
{
	struct buf x, y;
	bool same;

	buf_init(&x);
	buf_init(&y);
	address_name(a, &x);
	address_name(b, &y);
	same = slice_eq(buf_view(&x), buf_view(&y)) && !x.failed && !y.failed;
	buf_fini(&x);
	buf_fini(&y);
	return same;
}

static bool refuse(struct buf *error, size_t position, const char *wrong, const struct scheme *s)
{
	buf_printf(error, "redis: URL %zu: %s; allowed: ", position, wrong);
	for (size_t i = 0; i < SCHEMES; i++)
		if (s == NULL)
			buf_printf(error, "%s%s://", i == 0 ? "" : ", ", schemes[i].name);
	if (s != NULL)
		buf_printf(error, "%s://%s, and %%XX for what means something in a URL", s->name,
		           s->form);
	return false;
}

static bool add(struct redis_addresses *out, char *url, struct buf *error)
{
	struct redis_address *a = &out->at[out->n];
	char *rest;
	const struct scheme *s = find_scheme(url, &rest);
	const char *wrong;

	if (s == NULL)
		return refuse(error, out->n + 1, "it has none of the known beginnings", NULL);
	wrong = take_url(s, rest, a);
	if (wrong != NULL)
		return refuse(error, out->n + 1, wrong, s);
	for (size_t i = 0; i < out->n; i++)
		if (same_server(&out->at[i], a)) {
			buf_printf(error, "redis: URL %zu is the same server as URL %zu",
			           out->n + 1, i + 1);
			return false;
		}
	out->n++;
	return true;
}

static bool add_all(struct redis_addresses *out, struct buf *error)
{
	char *next;

	for (char *url = out->text; url != NULL; url = next) {
		next = cut(url);
		if (out->n == REDIS_SERVERS_MAX) {
			buf_printf(error, "redis: more than %d URLs", REDIS_SERVERS_MAX);
			return false;
		}
		if (!add(out, url, error))
			return false;
	}
	return true;
}

static bool text_ok(const char *text, struct buf *error)
{
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f) {
			buf_str(error,
			        "redis: a blank or control character; allowed: URLs with "
			        "commas between them, and %XX for such a character");
			return false;
		}
	if (strlen(text) <= TEXT_MAX)
		return true;
	buf_printf(error, "redis: longer than %d bytes", TEXT_MAX);
	return false;
}

bool addresses_parse(const char *text, struct redis_addresses *out, struct buf *error)
{
	*out = (struct redis_addresses){ .n = 0 };
	if (!text_ok(text, error))
		return false;
	out->text_bytes = strlen(text);
	out->text = strdup(text);
	if (out->text == NULL) {
		buf_str(error, "out of memory");
		return false;
	}
	if (add_all(out, error))
		return true;
	addresses_fini(out);
	return false;
}

void addresses_fini(struct redis_addresses *a)
{
	if (a->text != NULL)
		OPENSSL_cleanse(a->text, a->text_bytes);
	free(a->text);
	*a = (struct redis_addresses){ .n = 0 };
}

bool addresses_check(const struct config *c, struct buf *error)
{
	struct redis_addresses a;
	bool ok;

	if (*c->redis == '\0') {
		buf_str(error,
		        "tier is redis, but redis is not set: give it where Redis is, as in "
		        "redis://127.0.0.1:6379/0");
		return false;
	}
	ok = addresses_parse(c->redis, &a, error);
	addresses_fini(&a);
	return ok;
}

/* ---- names ---- */

static void write_host(const struct redis_host *h, struct buf *out)
{
	uint8_t v6[sizeof(struct in6_addr)];
	char text[INET6_ADDRSTRLEN];

	if (inet_pton(AF_INET6, h->name, v6) == 1 &&
	    inet_ntop(AF_INET6, v6, text, sizeof text) != NULL)
		buf_printf(out, "[%s]:%u", text, h->port);
	else
		buf_printf(out, "%s:%u", h->name, h->port);
}

static int compare_hosts(const void *a, const void *b)
{
	const struct redis_host *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : (int)x->port - (int)y->port;
}

/* In one order, however they were given. */
static void write_hosts(const struct redis_address *a, struct buf *out)
{
	struct redis_host hosts[REDIS_SENTINELS_MAX];

	assert(a->n_hosts <= REDIS_SENTINELS_MAX);
	memcpy(hosts, a->hosts, sizeof hosts);
	qsort(hosts, a->n_hosts, sizeof *hosts, compare_hosts);
	for (size_t i = 0; i < a->n_hosts; i++) {
		buf_str(out, i == 0 ? "" : ",");
		write_host(&hosts[i], out);
	}
}

static void write_path(const char *path, struct buf *out)
{
	for (; *path != '\0'; path++)
		if (isalnum((unsigned char)*path) || strchr("/-._~", *path) != NULL)
			buf_char(out, *path);
		else
			buf_printf(out, "%%%02X", (unsigned char)*path);
}

void address_name(const struct redis_address *a, struct buf *out)
{
	const struct scheme *s = schemes;
	enum kind kind = a->path != NULL ? KIND_UNIX : a->master != NULL ? KIND_SENTINEL : KIND_TCP;

	while (s->kind != kind || s->tls != a->tls)
		s++;
	buf_printf(out, "%s://", s->name);
	if (a->path != NULL)
		write_path(a->path, out);
	else
		write_hosts(a, out);
	if (a->master != NULL)
		buf_printf(out, "/%s", a->master);
	buf_printf(out, kind == KIND_TCP ? "/%u" : "?db=%u", a->database);
}
