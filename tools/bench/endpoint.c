#include "tools/bench/endpoint.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The sample key of RFC 6455: it guards against caches that answer, and a benchmark has none between.
 * So that thousands of connections may share one request and one answer. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define DEFAULT_PATH "/v1/ws"

static bool resolve(struct endpoint *e, const char *port, char *why, size_t why_bytes)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	int error = getaddrinfo(e->host, port, &hints, &found);

	if (error != 0) {
		snprintf(why, why_bytes, "%s port %s: %s", e->host, port, gai_strerror(error));
		return false;
	}
	memcpy(&e->address, found->ai_addr, found->ai_addrlen);
	e->address_bytes = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

/* Split the authority into host and port; [v6]:port is allowed. False: it is neither. */
static bool split(struct endpoint *e, char port[16])
{
	const char *authority = e->authority, *rest;
	bool v6 = authority[0] == '[';
	const char *begin = authority + v6, *end = begin + strcspn(begin, v6 ? "]" : ":");
	size_t n = (size_t)(end - begin);

	if (n == 0 || n >= sizeof(e->host) || (v6 && *end != ']'))
		return false;
	rest = end + v6;
	if (rest[0] != '\0' && (rest[0] != ':' || rest[1] == '\0' || strlen(rest) > 15))
		return false;
	memcpy(e->host, begin, n);
	e->host[n] = '\0';
	strcpy(port, rest[0] == ':' ? rest + 1 : e->secure ? "443" : "80");
	return true;
}

static bool add(struct endpoints *list, const char *url, char *why, size_t why_bytes)
{
	struct endpoint *e = &list->at[list->count];
	const char *rest = strstr(url, "://");
	char port[16];
	size_t n;

	if (list->count == ENDPOINTS_MAX) {
		snprintf(why, why_bytes, "more than %d endpoints", ENDPOINTS_MAX);
		return false;
	}
	memset(e, 0, sizeof(*e));
	e->secure = strncmp(url, "wss://", 6) == 0;
	n = rest == NULL ? 0 : strcspn(rest + 3, "/");
	if ((!e->secure && strncmp(url, "ws://", 5) != 0) || n >= sizeof(e->authority)) {
		snprintf(why, why_bytes, "'%s' is no URL of a WebSocket (ws://HOST:PORT/PATH)",
		         url);
		return false;
	}
	rest += 3;
	snprintf(e->authority, sizeof(e->authority), "%.*s", (int)n, rest);
	snprintf(e->path, sizeof(e->path), "%s", rest[n] == '/' ? rest + n : DEFAULT_PATH);
	if (!split(e, port)) {
		snprintf(why, why_bytes, "'%s' is no HOST:PORT", e->authority);
		return false;
	}
	if (!resolve(e, port, why, why_bytes))
		return false;
	buf_init(&e->request);
	list->count++;
	return true;
}

bool endpoints_add(struct endpoints *e, const char *urls, char *why, size_t why_bytes)
{
	while (*urls != '\0') {
		size_t n = strcspn(urls, ",");
		char url[1024];

		if (n >= sizeof(url)) {
			snprintf(why, why_bytes, "an endpoint's URL is too long");
			return false;
		}
		snprintf(url, sizeof(url), "%.*s", (int)n, urls);
		if (!add(e, url, why, why_bytes))
			return false;
		urls += n;
		urls += *urls == ',';
	}
	return true;
}

void endpoints_prepare(struct endpoints *e, const char *token)
{
	for (size_t i = 0; i < e->count; i++) {
		struct endpoint *to = &e->at[i];

		buf_reset(&to->request);
		buf_printf(
			&to->request,
			"GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			"Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n"
			"Sec-WebSocket-Protocol: roomcast.v1.json\r\n",
			to->path, to->authority);
		if (token != NULL)
			buf_printf(&to->request, "Authorization: Bearer %s\r\n", token);
		buf_str(&to->request, "\r\n");
	}
}

void endpoints_fini(struct endpoints *e)
{
	for (size_t i = 0; i < e->count; i++)
		buf_fini(&e->at[i].request);
	e->count = 0;
}
