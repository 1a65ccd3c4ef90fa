/*
 * A client's socket, plain or TLS, never waiting; with what it did not take of the last write.
 */
#ifndef ROOMCAST_SOCKET_H
#define ROOMCAST_SOCKET_H

#include "broker-common/budget.h"

#include <stdbool.h>
#include <sys/types.h>

struct ssl_st; /* OpenSSL's */

struct socket {
	struct socket_rest *rest; /* NULL: the socket took everything */
	struct ssl_st *tls;       /* NULL: plain */
	int fd;
};

/* Both stay their owner's. */
void socket_init(struct socket *s, int fd, struct ssl_st *tls);
void socket_fini(struct socket *s, struct budget *b);

/* Send all of it, or keep what the socket does not take, charged to `b`. It must not be full. False:
 * the connection is broken. */
bool socket_send(struct socket *s, const void *bytes, size_t n, struct budget *b);

/* Something is left of a write: nothing else can be sent before. */
static inline bool socket_is_full(const struct socket *s)
{
	return s->rest != NULL;
}

/* Send what is left. False: the connection is broken. */
bool socket_flush(struct socket *s, struct budget *b);

/* Bytes read, 0: the peer has ended. */
enum { SOCKET_AGAIN = -1, SOCKET_BROKEN = -2 };
ssize_t socket_read(struct socket *s, void *out, size_t n);

/* Whether there is more to read that no poll will tell of. */
bool socket_holds_more(const struct socket *s);

#endif
