/*
 * PEM files that options name, taken into a TLS context: certificates, keys, authorities.
 *
 * Each call answers false with one sentence in `error` (option, file and cause; nothing of what the file holds),
 * and whether it is that a file cannot be read. A key with a passphrase is refused: nobody would be there to give it.
 */
#ifndef ROOMCAST_PEM_H
#define ROOMCAST_PEM_H

#include "broker-common/buf.h"

struct ssl_ctx_st;

struct pem_file {
	const char *option, *path;
};

/* A certificate with those that sign it, and its key. */
bool pem_use_pair(struct ssl_ctx_st *tls, struct pem_file cert, struct pem_file key,
                  struct buf *error, bool *unreadable);

/* Authorities that the other side's certificate may come from. */
bool pem_use_ca(struct ssl_ctx_st *tls, struct pem_file ca, struct buf *error, bool *unreadable);

#endif
