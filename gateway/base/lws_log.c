#include "gateway/base/lws_log.h"

#include "broker-common/log.h"

#include <string.h>
#include <time.h>

#define LINES_A_SECOND 10u

void lws_log_line(int level, const char *line)
{
	static uint64_t second;
	static uint32_t lines, held_back;
	struct timespec now;
	size_t n = strlen(line);

	(void)level;
	if (!log_wants(LOG_DEBUG))
		return;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if ((uint64_t)now.tv_sec != second) {
		if (held_back > 0)
			log_write(LOG_DEBUG, "lws.held_back", LOG_NUM("lines", held_back), LOG_END);
		second = (uint64_t)now.tv_sec;
		lines = held_back = 0;
	}
	if (++lines > LINES_A_SECOND) {
		held_back++;
		return;
	}
	while (n > 0 && line[n - 1] == '\n')
		n--;
	log_write(LOG_DEBUG, "lws", LOG_SLICE("line", ((struct slice){ line, n })), LOG_END);
}
