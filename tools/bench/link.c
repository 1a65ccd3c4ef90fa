#include "tools/bench/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

static char last_why[256];

const char *link_why(void)
{
	return last_why;
}

static void say(const char *what)
{
	snprintf(last_why, sizeof(last_why), "%s", what);
}

static void say_tls(SSL *tls)
{
	long verified = tls == NULL ? X509_V_OK : SSL_get_verify_result(tls);
	unsigned long e = ERR_get_error();
	const char *reason = ERR_reason_error_string(e);

	if (verified != X509_V_OK)
		reason = X509_verify_cert_error_string(verified);
	else if (e == 0)
		reason = errno != 0 ? strerror(errno) : "connection closed";
	snprintf(last_why, sizeof(last_why), "TLS: %s", reason == NULL ? "unknown error" : reason);
	ERR_clear_error();
}

SSL_CTX *link_trust(bool insecure, const char *ca_file, char *why, size_t why_bytes)
{
	SSL_CTX *trust = SSL_CTX_new(TLS_client_method());
	int found;

	if (trust == NULL) {
		snprintf(why, why_bytes, "OpenSSL does not start");
		return NULL;
	}
	SSL_CTX_set_mode(trust,
	                 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                         SSL_MODE_RELEASE_BUFFERS);
	if (insecure)
		return trust;
	SSL_CTX_set_verify(trust, SSL_VERIFY_PEER, NULL);
	found = ca_file == NULL ? SSL_CTX_set_default_verify_paths(trust)
				: SSL_CTX_load_verify_locations(trust, ca_file, NULL);
	if (found == 1)
		return trust;
	snprintf(why, why_bytes, "%s: no certificates to trust",
	         ca_file == NULL ? "system" : ca_file);
	ERR_clear_error();
	SSL_CTX_free(trust);
	return NULL;
}

/* Only the loopback net has addresses to spare. */
static bool is_loopback(const struct endpoint *to)
{
	struct sockaddr_in address;

	memcpy(&address, &to->address, sizeof(address));
	return address.sin_family == AF_INET && ntohl(address.sin_addr.s_addr) >> 24 == 127;
}

static void bind_source(int fd, uint32_t source)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	int yes = 1;

	from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes));
	/* Where it is refused the kernel's own choice remains, and connect() tells if ports run out. */
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0)
		return;
}

static bool secure(struct link *l, const struct endpoint *to, SSL_CTX *trust)
{
	struct in6_addr address;
	bool numeric = inet_pton(AF_INET, to->host, &address) == 1 ||
		inet_pton(AF_INET6, to->host, &address) == 1;

	l->tls = SSL_new(trust);
	if (l->tls == NULL || SSL_set_fd(l->tls, l->fd) != 1) {
		say_tls(NULL);
		return false;
	}
	if (numeric) {
		X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(l->tls), to->host);
	} else {
		SSL_set_tlsext_host_name(l->tls, to->host);
		SSL_set1_host(l->tls, to->host);
	}
	SSL_set_connect_state(l->tls);
	return true;
}

bool link_open(struct link *l, const struct endpoint *to, SSL_CTX *trust, uint32_t source)
{
	int yes = 1;

	l->tls = NULL;
	l->fd = socket(to->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0) {
		say(strerror(errno));
		return false;
	}
	setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (source > 0 && is_loopback(to))
		bind_source(l->fd, source);
	if (connect(l->fd, (const struct sockaddr *)&to->address, to->address_bytes) != 0 &&
	    errno != EINPROGRESS) {
		say(strerror(errno));
		link_close(l);
		return false;
	}
	if (to->secure && !secure(l, to, trust)) {
		link_close(l);
		return false;
	}
	return true;
}

enum link_progress link_proceed(struct link *l)
{
	int error = 0;
	socklen_t n = sizeof(error);

	if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 && error != 0) {
		say(strerror(error));
		return LINK_FAILED;
	}
	if (l->tls == NULL)
		return LINK_READY;
	errno = 0;
	n = (socklen_t)SSL_do_handshake(l->tls);
	if ((int)n == 1)
		return LINK_READY;
	error = SSL_get_error(l->tls, (int)n);
	/* Nothing to write is ever left over here: the handshake's flights fit the socket's buffer. */
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return LINK_WAITS;
	say_tls(l->tls);
	return LINK_FAILED;
}

/* OpenSSL hands out one record a call, and epoll knows nothing of what it still holds. */
static ssize_t read_tls(struct link *l, char *to, size_t room)
{
	size_t got = 0, n;

	while (got < room) {
		int error;

		errno = 0;
		if (SSL_read_ex(l->tls, to + got, room - got, &n) == 1) {
			got += n;
			continue;
		}
		error = SSL_get_error(l->tls, 0);
		if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE || got > 0)
			break;
		if (error == SSL_ERROR_ZERO_RETURN)
			say("connection closed");
		else
			say_tls(l->tls);
		return -1;
	}
	return (ssize_t)got;
}

ssize_t link_read(struct link *l, void *to, size_t room)
{
	ssize_t n;

	if (l->tls != NULL)
		return read_tls(l, to, room);
	n = recv(l->fd, to, room, MSG_DONTWAIT);
	if (n > 0)
		return n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	say(n == 0 ? "connection closed" : strerror(errno));
	return -1;
}

ssize_t link_write(struct link *l, const void *from, size_t n)
{
	ssize_t sent;
	size_t done = 0;

	if (l->tls == NULL) {
		sent = send(l->fd, from, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent >= 0)
			return sent;
		if (errno == EAGAIN || errno == EINTR)
			return 0;
		say(strerror(errno));
		return -1;
	}
	errno = 0;
	if (SSL_write_ex(l->tls, from, n, &done) == 1)
		return (ssize_t)done;
	switch (SSL_get_error(l->tls, 0)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE: return 0;
	default: say_tls(l->tls); return -1;
	}
}

void link_close(struct link *l)
{
	SSL_free(l->tls);
	l->tls = NULL;
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}
