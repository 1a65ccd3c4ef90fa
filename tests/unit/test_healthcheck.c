#include "gateway/base/healthcheck.h"

#include "tests/support/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A server for one connection, in a child. */
struct server {
	int fd;
	uint16_t port;
	pid_t child;
};

static char said[4096]; /* on stderr, by the last check() */

static void listen_on(struct server *s, int family)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = family == AF_INET ? sizeof(v4) : sizeof(v6);
	struct sockaddr *address = family == AF_INET ? (void *)&v4 : (void *)&v6;

	s->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, address, n), 0);
	assert_int_equal(listen(s->fd, 4), 0);
	assert_int_equal(getsockname(s->fd, address, &n), 0);
	s->port = ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
}

/* Read the request up to its end, answer in pieces of `piece` bytes, close unless it `hangs`. */
static void serve_one(int listener, const char *answer, size_t piece, bool hangs)
{
	static const char first[] = "GET /readyz HTTP/1.1\r\nHost: localhost:";
	char request[512] = "";
	size_t n = 0, left = strlen(answer);
	int fd = accept(listener, NULL, NULL);

	while (strstr(request, "\r\n\r\n") == NULL && n < sizeof(request) - 1) {
		ssize_t got = read(fd, request + n, sizeof(request) - 1 - n);

		if (got <= 0)
			_exit(1);
		n += (size_t)got;
	}
	if (strncmp(request, first, strlen(first)) != 0 ||
	    strstr(request, "\r\nConnection: close\r\n") == NULL)
		_exit(1);
	for (; left > 0; answer += piece, left -= piece) {
		piece = left < piece ? left : piece;
		if (write(fd, answer, piece) != (ssize_t)piece)
			break;
		if (left > piece)
			usleep(1000);
	}
	if (hangs)
		pause();
	_exit(0);
}

static struct server serve(int family, const char *answer, size_t piece, bool hangs)
{
	struct server s;

	listen_on(&s, family);
	s.child = fork();
	assert_true(s.child >= 0);
	if (s.child == 0) {
		signal(SIGPIPE, SIG_IGN);
		serve_one(s.fd, answer, piece, hangs);
	}
	return s;
}

static void stop(struct server *s)
{
	kill(s->child, SIGKILL);
	waitpid(s->child, NULL, 0);
	close(s->fd);
}

static int check(const char *admin_listen)
{
	int saved = dup(2), caught = memfd_create("stderr", 0), code;
	ssize_t n;

	fflush(stderr);
	assert_true(saved >= 0 && caught >= 0);
	dup2(caught, 2);
	code = healthcheck_run(admin_listen);
	dup2(saved, 2);
	n = pread(caught, said, sizeof(said) - 1, 0);
	said[n < 0 ? 0 : n] = '\0';
	close(saved);
	close(caught);
	return code;
}

/* Check against a server at `format`'s port. */
static int check_port(const char *format, uint16_t port)
{
	char address[64];

	snprintf(address, sizeof(address), format, port);
	return check(address);
}

static void assert_answer(const char *answer, int code, const char *sentence)
{
	struct server s = serve(AF_INET, answer, 4096, false);

	assert_int_equal(check_port("127.0.0.1:%u", s.port), code);
	assert_string_equal(said, sentence);
	stop(&s);
}

#define SAYS(reason) "roomcast-gateway: not ready: " reason "\n"

static void a_gateway_that_says_200_is_ready_and_nothing_is_printed(void **state)
{
	(void)state;
	assert_answer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n", 0, "");
	assert_answer("HTTP/1.0 200 OK\r\n\r\n", 0, "");
}

static void a_gateway_that_is_not_ready_gives_its_reason(void **state)
{
	(void)state;
	assert_answer("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 9\r\n\r\ndraining\n", 1,
	              SAYS("503 draining"));
	assert_answer("HTTP/1.1 404 Not Found\r\n\r\n", 1, SAYS("404 "));
	assert_answer("HTTP/1.1 503 Service Unavailable\r\n", 1, SAYS("503 "));
	assert_answer("HTTP/1.1 503 X\r\n\r\na\x1b[31m\xff", 1, SAYS("503 a?[31m?"));
}

static void what_does_not_speak_http_is_not_ready(void **state)
{
	char sentence[128];
	struct server s;

	(void)state;
	s = serve(AF_INET, "SSH-2.0-OpenSSH_9.2\r\n", 4096, false);
	assert_int_equal(check_port("127.0.0.1:%u", s.port), 1);
	snprintf(sentence, sizeof(sentence), SAYS("127.0.0.1:%u does not speak HTTP"), s.port);
	assert_string_equal(said, sentence);
	stop(&s);
	s = serve(AF_INET, "", 1, false);
	assert_int_equal(check_port("127.0.0.1:%u", s.port), 1);
	stop(&s);
}

static void an_answer_may_come_in_pieces(void **state)
{
	struct server s = serve(AF_INET, "HTTP/1.1 200 OK\r\n\r\n", 1, false);

	(void)state;
	assert_int_equal(check_port("127.0.0.1:%u", s.port), 0);
	stop(&s);
	s = serve(AF_INET, "HTTP/1.1 503 No\r\n\r\nno tier\r\nmore", 3, false);
	assert_int_equal(check_port("127.0.0.1:%u", s.port), 1);
	assert_string_equal(said, SAYS("503 no tier"));
	stop(&s);
}

