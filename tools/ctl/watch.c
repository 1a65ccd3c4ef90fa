#include "tools/ctl/watch.h"

#include "tools/ctl/output.h"
#include "tools/ctl/say.h"
#include "tools/ctl/signals.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* A terminal shows one state at a time; elsewhere a table is set apart by its time. */
static bool write_head(const struct command *c)
{
	time_t now = time(NULL);
	struct tm local;
	char head[128], clock[16];

	if (output_json)
		return true;
	localtime_r(&now, &local);
	strftime(clock, sizeof(clock), "%H:%M:%S", &local);
	snprintf(head, sizeof(head), "%s%s  %s, every %g s\n\n",
	         isatty(STDOUT_FILENO) ? "\033[H\033[2J" : "", clock, c->name,
	         (double)output_watch_ms / 1000);
	return say_text(slice_of(head));
}

static void wait_ms(uint64_t ms)
{
	struct pollfd p = { .fd = signals_fd(), .events = POLLIN };

	poll(&p, 1, (int)ms);
}

int watch(const struct command *c, int argc, char **argv)
{
	if (!signals_catch()) {
		say("out of descriptors");
		return FAILED;
	}
	while (!signals_caught()) {
		if (!write_head(c))
			return FAILED;
		if (c->run(argc, argv) == USAGE)
			return USAGE;
		if (!signals_caught())
			wait_ms(output_watch_ms);
	}
	return DONE;
}
