/*
 * Intrusive doubly linked list: the node lives in what is listed, so nothing is allocated.
 *
 * A node that is in no list has `next` NULL, so that removing it twice is fine.
 */
#ifndef ROOMCAST_LIST_H
#define ROOMCAST_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_node {
	struct list_node *prev, *next;
};

struct list {
	struct list_node head; /* a ring through the head: no special cases */
};

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void list_init(struct list *l)
{
	l->head.prev = l->head.next = &l->head;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->head.next == &l->head;
}

static inline bool list_has(const struct list_node *n)
{
	return n->next != NULL;
}

/* The oldest, or NULL. */
static inline struct list_node *list_first(struct list *l)
{
	return list_is_empty(l) ? NULL : l->head.next;
}

/* The one behind `n`, or NULL at the end. */
static inline struct list_node *list_next(struct list *l, struct list_node *n)
{
	return n->next == &l->head ? NULL : n->next;
}

static inline void list_push(struct list *l, struct list_node *n)
{
	n->prev = l->head.prev;
	n->next = &l->head;
	l->head.prev->next = n;
	l->head.prev = n;
}

static inline void list_remove(struct list_node *n)
{
	if (n->next == NULL)
		return;
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->prev = n->next = NULL;
}

/* Take the oldest out, or NULL. */
static inline struct list_node *list_shift(struct list *l)
{
	struct list_node *n = list_first(l);

	if (n != NULL)
		list_remove(n);
	return n;
}

#endif