static void an_answer_larger_than_is_looked_at_is_cut(void **state)
{
	char answer[20000] = "HTTP/1.1 503 No\r\n\r\n";
	struct server s;

	(void)state;
	memset(answer + 19, 'x', sizeof(answer) - 20);
	answer[sizeof(answer) - 1] = '\0';
	s = serve(AF_INET, answer, sizeof(answer), false);
	assert_int_equal(check_port("127.0.0.1:%u", s.port), 1);
	assert_memory_equal(said, SAYS("503 xxx"), strlen(SAYS("503 xxx")) - 1);
	assert_true(strlen(said) < 300);
	stop(&s);
}

static void whoever_listens_anywhere_is_asked_on_the_loopback(void **state)
{
	static const char *const any[] = { "*:%u", ":%u", "0.0.0.0:%u", "localhost:%u" };

	(void)state;
	for (size_t i = 0; i < sizeof(any) / sizeof(*any); i++) {
		struct server s = serve(AF_INET, "HTTP/1.1 200 OK\r\n\r\n", 4096, false);

		assert_int_equal(check_port(any[i], s.port), 0);
		stop(&s);
	}
}

static void ipv6_works_too(void **state)
{
	static const char *const any[] = { "[::1]:%u", "[::]:%u" };
	int probe = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	bool there = probe >= 0 && bind(probe, (struct sockaddr *)&v6, sizeof(v6)) == 0;

	(void)state;
	if (probe >= 0)
		close(probe);
	if (!there)
		skip(); /* this system has none */
	for (size_t i = 0; i < sizeof(any) / sizeof(*any); i++) {
		struct server s = serve(AF_INET6, "HTTP/1.1 200 OK\r\n\r\n", 4096, false);

		assert_int_equal(check_port(any[i], s.port), 0);
		stop(&s);
	}
}

static void nobody_to_ask_is_not_ready(void **state)
{
	char sentence[128];
	struct server s;

	(void)state;
	assert_int_equal(check("off"), 1);
	assert_string_equal(said, SAYS("admin_listen is 'off', so there is nobody to ask"));
	assert_int_equal(check("127.0.0.1:0"), 1);
	assert_string_equal(said, SAYS("admin_listen is '127.0.0.1:0', so there is nobody to ask"));

	listen_on(&s, AF_INET);
	close(s.fd); /* a port that was free a moment ago */
	assert_int_equal(check_port("127.0.0.1:%u", s.port), 1);
	snprintf(sentence, sizeof(sentence),
	         SAYS("no connection to 127.0.0.1:%u: Connection refused"), s.port);
	assert_string_equal(said, sentence);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void a_gateway_that_does_not_answer_is_given_two_seconds(void **state)
{
	char sentence[128];
	struct server s = serve(AF_INET, "HTTP/1.1", 4096, true);
	double start = seconds();

	(void)state;
	assert_int_equal(check_port("127.0.0.1:%u", s.port), 1);
	assert_true(seconds() - start > 1.9);
	assert_true(seconds() - start < 10);
	snprintf(sentence, sizeof(sentence),
	         SAYS("no answer from 127.0.0.1:%u: Connection timed out"), s.port);
	assert_string_equal(said, sentence);
	stop(&s);
}

/* The kernel answers nobody once the queue of a listener is full. */
static void a_gateway_that_does_not_accept_is_given_two_seconds(void **state)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char sentence[128];
	struct server s;
	int fds[4];

	(void)state;
	listen_on(&s, AF_INET);
	assert_int_equal(listen(s.fd, 0), 0);
	v4.sin_port = htons(s.port);
	for (int i = 0; i < 4; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(fds[i], (struct sockaddr *)&v4, sizeof(v4));
	}
	assert_int_equal(check_port("127.0.0.1:%u", s.port), 1);
	snprintf(sentence, sizeof(sentence),
	         SAYS("no connection to 127.0.0.1:%u: Connection timed out"), s.port);
	assert_string_equal(said, sentence);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	close(s.fd);
}

static void good_news_is_not_waited_for_to_its_end(void **state)
{
	struct server s = serve(AF_INET, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n", 4096, true);
	double start = seconds();

	(void)state;
	assert_int_equal(check_port("127.0.0.1:%u", s.port), 0);
	assert_true(seconds() - start < 1.5);
	stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gateway_that_says_200_is_ready_and_nothing_is_printed),
		cmocka_unit_test(a_gateway_that_is_not_ready_gives_its_reason),
		cmocka_unit_test(what_does_not_speak_http_is_not_ready),
		cmocka_unit_test(an_answer_may_come_in_pieces),
		cmocka_unit_test(an_answer_larger_than_is_looked_at_is_cut),
		cmocka_unit_test(whoever_listens_anywhere_is_asked_on_the_loopback),
		cmocka_unit_test(ipv6_works_too),
		cmocka_unit_test(nobody_to_ask_is_not_ready),
		cmocka_unit_test(a_gateway_that_does_not_answer_is_given_two_seconds),
		cmocka_unit_test(a_gateway_that_does_not_accept_is_given_two_seconds),
		cmocka_unit_test(good_news_is_not_waited_for_to_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
