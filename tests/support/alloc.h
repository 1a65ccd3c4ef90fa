/*
 * Memory that runs out, for one module: include this, then the module's .c file.
 *
 *   allocs_left = 1; // the next allocation works, all after it fail
 */
#ifndef ROOMCAST_ALLOC_H
#define ROOMCAST_ALLOC_H

#include <limits.h>
#include <stdlib.h>

#define ALLOCS_UNLIMITED INT_MAX

static int allocs_left = ALLOCS_UNLIMITED;

static inline int alloc_may(void)
{
	if (allocs_left == ALLOCS_UNLIMITED)
		return 1;
	if (allocs_left == 0)
		return 0;
	allocs_left--;
	return 1;
}

static inline void *test_allocate(void *old, size_t n)
{
	return alloc_may() ? realloc(old, n) : NULL;
}

static inline void *test_allocate_zeroed(size_t n, size_t size)
{
	return alloc_may() ? calloc(n, size) : NULL;
}

#define malloc(n) test_allocate(NULL, n)
#define realloc(old, n) test_allocate(old, n)
#define calloc(n, size) test_allocate_zeroed(n, size)

#endif
