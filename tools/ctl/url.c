#include "tools/ctl/url.h"

#include "broker-common/json.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_PATH "/v1/ws"

static bool has_odd_bytes(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7f)
			return true;
	}
	return false;
}

static bool set_port(struct url *u, struct slice text)
{
	int64_t port = u->secure ? 443 : 80;

	if (text.p != NULL && (!json_int(text, &port) || port < 1 || port > 65535))
		return false;
	u->port = (uint16_t)port;
	return true;
}

/* HOST, HOST:PORT, [V6] or [V6]:PORT. */
static bool split(struct url *u, struct slice named)
{
	bool v6 = named.n > 0 && named.p[0] == '[';
	const char *end = named.p + named.n;
	const char *host = named.p + v6;
	const char *host_end = memchr(named.p, v6 ? ']' : ':', named.n);
	const char *rest;

	if (host_end == NULL && v6)
		return false;
	if (host_end == NULL)
		host_end = end;
	rest = host_end + v6;
	if (host_end == host || (rest < end && *rest != ':'))
		return false;
	snprintf(u->host, sizeof(u->host), "%.*s", (int)(host_end - host), host);
	snprintf(u->named, sizeof(u->named), "%.*s", SLICE_ARGS(named));
	if (rest < end)
		return set_port(u, (struct slice){ rest + 1, (size_t)(end - rest - 1) });
	return set_port(u, (struct slice){ NULL, 0 });
}

bool url_parse(const char *text, struct url *out, char *why, size_t why_bytes)
{
	const char *named, *path;
	size_t n;

	memset(out, 0, sizeof(*out));
	out->secure = strncasecmp(text, "wss://", 6) == 0;
	if (!out->secure && strncasecmp(text, "ws://", 5) != 0) {
		snprintf(why, why_bytes, "'%s' does not begin with ws:// or wss://", text);
		return false;
	}
	if (has_odd_bytes(text) || strpbrk(text, "#\\") != NULL) {
		snprintf(why, why_bytes, "'%s' holds characters that a URL may not have", text);
		return false;
	}
	named = strstr(text, "://") + 3;
	n = strcspn(named, "/?");
	path = named + n;
	if (memchr(named, '@', n) != NULL) {
		snprintf(why, why_bytes, "no user and password in the URL: use --token");
		return false;
	}
	if (n >= sizeof(out->host) || !split(out, (struct slice){ named, n })) {
		snprintf(why, why_bytes, "'%.*s' is not HOST:PORT", (int)n, named);
		return false;
	}
	if (strlen(path) + sizeof(DEFAULT_PATH) > sizeof(out->path)) {
		snprintf(why, why_bytes, "the URL is too long");
		return false;
	}
	if (path[0] == '/' && path[1] == '\0')
		path = "";
	snprintf(out->path, sizeof(out->path), "%s%s", path[0] == '/' ? "" : DEFAULT_PATH, path);
	return true;
}

bool url_add(struct url *u, const char *name, const char *value)
{
	char *path = u->path;
	size_t n = strlen(path), room = sizeof(u->path);

	n += (size_t)snprintf(path + n, room - n, "%c%s=", strchr(path, '?') == NULL ? '?' : '&',
	                      name);
	for (; *value != '\0' && n < room; value++) {
		unsigned char c = (unsigned char)*value;

		n += (size_t)snprintf(path + n, room - n,
		                      isalnum(c) || c == '-' || c == '_' ? "%c" : "%%%02X", c);
	}
	return n < room;
}
