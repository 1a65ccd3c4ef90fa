#include "gateway/server/joiner.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 1024u
#define CACHED_MOST 8u           /* buffers */
#define CACHED_CAP (16u * 1024u) /* bytes of the largest that is kept */

void joiner_init(struct joiner *j)
{
	*j = (struct joiner){ NULL, 0 };
}

void joiner_fini(struct joiner *j)
{
	struct joined *next;

	for (struct joined *m = j->cache; m != NULL; m = next) {
		next = m->next;
		free(m);
	}
	joiner_init(j);
}

static struct joined *take_cached(struct joiner *j, size_t least)
{
	struct joined *m = j->cache;

	if (m == NULL || m->cap < least)
		return NULL;
	j->cache = m->next;
	j->n_cached--;
	m->n = 0;
	return m;
}

/* Doubling, so that a message costs few copies; but never more than a message may have. */
static size_t cap_for(size_t least, size_t most)
{
	size_t cap = FIRST_CAP;

	while (cap < least)
		cap *= 2;
	return cap < most ? cap : most;
}

static enum err make_room(struct joiner *j, struct joined **m, const struct joiner_limits *l,
                          size_t least)
{
	size_t had = *m == NULL ? 0 : (*m)->cap, cap = cap_for(least, l->message_most);
	struct joined *bigger = NULL;

	if (l->budget->used + (cap - had) > l->budget_most)
		return ERR_OVERLOADED;
	if (*m == NULL)
		bigger = take_cached(j, least);
	if (bigger == NULL) {
		bigger = realloc(*m, sizeof *bigger + cap);
		if (bigger == NULL)
			return ERR_INTERNAL;
		if (*m == NULL)
			bigger->n = 0;
		bigger->cap = cap;
	}
	budget_take(l->budget, bigger->cap - had);
	*m = bigger;
	return ERR_OK;
}

enum err joiner_add(struct joiner *j, struct joined **m, const struct joiner_limits *l,
                    const char *piece, size_t n, size_t to_come)
{
	size_t had = *m == NULL ? 0 : (*m)->n;
	enum err e = ERR_OK;

	if (had > l->message_most || n > l->message_most - had ||
	    to_come > l->message_most - had - n)
		return ERR_TOO_BIG;
	if (*m == NULL || (*m)->cap - had < n)
		e = make_room(j, m, l, had + n);
	if (e != ERR_OK)
		return e;
	if (n > 0)
		memcpy((*m)->bytes + had, piece, n);
	(*m)->n += n;
	return ERR_OK;
}

void joiner_drop(struct joiner *j, struct joined *m, struct budget *b)
{
	if (m == NULL)
		return;
	budget_give(b, m->cap);
	if (j->n_cached >= CACHED_MOST || m->cap > CACHED_CAP) {
		free(m);
		return;
	}
	m->next = j->cache;
	j->cache = m;
	j->n_cached++;
}
