/*
 * The URL of a gateway: ws://HOST[:PORT][/PATH][?QUERY] or wss://…
 */
#ifndef ROOMCAST_CTL_URL_H
#define ROOMCAST_CTL_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct url {
	bool secure; /* wss */
	uint16_t port;
	char host[256];  /* a name or an address, without the brackets of IPv6 */
	char named[272]; /* host and port as the URL has them: the Host header */
	char path[1024]; /* with the query; /v1/ws when the URL names none */
};

/* False when that is none; `why` then says what is wrong with it. */
bool url_parse(const char *text, struct url *out, char *why, size_t why_bytes);

/* Append name=value to the query, the value escaped. False when it gets too long. */
bool url_add(struct url *u, const char *name, const char *value);

#endif
