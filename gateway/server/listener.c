#include "gateway/server/listener.h"

#include "broker-common/log.h"
#include "gateway/base/config.h"
#include "gateway/base/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libwebsockets.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096
#define ACCEPT_MOST 64 /* a pass: who is connected already has its turn too */
#define PAUSE_MS 100
#define NOT_SENT_MOST 32768 /* bytes in the kernel that it has not sent yet */

struct listener {
	struct loop *loop;
	struct watch *watch;
	struct timer resume;
	struct lws_vhost *vhost;
	bool (*has_room)(void *ctx);
	void (*accepted)(void *ctx, struct lws *wsi);
	void *ctx;
	uint64_t *errors;
	int fd;
	int highest_fd;
	bool is_loopback, takes_loopback;
	bool short_of; /* descriptors or memory: said once */
	char address[INET6_ADDRSTRLEN + 10];
};

/* --- accepting --------------------------------------------------------------------------------------- */

static void on_resume(void *ctx)
{
	struct listener *l = ctx;

	loop_watch_pause(l->watch, false);
}

/* Nothing will get better by asking again at once: a listening socket stays readable. */
static void pause_for_a_while(struct listener *l, int why)
{
	(*l->errors)++;
	if (!l->short_of)
		log_write(LOG_WARN, "listener.paused", LOG_TEXT("address", l->address),
		          LOG_TEXT("reason", strerror(why)), LOG_END);
	l->short_of = true;
	loop_watch_pause(l->watch, true);
	timer_set(&l->resume, PAUSE_MS);
}

static void take(struct listener *l, int fd)
{
	struct lws *wsi = lws_adopt_socket_vhost(l->vhost, fd); /* closes `fd` when it fails */

	if (wsi == NULL)
		(*l->errors)++;
	else if (l->accepted != NULL)
		l->accepted(l->ctx, wsi);
}

/* False: nobody is waiting, or it is no use to go on now. */
static bool accept_one(struct listener *l)
{
	int fd;

	if (l->has_room != NULL && !l->has_room(l->ctx)) {
		pause_for_a_while(l, EBUSY);
		return false;
	}
	fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0 && l->highest_fd > 0 && fd >= l->highest_fd) {
		close(fd);
		pause_for_a_while(l, EMFILE);
		return false;
	}
	if (fd >= 0) {
		l->short_of = false;
		take(l, fd);
		return true;
	}
	switch (errno) {
	case EAGAIN: return false;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM: pause_for_a_while(l, errno); return false;
	default: return true; /* of this connection: it went while it waited */
	}
}

static void on_ready(void *ctx)
{
	struct listener *l = ctx;

	for (int n = 0; n < ACCEPT_MOST && accept_one(l); n++)
		;
}

/* --- opening ----------------------------------------------------------------------------------------- */

bool address_is_loopback(const struct sockaddr_storage *a)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)a;
	const struct sockaddr_in *four = (const struct sockaddr_in *)a;

	if (a->ss_family == AF_INET)
		return ntohl(four->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	if (a->ss_family != AF_INET6)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		return six->sin6_addr.s6_addr[12] == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

static bool is_any(const struct sockaddr_storage *a)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)a;
	const struct sockaddr_in *four = (const struct sockaddr_in *)a;

	if (a->ss_family == AF_INET)
		return four->sin_addr.s_addr == INADDR_ANY;
	return a->ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr);
}

/* What connections inherit. Without a cap the kernel takes megabytes for a client that does not
 * read, and our own bounded queue would bound nothing. */
static void set_options(int fd, int64_t send_buffer)
{
	int on = 1, buffer = (int)send_buffer, not_sent = NOT_SENT_MOST;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (buffer > 0) {
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
		setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &not_sent, sizeof not_sent);
	}
}

/* -1 with `errno`. */
static int listen_on(const struct addrinfo *a, int64_t send_buffer)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int off = 0, why;

	if (fd < 0)
		return -1;
	set_options(fd, send_buffer);
	if (a->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	why = errno;
	close(fd);
	errno = why;
	return -1;
}

static const char *explain(int why)
{
	switch (why) {
	case EADDRINUSE: return "the port is in use";
	case EADDRNOTAVAIL: return "this machine has no such address";
	case EACCES: return "not permitted to use this port";
	default: return strerror(why);
	}
}

/* The bound socket, or -1 with a sentence. */
static int bind_address(const struct listener_options *o, struct buf *error)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
		                  .ai_socktype = SOCK_STREAM,
		                  .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	char host[64], port[8];
	uint16_t number;
	int fd, failed;

	if (!config_split_address(o->address, host, &number)) {
		buf_printf(error, "cannot listen on '%s' (%s): not host:port or [v6]:port",
		           o->address, o->option);
		return -1;
	}
	snprintf(port, sizeof port, "%u", number);
	failed = getaddrinfo(host[0] == '\0' ? NULL : host, port, &hints, &found);
	if (failed != 0) {
		buf_printf(error, "cannot listen on '%s' (%s): %s", o->address, o->option,
		           gai_strerror(failed));
		return -1;
	}
	fd = listen_on(found, o->send_buffer);
	if (fd < 0)
		buf_printf(error, "cannot listen on '%s' (%s): %s", o->address, o->option,
		           explain(errno));
	freeaddrinfo(found);
	return fd;
}

/* What the kernel has really given us. */
static void learn_address(struct listener *l)
{
	struct sockaddr_storage a = { 0 };
	socklen_t n = sizeof a;
	char host[INET6_ADDRSTRLEN] = "?";
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&a;
	const struct sockaddr_in *four = (const struct sockaddr_in *)&a;

	getsockname(l->fd, (struct sockaddr *)&a, &n);
	l->is_loopback = address_is_loopback(&a);
	l->takes_loopback = l->is_loopback || is_any(&a);
	if (a.ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof host);
		snprintf(l->address, sizeof l->address, "[%s]:%u", host, ntohs(six->sin6_port));
	} else {
		inet_ntop(AF_INET, &four->sin_addr, host, sizeof host);
		snprintf(l->address, sizeof l->address, "%s:%u", host, ntohs(four->sin_port));
	}
}

struct listener *listener_open(const struct listener_options *o, struct buf *error)
{
	struct listener *l = calloc(1, sizeof *l);

	if (l == NULL) {
		buf_str(error, "out of memory");
		return NULL;
	}
	l->loop = o->loop;
	l->accepted = o->accepted;
	l->has_room = o->has_room;
	l->ctx = o->ctx;
	l->errors = o->errors;
	l->highest_fd = o->highest_fd;
	timer_init(&l->resume, l->loop, on_resume, l);
	l->fd = bind_address(o, error);
	if (l->fd < 0) {
		free(l);
		return NULL;
	}
	learn_address(l);
	return l;
}

bool listener_start(struct listener *l, struct lws_vhost *vhost)
{
	l->vhost = vhost;
	l->watch = loop_watch(l->loop, l->fd, on_ready, l);
	return l->watch != NULL;
}

void listener_close(struct listener *l)
{
	if (l == NULL)
		return;
	timer_stop(&l->resume);
	loop_unwatch(l->watch);
	close(l->fd);
	free(l);
}

const char *listener_address(const struct listener *l)
{
	return l->address;
}

bool listener_is_loopback(const struct listener *l)
{
	return l->is_loopback;
}

bool listener_takes_loopback(const struct listener *l)
{
	return l->takes_loopback;
}
