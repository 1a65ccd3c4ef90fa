/*
 * Bytes to and from a client's socket, plain or TLS, never waiting.
 */
#ifndef ROOMCAST_SOCKET_H
#define ROOMCAST_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct ssl_st; /* OpenSSL's */

enum { SOCKET_AGAIN = -1, SOCKET_BROKEN = -2 };

/* Prepare what libwebsockets has made for writes that are taken in part; NULL (plain) is fine. */
void socket_take_tls(struct ssl_st *tls);

/* Bytes read, 0: the peer has ended, SOCKET_AGAIN, SOCKET_BROKEN. */
ssize_t socket_read(int fd, struct ssl_st *tls, void *out, size_t n);

/* Whether there is more to read that no poll will tell of. */
bool socket_holds_more(const struct ssl_st *tls);

/* Bytes taken (maybe fewer than `n`), SOCKET_AGAIN, SOCKET_BROKEN. What was not taken must be offered
 * again before anything else. */
ssize_t socket_write(int fd, struct ssl_st *tls, const void *bytes, size_t n);

#endif
