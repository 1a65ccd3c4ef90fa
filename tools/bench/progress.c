#include "tools/bench/progress.h"

#include "tools/bench/clock.h"

#include <stdarg.h>
#include <stdio.h>

#define INTERVAL_NS (250 * NS_PER_MS)

static bool enabled, shown;
static uint64_t next_ns;

void progress_enable(bool on)
{
	enabled = on;
}

bool progress_is_due(uint64_t now)
{
	if (!enabled || now < next_ns)
		return false;
	next_ns = now + INTERVAL_NS;
	return true;
}

void progress_show(const char *format, ...)
{
	va_list args;

	fputs("\r\033[K", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fflush(stderr);
	shown = true;
}

void progress_clear(void)
{
	if (shown)
		fputs("\r\033[K", stderr);
	shown = false;
}

void complain(const char *format, ...)
{
	va_list args;

	progress_clear();
	fputs("roomcast-bench: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}
