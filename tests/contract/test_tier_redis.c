#include "tests/support/redis_server.h"
#include "tests/support/tier_contract.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define FDS 64          /* none of this program is above */
#define MORE_TURNS 2000 /* and then it takes too long */

static struct redis_server *server;

static const char *start(void)
{
	server = redis_server_start();
	return server == NULL ? "no redis-server in PATH" : NULL;
}

static void stop(void)
{
	redis_server_stop(server);
}

static struct loop *open_redis(void **medium)
{
	*medium = NULL;
	return loop_new();
}

static void close_redis(struct loop *loop, void *medium)
{
	(void)medium;
	loop_free(loop);
}

/* Names of its own for each promise, so that none sees what another left. */
static const char *flags(void)
{
	static char text[400];
	static int promise;

	snprintf(text, sizeof text,
	         "--tier=redis --redis=%s --redis-prefix=promise%d --idempotency-keys=%d"
	         " --idempotency-ms=%d --lease-ms=2000 --redis-timeout-ms=1000 --redis-linger-ms=0"
	         " --redis-max-pending=1000 --redis-max-pending-bytes=4M",
	         redis_server_url(server), promise++, KEYS_MAX, KEYS_MS);
	return text;
}

static void stop_loop(void *loop)
{
	loop_stop(loop);
}

static void run_for(struct loop *loop, uint64_t ms)
{
	struct timer over;

	timer_init(&over, loop, stop_loop, loop);
	timer_set(&over, ms);
	loop_run(loop);
}

/* Something has come from the server and was not read yet. */
static bool is_unread(void)
{
	for (int fd = 0; fd < FDS; fd++) {
		struct stat s;
		int bytes = 0;

		if (fstat(fd, &s) == 0 && S_ISSOCK(s.st_mode) && ioctl(fd, FIONREAD, &bytes) == 0 &&
		    bytes > 0)
			return true;
	}
	return false;
}

/* At the end the server has done what it was told before, and we have read what it said then: how busy
 * the machine is makes no difference to a step of the world. */
static void pass_redis(struct loop *loop, uint64_t ms)
{
	run_for(loop, ms);
	redis_server_wait(server);
	for (int i = 0; i < MORE_TURNS && is_unread(); i++) {
		run_for(loop, 1);
		redis_server_wait(server);
	}
}

int main(void)
{
	return tier_contract(&(struct tier_backend){
		.tier = &tier_redis,
		.start = start,
		.stop = stop,
		.open = open_redis,
		.close = close_redis,
		.flags = flags,
		.pass = pass_redis,
		.step_ms = 3,
		.quiet_steps = 3,
	});
}
