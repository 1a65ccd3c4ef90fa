/*
 * Joiner: the pieces of a client's message until it is whole.
 *
 * A buffer exists only while a message is incomplete, and is charged to the process's budget.
 */
#ifndef ROOMCAST_JOINER_H
#define ROOMCAST_JOINER_H

#include "broker-common/budget.h"
#include "broker-common/err.h"

#include <stddef.h>
#include <stdint.h>

struct joined {
	struct joined *next; /* in the joiner's cache */
	size_t n, cap;       /* bytes */
	char bytes[];
};

struct joiner {
	struct joined *cache; /* a few small ones for the next messages; not charged */
	uint32_t n_cached;
};

void joiner_init(struct joiner *j);
void joiner_fini(struct joiner *j);

struct joiner_limits {
	struct budget *budget; /* what the buffers are charged to */
	uint64_t budget_most;
	size_t message_most; /* bytes */
};

/* Add a piece to `*m` (NULL: the first one). `to_come`: bytes that are known to follow. ERR_TOO_BIG: it
 * is, or will be, larger than allowed. ERR_OVERLOADED: the budget is used up. ERR_INTERNAL: no
 * memory. `*m` then stays what it was. */
enum err joiner_add(struct joiner *j, struct joined **m, const struct joiner_limits *l,
                    const char *piece, size_t n, size_t to_come) must_check;

/* Give it back; NULL is fine. */
void joiner_drop(struct joiner *j, struct joined *m, struct budget *b);

#endif
