#include "gateway/base/memory.h"

#include <stdio.h>
#include <string.h>
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

/* The least limit of this process's control group (version 2) and of those above it. */
static uint64_t group_limit(void)
{
	char line[256], path[300];
	uint64_t least = read_limit("/sys/fs/cgroup/memory/memory.limit_in_bytes"), limit;
	FILE *f = fopen("/proc/self/cgroup", "re");
	char *own = NULL, *slash;

	while (f != NULL && own == NULL && fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, "0::/", 4) == 0)
			own = line + 3;
	if (f != NULL)
		fclose(f);
	if (own != NULL)
		own[strcspn(own, "\n")] = '\0';
	while (own != NULL && (slash = strrchr(own, '/')) != NULL) {
		snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", own);
		limit = read_limit(path);
		if (limit < least)
			least = limit;
		*slash = '\0';
	}
	limit = read_limit("/sys/fs/cgroup/memory.max");
	return limit < least ? limit : least;
}

uint64_t memory_available(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
	uint64_t least = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : UINT64_MAX;
	uint64_t group = group_limit();
	struct rlimit space;

	if (group < least)
		least = group;
	if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY &&
	    space.rlim_cur < least)
		least = space.rlim_cur;
	return least;
}
