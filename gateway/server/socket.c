#include "gateway/server/socket.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct socket_rest {
	size_t at, n; /* bytes gone, bytes in all */
	char bytes[];
};

void socket_init(struct socket *s, int fd, SSL *tls)
{
	*s = (struct socket){ .fd = fd, .tls = tls };
	if (tls != NULL)
		SSL_set_mode(tls,
		             SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

void socket_fini(struct socket *s, struct budget *b)
{
	if (s->rest != NULL)
		budget_give(b, s->rest->n);
	free(s->rest);
	s->rest = NULL;
}

/* What a plain call that gave `n` means. */
static ssize_t plain_result(ssize_t n)
{
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? SOCKET_AGAIN
									 : SOCKET_BROKEN;
}

/* The same for TLS. */
static ssize_t tls_result(SSL *tls, int n)
{
	if (n > 0)
		return n;
	switch (SSL_get_error(tls, n)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE: return SOCKET_AGAIN;
	case SSL_ERROR_ZERO_RETURN: return 0;
	default: break;
	}
	ERR_clear_error(); /* one connection's mistake is none of the next one's */
	return SOCKET_BROKEN;
}

/* --- in -------------------------------------------------------------------------------------------- */

ssize_t socket_read(struct socket *s, void *out, size_t n)
{
	if (s->tls != NULL)
		return tls_result(s->tls, SSL_read(s->tls, out, (int)n));
	return plain_result(recv(s->fd, out, n, MSG_DONTWAIT));
}

bool socket_holds_more(const struct socket *s)
{
	return s->tls != NULL && SSL_pending(s->tls) > 0;
}

/* --- out ------------------------------------------------------------------------------------------- */

/* Bytes taken, SOCKET_BROKEN. TLS takes a record at a time. */
static ssize_t offer(struct socket *s, const char *bytes, size_t n)
{
	ssize_t took;
	size_t at = 0;

	do {
		if (s->tls == NULL)
			took = plain_result(
				send(s->fd, bytes + at, n - at, MSG_DONTWAIT | MSG_NOSIGNAL));
		else
			took = tls_result(s->tls, SSL_write(s->tls, bytes + at, (int)(n - at)));
		if (took > 0)
			at += (size_t)took;
	} while (s->tls != NULL && took > 0 && at < n);
	if (took == SOCKET_BROKEN || (s->tls != NULL && took == 0))
		return SOCKET_BROKEN;
	return (ssize_t)at;
}

static bool keep_rest(struct socket *s, const char *bytes, size_t n, struct budget *b)
{
	s->rest = malloc(sizeof *s->rest + n);
	if (s->rest == NULL)
		return false;
	s->rest->at = 0;
	s->rest->n = n;
	memcpy(s->rest->bytes, bytes, n);
	budget_take(b, n);
	return true;
}

bool socket_send(struct socket *s, const void *bytes, size_t n, struct budget *b)
{
	ssize_t took = offer(s, bytes, n);

	if (took == (ssize_t)n)
		return true;
	if (took < 0)
		return false;
	return keep_rest(s, (const char *)bytes + took, n - (size_t)took, b);
}

bool socket_flush(struct socket *s, struct budget *b)
{
	struct socket_rest *r = s->rest;
	ssize_t took;

	if (r == NULL)
		return true;
	took = offer(s, r->bytes + r->at, r->n - r->at);
	if (took < 0)
		return false;
	r->at += (size_t)took;
	if (r->at == r->n)
		socket_fini(s, b);
	return true;
}
