#include "gateway/base/healthcheck.h"

#include "gateway/base/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS 2000
#define REPLY_MAX 4096 /* bytes of head and body that are looked at */

__attribute__((format(printf, 1, 2))) static int not_ready(const char *format, ...)
{
	va_list args;

	fputs("roomcast-gateway: not ready: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return 1;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* False, errno ETIMEDOUT: not within the time. */
static bool wait_for(int fd, short what, int64_t deadline_ms)
{
	struct pollfd p = { .fd = fd, .events = what };
	int64_t left = deadline_ms - now_ms();
	int n = left <= 0 ? 0 : poll(&p, 1, (int)left);

	if (n == 0)
		errno = ETIMEDOUT;
	return n > 0;
}

/* Whoever listens on any address also listens on the loopback. */
static socklen_t make_address(const char *host, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof *out);
	if (strchr(host, ':') != NULL) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		inet_pton(AF_INET6, strcmp(host, "::") == 0 ? "::1" : host, &v6->sin6_addr);
		return sizeof *v6;
	}
	if (*host == '\0' || strcmp(host, "0.0.0.0") == 0)
		host = "127.0.0.1";
	v4->sin_family = AF_INET;
	v4->sin_port = htons(port);
	inet_pton(AF_INET, host, &v4->sin_addr);
	return sizeof *v4;
}

/* Connected, or -1 with errno. */
static int dial(const char *host, uint16_t port, int64_t deadline_ms)
{
	struct sockaddr_storage address;
	socklen_t length = make_address(host, port, &address), n = sizeof(int);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int why = 0;

	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, length) == 0)
		return fd;
	if (errno != EINPROGRESS)
		why = errno;
	else if (!wait_for(fd, POLLOUT, deadline_ms))
		why = errno;
	else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &n) != 0)
		why = errno;
	if (why == 0)
		return fd;
	close(fd);
	errno = why;
	return -1;
}

/* "HTTP/1.1 200 OK" → 200; -1: that is not HTTP. */
static int status_of(const char *reply)
{
	if (strncmp(reply, "HTTP/1.", 7) != 0 || strlen(reply) < 13 || reply[8] != ' ')
		return -1;
	return (int)strtol(reply + 9, NULL, 10);
}

/* Send the request and read the reply: to its end, for the reason that stands there, unless it is
 * good news. It ends with NUL. False with errno: no end came. */
static bool ask(int fd, const char *request, char reply[REPLY_MAX], int64_t deadline_ms)
{
	size_t length = strlen(request), n = 0;
	ssize_t got;

	reply[0] = '\0';
	if (send(fd, request, length, MSG_NOSIGNAL) !=
	    (ssize_t)length) /* a fresh buffer takes it */
		return false;
	while (n < REPLY_MAX - 1 && status_of(reply) != 200) {
		if (!wait_for(fd, POLLIN, deadline_ms))
			return false;
		got = recv(fd, reply + n, REPLY_MAX - 1 - n, 0);
		if (got < 0)
			return false;
		if (got == 0)
			break;
		n += (size_t)got;
		reply[n] = '\0';
	}
	return true;
}

/* The first line of the body, made fit for a terminal. */
static void reason_of(const char *reply, char *out, size_t room)
{
	const char *body = strstr(reply, "\r\n\r\n");
	size_t n = 0;

	for (body = body == NULL ? "" : body + 4; n + 1 < room && strchr("\r\n", *body) == NULL;
	     body++)
		out[n++] = *body >= 0x20 && *body < 0x7f ? *body : '?';
	out[n] = '\0';
}

int healthcheck_run(const char *admin_listen)
{
	int64_t deadline_ms = now_ms() + TIMEOUT_MS;
	char host[64], request[160], reply[REPLY_MAX], reason[200];
	uint16_t port;
	int fd, status, why;

	if (!config_split_address(admin_listen, host, &port) || port == 0)
		return not_ready("admin_listen is '%s', so there is nobody to ask", admin_listen);
	fd = dial(host, port, deadline_ms);
	if (fd < 0)
		return not_ready("no connection to %s: %s", admin_listen, strerror(errno));
	snprintf(request, sizeof request,
	         "GET /readyz HTTP/1.1\r\nHost: localhost:%u\r\nConnection: close\r\n\r\n", port);
	why = ask(fd, request, reply, deadline_ms) ? 0 : errno;
	close(fd);
	status = status_of(reply);
	if (status == 200)
		return 0;
	if (status < 0 && why != 0)
		return not_ready("no answer from %s: %s", admin_listen, strerror(why));
	if (status < 0)
		return not_ready("%s does not speak HTTP", admin_listen);
	reason_of(reply, reason, sizeof reason);
	return not_ready("%d %s", status, reason);
}
