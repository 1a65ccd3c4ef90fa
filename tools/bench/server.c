#include "tools/bench/server.h"

#include "tools/bench/certificate.h"
#include "tools/bench/clock.h"
#include "tools/bench/meter.h"
#include "tools/bench/progress.h"

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_NS (10 * NS_PER_SECOND)
#define STOP_NS (5 * NS_PER_SECOND)
#define ARGS_MAX 64

/* A bench is no ordinary client: what protects a server from such as it is opened. */
static const char *const open_limits[] = {
	"--admin-listen=off",       "--max-rate=10000000",    "--rate-burst=0",
	"--queue-messages=100000",  "--queue-bytes=67108864", "--max-connections=19000",
	"--ping-interval-ms=30000",
};

static int listen_on_loopback(int *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&at, n) == 0 && listen(fd, 4096) == 0 &&
	    getsockname(fd, (struct sockaddr *)&at, &n) == 0) {
		*port = ntohs(at.sin_port);
		return fd;
	}
	complain("cannot listen on 127.0.0.1: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static int connect_to(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_port = htons((uint16_t)port);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* One handshake: a forked process is as good as empty until it has done everything once, and what it
 * maps then must not count as memory of the connections. */
static bool warm_floor_up(int port)
{
	static const char request[] = "GET / HTTP/1.1\r\nSec-WebSocket-Key: warm\r\n\r\n";
	struct timeval limit = { .tv_sec = 5 };
	int fd = connect_to(port);
	char answer[256];
	bool warm;

	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	warm = send(fd, request, strlen(request), MSG_NOSIGNAL) > 0 &&
		recv(fd, answer, sizeof(answer), 0) > 0;
	close(fd);
	return warm;
}

/* In the child: what both kinds have in common. */
static void become_server(pid_t parent, int processor)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before that line */
		_exit(1);
	if (processor >= 0)
		meter_pin(0, processor);
}

bool server_start_floor(struct server *s, enum floor_sends sends, int processor)
{
	pid_t parent = getpid();
	int listener;

	memset(s, 0, sizeof(*s));
	s->output = -1;
	listener = listen_on_loopback(&s->port);
	if (listener < 0)
		return false;
	s->pid = fork();
	if (s->pid == 0) {
		become_server(parent, processor);
		/* What the bench has freed would serve the floor's connections and not show as their memory. */
		malloc_trim(0);
		floor_serve(listener, sends);
	}
	close(listener);
	if (s->pid > 0 && warm_floor_up(s->port))
		return true;
	complain("the floor does not start: %s", strerror(errno));
	server_stop(s);
	return false;
}

static void run_gateway(const struct server *s, const struct gateway_plan *plan)
{
	size_t own = sizeof(open_limits) / sizeof(open_limits[0]), n = 0;
	const char *argv[ARGS_MAX];
	char listen_arg[64], certificate[80], key[80];

	snprintf(listen_arg, sizeof(listen_arg), "--listen=127.0.0.1:%d", s->port);
	snprintf(certificate, sizeof(certificate), "--tls-cert=%s/" CERTIFICATE_FILE,
	         s->certificate);
	snprintf(key, sizeof(key), "--tls-key=%s/" CERTIFICATE_KEY_FILE, s->certificate);
	argv[n++] = plan->program;
	argv[n++] = listen_arg;
	if (plan->secure) {
		argv[n++] = certificate;
		argv[n++] = key;
	}
	for (size_t i = 0; i < own; i++)
		argv[n++] = open_limits[i];
	for (size_t i = 0; i < plan->args_count && n < ARGS_MAX - 1; i++)
		argv[n++] = plan->args[i];
	argv[n] = NULL;
	dup2(s->output, STDOUT_FILENO);
	dup2(s->output, STDERR_FILENO);
	execvp(plan->program, (char *const *)argv);
	fprintf(stderr, "%s: %s\n", plan->program, strerror(errno));
	_exit(127);
}

static void show_output(const struct server *s)
{
	char text[2048];
	off_t end = s->output < 0 ? 0 : lseek(s->output, 0, SEEK_END);
	off_t from = end > (off_t)sizeof(text) ? end - (off_t)sizeof(text) : 0;
	ssize_t n = end <= 0 ? 0 : pread(s->output, text, sizeof(text), from);

	if (n > 0)
		fprintf(stderr, "%.*s%s", (int)n, text, text[n - 1] == '\n' ? "" : "\n");
}

static void forget(struct server *s)
{
	if (s->output >= 0)
		close(s->output);
	if (s->certificate[0] != '\0')
		certificate_remove(s->certificate);
	s->certificate[0] = '\0';
	s->output = -1;
	s->pid = 0;
}

/* Wait for its end; whether it came in time. */
static bool wait_for_end(pid_t pid, uint64_t within_ns, int *status)
{
	uint64_t end = now_ns() + within_ns;

	for (;;) {
		if (waitpid(pid, status, WNOHANG) != 0)
			return true;
		if (now_ns() >= end)
			return false;
		usleep(5000);
	}
}

static bool wait_until_accepting(struct server *s, const char *program)
{
	uint64_t end = now_ns() + START_NS;
	int status, probe;

	while (now_ns() < end) {
		if (waitpid(s->pid, &status, WNOHANG) != 0) {
			complain("%s does not start; it says:", program);
			s->pid = 0;
			return false;
		}
		probe = connect_to(s->port);
		if (probe >= 0) {
			close(probe);
			return true;
		}
		usleep(10000);
	}
	complain("%s does not listen within %d s; it says:", program,
	         (int)(START_NS / NS_PER_SECOND));
	return false;
}

bool server_start_gateway(struct server *s, const struct gateway_plan *plan)
{
	pid_t parent = getpid();
	int probe;

	memset(s, 0, sizeof(*s));
	s->output = memfd_create("gateway-output", MFD_CLOEXEC);
	probe = listen_on_loopback(&s->port); /* a free port, hopefully for another moment */
	if (probe < 0 ||
	    (plan->secure && !certificate_make(s->certificate, sizeof(s->certificate)))) {
		forget(s);
		return false;
	}
	close(probe);
	s->pid = fork();
	if (s->pid == 0) {
		become_server(parent, plan->processor);
		run_gateway(s, plan);
	}
	if (s->pid > 0 && wait_until_accepting(s, plan->program))
		return true;
	show_output(s);
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		waitpid(s->pid, NULL, 0);
	}
	forget(s);
	return false;
}

bool server_stop(struct server *s)
{
	bool was_floor = s->output < 0, ended_early, well;
	int status = 0;

	if (s->pid <= 0)
		return true;
	ended_early = waitpid(s->pid, &status, WNOHANG) != 0;
	if (!ended_early) {
		kill(s->pid, was_floor ? SIGKILL : SIGTERM);
		if (!wait_for_end(s->pid, STOP_NS, &status)) {
			kill(s->pid, SIGKILL);
			waitpid(s->pid, &status, 0);
		}
	}
	well = !ended_early && (was_floor || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
	if (!well) {
		complain("the %s %s with %s %d; it said:", was_floor ? "floor" : "gateway",
		         ended_early ? "ended by itself" : "ended",
		         WIFSIGNALED(status) ? "signal" : "exit code",
		         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		show_output(s);
	}
	forget(s);
	return well;
}
