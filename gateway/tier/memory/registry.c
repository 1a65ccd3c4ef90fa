#include "gateway/tier/memory/exchange.h"

#include <assert.h>
#include <stdlib.h>

struct slice registry_topic_key(const struct map_node *n)
{
	const struct registry_topic *t = container_of(n, const struct registry_topic, node);

	return (struct slice){ t->name, t->len };
}

static struct slice seat_key(const struct map_node *n)
{
	return container_of(n, const struct seat, node)->member.client;
}

static struct slice user_key(const struct map_node *n)
{
	const struct presence_user *u = container_of(n, const struct presence_user, node);

	return (struct slice){ u->name, u->len };
}

struct registry_topic *registry_find(struct exchange *x, struct slice topic)
{
	struct map_node *n = map_find(&x->topics, topic);

	return n == NULL ? NULL : container_of(n, struct registry_topic, node);
}

struct registry_topic *registry_get(struct exchange *x, struct slice topic)
{
	struct registry_topic *t = registry_find(x, topic);

	if (t != NULL)
		return t;
	t = calloc(1, sizeof *t + topic.n);
	if (t == NULL)
		return NULL;
	t->len = (uint32_t)topic.n;
	memcpy(t->name, topic.p, topic.n);
	map_init(&t->seats, seat_key);
	map_init(&t->users, user_key);
	if (!map_add(&x->topics, &t->node)) {
		free(t);
		return NULL;
	}
	return t;
}

void registry_put(struct exchange *x, struct registry_topic *t)
{
	if (t->n_interests > 0)
		return;
	assert(t->seats.n == 0 && t->connections == 0);
	map_remove(&x->topics, &t->node);
	map_fini(&t->seats);
	map_fini(&t->users);
	free(t->interests);
	free(t);
}

struct interest *registry_interest(struct registry_topic *t, struct memory_tier *node, bool create)
{
	for (uint32_t i = 0; i < t->n_interests; i++)
		if (t->interests[i].node == node)
			return &t->interests[i];
	if (!create)
		return NULL;
	if (t->n_interests == t->room) {
		uint32_t room = t->room == 0 ? 1 : t->room * 2;
		struct interest *all = realloc(t->interests, room * sizeof *all);

		if (all == NULL)
			return NULL;
		t->interests = all;
		t->room = room;
	}
	t->interests[t->n_interests] = (struct interest){ .node = node };
	return &t->interests[t->n_interests++];
}

uint32_t registry_gateways(const struct registry_topic *t)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->n_interests; i++)
		n += t->interests[i].connections > 0;
	return n;
}

/* A node with nothing in the topic any more is no part of it. */
static void drop_if_idle(struct registry_topic *t, struct memory_tier *node)
{
	struct interest *i = registry_interest(t, node, false);

	if (i != NULL && !i->subscribed && i->connections == 0)
		*i = t->interests[--t->n_interests];
}

/* --- who is visible --------------------------------------------------------------- */

/* True when this is the user's first connection in the room. */
static bool user_arrives(struct registry_topic *t, struct slice user, enum err *e)
{
	struct map_node *n = map_find(&t->users, user);
	struct presence_user *u;

	if (n != NULL) {
		container_of(n, struct presence_user, node)->connections++;
		return false;
	}
	u = malloc(sizeof *u + user.n);
	if (u != NULL) {
		*u = (struct presence_user){ .connections = 1, .len = (uint32_t)user.n };
		memcpy(u->name, user.p, user.n);
		if (map_add(&t->users, &u->node))
			return true;
		free(u);
	}
	*e = ERR_INTERNAL;
	return false;
}

/* True when it was the last one. */
static bool user_departs(struct registry_topic *t, struct slice user)
{
	struct map_node *n = map_find(&t->users, user);
	struct presence_user *u = container_of(n, struct presence_user, node);

	assert(n != NULL);
	if (--u->connections > 0)
		return false;
	map_remove(&t->users, n);
	free(u);
	return true;
}

static struct slice copy_text(char **to, struct slice s)
{
	struct slice copy = { s.p == NULL ? NULL : *to, s.n };

	if (s.p != NULL && s.n > 0)
		memcpy(*to, s.p, s.n);
	*to += s.n;
	return copy;
}

static struct seat *seat_new(struct memory_tier *owner, const struct member *m)
{
	struct seat *s = malloc(sizeof *s + m->client.n + m->user.n + m->info.n);
	char *text;

	if (s == NULL)
		return NULL;
	text = (char *)(s + 1);
	*s = (struct seat){ .owner = owner };
	s->member.client = copy_text(&text, m->client);
	s->member.user = copy_text(&text, m->user);
	s->member.info = copy_text(&text, m->info);
	return s;
}

static void tell(struct registry_topic *t, const struct seat *s, bool joined, bool edge,
                 uint64_t max)
{
	struct parcel p = {
		.kind = PARCEL_PRESENCE,
		.topic = { t->name, t->len },
		.member = s->member,
		.joined = joined,
		.user_edge = edge,
		.counts_only = t->seats.n > max,
		.rev = ++t->rev,
		.count = t->seats.n,
		.users = t->users.n,
	};

	exchange_spread(t, &p);
}

