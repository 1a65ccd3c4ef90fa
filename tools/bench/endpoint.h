/*
 * Endpoints: the URLs that connections are spread over, resolved once.
 */
#ifndef ROOMCAST_BENCH_ENDPOINT_H
#define ROOMCAST_BENCH_ENDPOINT_H

#include "broker-common/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define ENDPOINTS_MAX 64

struct endpoint {
	struct sockaddr_storage address;
	socklen_t address_bytes;
	bool secure;         /* wss:// */
	char host[256];      /* what a certificate must be for */
	char authority[264]; /* host:port as the URL has it */
	char path[512];
	struct buf request; /* the HTTP upgrade, ready to send; set by endpoints_prepare */
};

struct endpoints {
	struct endpoint at[ENDPOINTS_MAX];
	size_t count;
};

/* Add `ws://HOST[:PORT][/PATH]` or `wss://…`, or several with commas between. False: nobody can
 * connect to that, and `why` says what is wrong with it. */
bool endpoints_add(struct endpoints *e, const char *urls, char *why, size_t why_bytes);

/* Write the upgrade requests; `token` may be NULL. Call it again to change them. */
void endpoints_prepare(struct endpoints *e, const char *token);

void endpoints_fini(struct endpoints *e);

/* What a server that understood the upgrade must say in Sec-WebSocket-Accept. */
#define ENDPOINT_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

#endif
