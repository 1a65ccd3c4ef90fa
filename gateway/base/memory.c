#include "gateway/base/memory.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* The number in a control group's file; UINT64_MAX when there is none ("max"). */
static uint64_t read_limit(const char *path)
{
	unsigned long long v;
	FILE *f = fopen(path, "re");
	int n;

	if (f == NULL)
		return UINT64_MAX;
	n = fscanf(f, "%llu", &v);
	fclose(f);
	return n == 1 && v > 0 ? v : UINT64_MAX;
}

uint64_t memory_available(void)
{
	uint64_t least = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	const uint64_t groups[] = {
		read_limit("/sys/fs/cgroup/memory.max"),
		read_limit("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
	};
	struct rlimit space;

	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		if (groups[i] < least)
			least = groups[i];
	if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY &&
	    space.rlim_cur < least)
		least = space.rlim_cur;
	return least;
}
