/*
 * A link: one non-blocking stream of bytes to a server, plain or TLS.
 */
#ifndef ROOMCAST_BENCH_LINK_H
#define ROOMCAST_BENCH_LINK_H

#include "tools/bench/endpoint.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct link {
	int fd;   /* -1: closed */
	SSL *tls; /* NULL: plain */
};

enum link_progress { LINK_WAITS, LINK_READY, LINK_FAILED };

/* What TLS links have in common: whom to trust. With `insecure` anyone; else `ca_file`, or the
 * system's certificates without one. NULL: `why` says what is wrong. */
SSL_CTX *link_trust(bool insecure, const char *ca_file, char *why, size_t why_bytes);

/* Begin to connect; `trust` may be NULL for plain endpoints. `source` 0: the kernel chooses the
 * address to connect from; others are addresses of the loopback net, for more connections than one
 * address has ports. False: link_why(), and nothing is open. */
bool link_open(struct link *l, const struct endpoint *to, SSL_CTX *trust, uint32_t source);

/* The socket has connected, or is ready for the next step of the TLS handshake. */
enum link_progress link_proceed(struct link *l);

/* Bytes moved; 0: none now; -1: the stream has ended, link_why(). A read takes all that is there, as
 * far as it fits. */
ssize_t link_read(struct link *l, void *to, size_t n);
ssize_t link_write(struct link *l, const void *from, size_t n);

/* Whether TLS still holds bytes that the socket's readiness will not announce. */
static inline bool link_holds_more(const struct link *l)
{
	return l->tls != NULL && SSL_pending(l->tls) > 0;
}

/* Twice is fine. */
void link_close(struct link *l);

/* Why the last call that failed did, for a person. */
const char *link_why(void);

#endif
