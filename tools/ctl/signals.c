#include "tools/ctl/signals.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t caught;
static int ends[2] = { -1, -1 }; /* a flag alone would be missed just before a wait */

static void on_signal(int number)
{
	(void)number;
	caught = 1;
	if (write(ends[1], "", 1) < 0)
		return; /* the pipe is full: readable already */
}

bool signals_catch(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

	if (ends[0] >= 0)
		return true;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return false;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	return true;
}

bool signals_caught(void)
{
	return caught != 0;
}

int signals_fd(void)
{
	return ends[0];
}
