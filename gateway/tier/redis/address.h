/*
 * Addresses: the `redis` option, taken apart.
 *
 * One or more URLs with commas between them, each one server that the topics are spread over:
 *     redis://[USER[:PASSWORD]@]HOST[:PORT][/DB]      rediss:// the same over TLS
 *     unix://[USER[:PASSWORD]@]/PATH[?db=DB]
 *     sentinel://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]]…/MASTER[?db=DB]    sentinels:// over TLS
 * A comma ends a URL where another SCHEME:// follows. User and password are RFC 3986's (%XX for
 * what means something in a URL); those of a sentinel URL are the master's.
 */
#ifndef ROOMCAST_REDIS_ADDRESS_H
#define ROOMCAST_REDIS_ADDRESS_H

#include "broker-common/buf.h"

#include <stdint.h>

#define REDIS_SERVERS_MAX 16
#define REDIS_SENTINELS_MAX 8
#define REDIS_HOST_MAX 253 /* bytes */

struct config;

struct redis_host {
	const char *name; /* a name or a numeric address, v6 without brackets; small letters */
	uint16_t port;
};

struct redis_address {
	bool tls;
	const char *path;   /* of a Unix socket, else NULL */
	const char *master; /* its name, with which `hosts` are Sentinels; else NULL */
	struct redis_host hosts[REDIS_SENTINELS_MAX];
	size_t n_hosts;       /* 1 without `master`; 0 with `path` */
	const char *user;     /* NULL: not said */
	const char *password; /* NULL: not said; may be empty */
	unsigned int database;
};

struct redis_addresses {
	struct redis_address at[REDIS_SERVERS_MAX];
	size_t n;
	char *text; /* where the strings are */
	size_t text_bytes;
};

/* False, with a sentence in `error` that names the URL by its position and says what is allowed, and
 * shows nothing of the text: it may hold a password anywhere. Nothing is to be ended then. */
bool addresses_parse(const char *text, struct redis_addresses *out, struct buf *error);
void addresses_fini(struct redis_addresses *a); /* wipes it too; twice is fine */

/* One spelling for each server, without user and password: for logs, and to compare by. */
void address_name(const struct redis_address *a, struct buf *out);

/* What tier_ops.check is for this option. */
bool addresses_check(const struct config *c, struct buf *error);

#endif
