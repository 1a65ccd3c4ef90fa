#include "gateway/server/socket.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

static bool is_again(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

void socket_take_tls(SSL *tls)
{
	if (tls != NULL)
		SSL_set_mode(tls,
		             SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

/* What a TLS call that gave `n` means. */
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

ssize_t socket_read(int fd, SSL *tls, void *out, size_t n)
{
	ssize_t got;

	if (tls != NULL)
		return tls_result(tls, SSL_read(tls, out, (int)n));
	got = recv(fd, out, n, MSG_DONTWAIT);
	if (got >= 0)
		return got;
	return is_again(errno) ? SOCKET_AGAIN : SOCKET_BROKEN;
}

bool socket_holds_more(const SSL *tls)
{
	return tls != NULL && SSL_pending(tls) > 0;
}

static ssize_t tls_write(SSL *tls, const char *bytes, size_t n)
{
	size_t at = 0;
	ssize_t took;

	/* One record at a time. */
	while (at < n) {
		took = tls_result(tls, SSL_write(tls, bytes + at, (int)(n - at)));
		if (took == SOCKET_AGAIN && at > 0)
			break;
		if (took <= 0)
			return took == 0 ? SOCKET_BROKEN : took;
		at += (size_t)took;
	}
	return (ssize_t)at;
}

ssize_t socket_write(int fd, SSL *tls, const void *bytes, size_t n)
{
	ssize_t took;

	if (tls != NULL)
		return tls_write(tls, bytes, n);
	took = send(fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (took >= 0)
		return took;
	return is_again(errno) ? SOCKET_AGAIN : SOCKET_BROKEN;
}
