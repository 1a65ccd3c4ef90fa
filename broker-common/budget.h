/*
 * How much memory clients may make a process hold: queued messages and partly received ones.
 *
 * Plain counting, one thread. What a shared message holds is counted once, however many wait
 * for it.
 */
#ifndef ROOMCAST_BUDGET_H
#define ROOMCAST_BUDGET_H

#include <stddef.h>

struct budget {
	size_t used; /* bytes */
};

static inline void budget_take(struct budget *b, size_t bytes)
{
	b->used += bytes;
}

static inline void budget_give(struct budget *b, size_t bytes)
{
	b->used -= bytes;
}

#endif
