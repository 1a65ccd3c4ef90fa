#include "tools/bench/meter.h"

#include "tools/bench/clock.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool meter_cpu(const struct meter *m, uint64_t *ns)
{
	*ns = 0;
	for (size_t i = 0; i < m->count; i++) {
		struct timespec t;
		clockid_t clock;

		/* In nanoseconds; /proc/PID/stat counts in ticks of 10 ms. */
		if (clock_getcpuclockid(m->pid[i], &clock) != 0 || clock_gettime(clock, &t) != 0)
			return false;
		*ns += (uint64_t)t.tv_sec * NS_PER_SECOND + (uint64_t)t.tv_nsec;
	}
	return m->count > 0;
}

static bool add_memory(pid_t pid, struct memory *out)
{
	char line[256];
	unsigned long kib;
	int found = 0;
	FILE *f;

	snprintf(line, sizeof(line), "/proc/%d/smaps_rollup", (int)pid);
	f = fopen(line, "r");
	if (f == NULL)
		return false;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "Rss: %lu kB", &kib) == 1) {
			out->rss_bytes += (uint64_t)kib << 10;
			found++;
		} else if (sscanf(line, "Pss: %lu kB", &kib) == 1) {
			out->pss_bytes += (uint64_t)kib << 10;
			found++;
		}
	}
	fclose(f);
	return found == 2;
}

bool meter_memory(const struct meter *m, struct memory *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < m->count; i++)
		if (!add_memory(m->pid[i], out))
			return false;
	return m->count > 0;
}

uint64_t meter_own_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NS_PER_SECOND + (uint64_t)t.tv_nsec;
}

uint64_t meter_machine_cpu_ns(void)
{
	unsigned long user, nice, system, idle, wait, irq, softirq, steal, ticks = 0;
	FILE *f = fopen("/proc/stat", "r");

	if (f == NULL)
		return 0;
	if (fscanf(f, "cpu %lu %lu %lu %lu %lu %lu %lu %lu", &user, &nice, &system, &idle, &wait,
	           &irq, &softirq, &steal) == 8)
		ticks = user + nice + system + irq + softirq + steal;
	fclose(f);
	return ticks * (NS_PER_SECOND / (uint64_t)sysconf(_SC_CLK_TCK));
}

int meter_processors(int *first, int *last)
{
	cpu_set_t set;
	int count = 0;

	*first = *last = 0;
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &set))
			continue;
		if (count++ == 0)
			*first = i;
		*last = i;
	}
	return count;
}

bool meter_pin(pid_t pid, int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	return sched_setaffinity(pid, sizeof(set), &set) == 0;
}
