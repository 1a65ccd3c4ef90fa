#include "tests/support/redis_server.h"

#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_MS 20000
#define NOT_FOUND 127 /* exit code, as a shell's */

struct redis_server {
	char directory[64];
	struct sockaddr_un address;
	char url[128];
	pid_t pid;
	int fd; /* a connection of our own */
};

static void run(const struct redis_server *s, pid_t parent)
{
	int log = open("log", O_WRONLY | O_CREAT, 0600);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || log < 0)
		_exit(1);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", s->address.sun_path,
	       "--save", "", "--appendonly", "no", "--daemonize", "no", NULL);
	_exit(errno == ENOENT ? NOT_FOUND : 1);
}

static void remove_directory(const struct redis_server *s)
{
	char log[80];

	snprintf(log, sizeof log, "%s/log", s->directory);
	unlink(log);
	unlink(s->address.sun_path);
	rmdir(s->directory);
}

/* -1: not yet, or not any more. */
static int reach(const struct redis_server *s)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&s->address, sizeof s->address) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool ping(int fd)
{
	char answer[8];
	size_t n = 0;
	ssize_t got = 1;

	if (send(fd, "PING\r\n", 6, MSG_NOSIGNAL) != 6)
		return false;
	while (n < 7 && (got = read(fd, answer + n, 7 - n)) > 0)
		n += (size_t)got;
	return n == 7 && memcmp(answer, "+PONG\r\n", 7) == 0;
}

/* False: it has ended by itself; `*code` says how. */
static bool await(struct redis_server *s, int *code)
{
	for (int ms = 0; ms < START_MS; ms += 10) {
		if (waitpid(s->pid, code, WNOHANG) == s->pid)
			return false;
		s->fd = reach(s);
		if (s->fd >= 0)
			return ping(s->fd);
		usleep(10000);
	}
	*code = 0;
	return false;
}

struct redis_server *redis_server_start(void)
{
	const char *tmp = getenv("TMPDIR");
	struct redis_server *s = calloc(1, sizeof *s);
	pid_t self = getpid();
	int code = 0, n;

	assert_non_null(s);
	s->fd = -1;
	n = snprintf(s->directory, sizeof s->directory, "%s/roomcast-redis.XXXXXX",
	             tmp == NULL || tmp[0] == '\0' || strlen(tmp) > 30 ? "/tmp" : tmp);
	assert_in_range(n, 1, sizeof s->directory - 1);
	assert_non_null(mkdtemp(s->directory));
	s->address.sun_family = AF_UNIX;
	snprintf(s->address.sun_path, sizeof s->address.sun_path, "%s/socket", s->directory);
	snprintf(s->url, sizeof s->url, "unix://%s", s->address.sun_path);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0) {
		if (chdir(s->directory) != 0)
			_exit(1);
		run(s, self);
	}
	if (await(s, &code))
		return s;
	remove_directory(s);
	if (code == 0)
		kill(s->pid, SIGKILL);
	free(s);
	if (WIFEXITED(code) && WEXITSTATUS(code) == NOT_FOUND)
		return NULL;
	fail_msg("redis-server did not start");
	return NULL;
}

const char *redis_server_url(const struct redis_server *s)
{
	return s->url;
}

/* It serves all connections that are readable before it waits again, so the second answer comes after
 * all that it said when it served us first. */
void redis_server_wait(struct redis_server *s)
{
	if (!ping(s->fd) || !ping(s->fd))
		fail_msg("redis-server has gone");
}

void redis_server_stop(struct redis_server *s)
{
	if (s == NULL)
		return;
	close(s->fd);
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	remove_directory(s);
	free(s);
}
