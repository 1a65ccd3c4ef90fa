#include "gateway/tier/redis/registry.h"

#include <assert.h>
#include <stdlib.h>

struct slice mirror_topic_key(const struct map_node *n)
{
	return reg_topic_name(container_of(n, const struct reg_topic, node));
}

/* A blob begins with the client's length and name. */
static struct slice member_key(const struct map_node *n)
{
	const struct reg_member *m = container_of(n, const struct reg_member, node);

	return (struct slice){ m->blob + 1, (unsigned char)m->blob[0] };
}

struct reg_topic *mirror_find(struct registry *g, struct slice topic)
{
	struct map_node *n = map_find(&g->topics, topic);

	return n == NULL ? NULL : container_of(n, struct reg_topic, node);
}

static struct reg_topic *topic_new(struct registry *g, struct slice name, uint32_t told)
{
	struct reg_topic *t = calloc(1, sizeof *t + name.n);

	if (t == NULL)
		return NULL;
	t->len = (uint32_t)name.n;
	t->told = told;
	memcpy(t->name, name.p, name.n);
	map_init(&t->members, member_key);
	list_init(&t->order_of_members);
	if (!map_add(&g->topics, &t->node)) {
		free(t);
		return NULL;
	}
	list_push(&g->order, &t->order);
	return t;
}

static void topic_free(struct registry *g, struct reg_topic *t)
{
	struct list_node *n;

	while ((n = list_shift(&t->order_of_members)) != NULL)
		free(container_of(n, struct reg_member, order));
	map_fini(&t->members);
	map_remove(&g->topics, &t->node);
	list_remove(&t->order);
	free(t);
}

static bool add_member(struct reg_topic *t, const struct entering *e)
{
	struct reg_member *m;

	if (map_find(&t->members, (struct slice){ e->text + e->topic_n + 1, e->client_n }) != NULL)
		return true;
	m = malloc(sizeof *m + e->blob_n);
	if (m == NULL)
		return false;
	*m = (struct reg_member){ .told = e->number, .len = e->blob_n };
	memcpy(m->blob, e->text + e->topic_n + 1 + e->client_n, e->blob_n);
	if (!map_add(&t->members, &m->node)) {
		free(m);
		return false;
	}
	list_push(&t->order_of_members, &m->order);
	return true;
}

bool mirror_enter(struct registry *g, const struct entering *e)
{
	struct slice topic = { e->text, e->topic_n };
	struct reg_topic *t = mirror_find(g, topic);

	if (t == NULL && !e->again)
		t = topic_new(g, topic, e->number);
	if (t == NULL)
		return false;
	if (e->visible && !add_member(t, e)) {
		if (t->connections == 0)
			topic_free(g, t);
		return false;
	}
	t->presence_max = e->presence_max;
	t->connections += !e->again;
	return true;
}

void mirror_leave(struct registry *g, struct reg_topic *t, struct slice client)
{
	struct map_node *n = map_find(&t->members, client);

	assert(t->connections > 0);
	if (n != NULL) {
		struct reg_member *m = container_of(n, struct reg_member, node);

		/* Of those who wait to be told; an earlier restoring may have stopped with some. */
		if (t->told == g->number && m->told != g->number)
			t->untold--;
		map_remove(&t->members, n);
		list_remove(&m->order);
		free(m);
	}
	if (--t->connections == 0)
		topic_free(g, t);
}

void mirror_clear(struct registry *g)
{
	struct list_node *n;

	while ((n = list_first(&g->order)) != NULL)
		topic_free(g, container_of(n, struct reg_topic, order));
	map_fini(&g->topics);
}