static enum err make_visible(struct memory_tier *node, struct registry_topic *t,
                             const struct tier_entry *e)
{
	struct seat *s;
	enum err err = ERR_OK;
	bool edge = false;

	if (map_find(&t->seats, e->member.client) != NULL)
		return ERR_OK;
	s = seat_new(node, &e->member);
	if (s == NULL)
		return ERR_INTERNAL;
	if (!map_add(&t->seats, &s->node)) {
		free(s);
		return ERR_INTERNAL;
	}
	if (s->member.user.p != NULL)
		edge = user_arrives(t, s->member.user, &err);
	if (err != ERR_OK) {
		map_remove(&t->seats, &s->node);
		free(s);
		return err;
	}
	tell(t, s, true, edge, e->presence_max);
	return ERR_OK;
}

static void make_invisible(struct registry_topic *t, struct seat *s, uint64_t max)
{
	bool edge = s->member.user.p != NULL && user_departs(t, s->member.user);

	map_remove(&t->seats, &s->node);
	tell(t, s, false, edge, max);
	free(s);
}

/* --- entering and leaving ------------------------------------------------------------------ */

enum err registry_enter(struct memory_tier *node, const struct tier_entry *e)
{
	struct registry_topic *t = registry_get(node->x, e->topic);
	struct interest *i;
	enum err err = ERR_OK;

	if (t == NULL)
		return ERR_INTERNAL;
	t->presence_max = e->presence_max;
	if (e->max_members > 0 && !e->again && t->connections >= e->max_members) {
		registry_put(node->x, t);
		return ERR_ROOM_FULL;
	}
	i = registry_interest(t, node, true);
	if (i == NULL) {
		registry_put(node->x, t);
		return ERR_INTERNAL;
	}
	if (!e->again) {
		i->connections++;
		t->connections++;
	}
	if (e->visible)
		err = make_visible(node, t, e);
	if (err != ERR_OK && !e->again)
		registry_leave(node, e->topic, e->member.client);
	return err;
}

void registry_leave(struct memory_tier *node, struct slice topic, struct slice client)
{
	struct registry_topic *t = registry_find(node->x, topic);
	struct interest *i = t == NULL ? NULL : registry_interest(t, node, false);
	struct map_node *n;

	if (i == NULL || i->connections == 0)
		return;
	i->connections--;
	t->connections--;
	n = map_find(&t->seats, client);
	if (n != NULL)
		make_invisible(t, container_of(n, struct seat, node), t->presence_max);
	drop_if_idle(t, node);
	registry_put(node->x, t);
}

/* --- a node goes ---------------------------------------------------------------------------- */

struct forgetting {
	struct memory_tier *node;
	struct registry_topic *topic;
};

static void forget_seat(struct map_node *n, void *ctx)
{
	struct forgetting *f = ctx;
	struct seat *s = container_of(n, struct seat, node);

	if (s->owner == f->node)
		make_invisible(f->topic, s, f->topic->presence_max);
}

static void forget_topic(struct map_node *n, void *ctx)
{
	struct forgetting *f = ctx;
	struct interest *i;

	f->topic = container_of(n, struct registry_topic, node);
	i = registry_interest(f->topic, f->node, false);
	if (i == NULL)
		return;
	f->topic->connections -= i->connections;
	*i = f->topic->interests[--f->topic->n_interests];
	map_each(&f->topic->seats, forget_seat, f);
	registry_put(f->node->x, f->topic);
}

void registry_forget(struct memory_tier *node)
{
	struct forgetting f = { node, NULL };

	map_each(&node->x->topics, forget_topic, &f);
}

/* --- reading ---------------------------------------------------------------------------------- */

struct listing {
	struct member *list;
	size_t n;
};

static void list_seat(struct map_node *n, void *ctx)
{
	struct listing *l = ctx;

	l->list[l->n++] = container_of(n, struct seat, node)->member;
}

enum err registry_read(struct exchange *x, struct slice topic, uint64_t limit,
                       struct tier_room *out, struct member **list)
{
	struct registry_topic *t = registry_find(x, topic);
	struct listing l = { NULL, 0 };

	*out = (struct tier_room){ 0 };
	*list = NULL;
	if (t == NULL)
		return ERR_OK;
	out->rev = t->rev;
	out->count = t->seats.n;
	out->users = t->users.n;
	out->connections = t->connections;
	out->gateways = registry_gateways(t);
	out->counts_only = t->seats.n > limit;
	if (t->seats.n == 0 || out->counts_only)
		return ERR_OK;
	l.list = malloc(t->seats.n * sizeof *l.list);
	if (l.list == NULL)
		return ERR_INTERNAL;
	map_each(&t->seats, list_seat, &l);
	out->members = *list = l.list;
	out->n_members = l.n;
	return ERR_OK;
}
