#include "gateway/core/channel.h"

#include "gateway/core/presence.h"

#include <assert.h>
#include <stdlib.h>

struct slice channel_key(const struct map_node *n)
{
	return channel_topic(container_of(n, const struct channel, node));
}

struct channel *channel_find(struct hub *h, struct slice topic)
{
	struct map_node *n = map_find(&h->channels, topic);

	return n == NULL ? NULL : container_of(n, struct channel, node);
}

struct slice channel_name(const struct channel *c)
{
	size_t prefix = strlen(topic_prefix(c->kind));

	return (struct slice){ c->topic + prefix, c->len - prefix };
}

/* The policy has changed under those who saw each other. */
static void blind(struct channel *c)
{
	for (uint32_t i = 0; i < c->n_members; i++)
		c->members[i].sees = false;
	c->n_seeing = 0;
	presence_forget(c);
}

void channel_configure(struct channel *c)
{
	const struct config *config = c->hub->config;
	struct room_policy p;

	c->policy = (uint8_t)config->queue_policy;
	c->lane = c->kind == TOPIC_USER || c->kind == TOPIC_CLIENT ? LANE_HIGH : LANE_NORMAL;
	if (c->kind != TOPIC_ROOM)
		return;
	p = config_room_policy(config, channel_name(c));
	c->policy = (uint8_t)p.queue_policy;
	/* A topic stays in the lane it began in, or messages under way would change their order. */
	if (c->state == CHANNEL_NEW)
		c->lane = p.priority == 1 ? LANE_HIGH : LANE_NORMAL;
	c->presence = (uint8_t)p.presence;
	if (c->presence == PRESENCE_OFF)
		blind(c);
	c->max_members = p.max_members;
	c->presence_max = p.presence_max;
}

struct channel *channel_get(struct hub *h, enum topic_kind kind, struct slice name)
{
	char text[TOPIC_MAX];
	struct slice topic = topic_make(kind, name, text);
	struct channel *c = channel_find(h, topic);

	if (c != NULL) {
		c->refs++;
		return c;
	}
	c = calloc(1, sizeof *c + topic.n);
	if (c == NULL)
		return NULL;
	c->hub = h;
	c->kind = (uint8_t)kind;
	c->len = (uint8_t)topic.n;
	memcpy(c->topic, topic.p, topic.n);
	c->refs = 1;
	list_init(&c->waiting);
	channel_configure(c);
	if (!map_add(&h->channels, &c->node)) {
		free(c);
		return NULL;
	}
	h->metrics->topics++;
	h->metrics->rooms += kind == TOPIC_ROOM;
	return c;
}

void channel_put(struct channel *c)
{
	struct hub *h;

	if (c == NULL || --c->refs > 0)
		return;
	h = c->hub;
	assert(c->n_members == 0 && list_is_empty(&c->waiting));
	presence_forget(c);
	map_remove(&h->channels, &c->node);
	if (c->state == CHANNEL_LIVE && !h->closing)
		h->tier->ops->unsubscribe(h->tier, channel_topic(c));
	h->metrics->topics--;
	h->metrics->rooms -= c->kind == TOPIC_ROOM;
	free(c->members);
	free(c);
}

/* Arrays grow by doubling, from one: most clients have few topics, most rooms few members. */
static bool grow(void **array, uint32_t *room, uint32_t n, size_t size)
{
	uint32_t more = *room == 0 ? 1 : *room * 2;
	void *p;

	if (n < *room)
		return true;
	p = realloc(*array, more * size);
	if (p == NULL)
		return false;
	*array = p;
	*room = more;
	return true;
}

bool channel_add(struct channel *c, struct session *s, bool visible, bool sees, uint64_t seen_rev)
{
	void *members = c->members, *seats = s->seats;
	bool grown = grow(&members, &c->room_members, c->n_members, sizeof *c->members);

	c->members = members;
	if (!grown)
		return false;
	grown = grow(&seats, &s->room_seats, s->n_seats, sizeof *s->seats);
	s->seats = seats;
	if (!grown)
		return false;
	c->members[c->n_members] = (struct channel_member){
		.session = s,
		.slot = s->n_seats,
		.visible = visible,
		.sees = sees,
		.seen_rev = seen_rev,
	};
	s->seats[s->n_seats++] = (struct seat_ref){ c, c->n_members++ };
	c->n_seeing += sees;
	c->refs++;
	c->hub->metrics->memberships++;
	s->n_topics += channel_counts(c->kind);
	return true;
}

/* Both arrays stay dense: their last entries move into the hole. */
void channel_remove(struct session *s, uint32_t slot)
{
	struct channel *c = s->seats[slot].channel;
	uint32_t at = s->seats[slot].at;
	struct channel_member *last = &c->members[--c->n_members];

	c->n_seeing -= c->members[at].sees;
	c->hub->metrics->memberships--;
	s->n_topics -= channel_counts(c->kind);
	if (last != &c->members[at]) {
		c->members[at] = *last;
		last->session->seats[last->slot].at = at;
	}
	if (slot != --s->n_seats) {
		s->seats[slot] = s->seats[s->n_seats];
		s->seats[slot].channel->members[s->seats[slot].at].slot = slot;
	}
	channel_put(c);
}

struct seat_ref *channel_seat(const struct channel *c, const struct session *s)
{
	/* Whichever list is shorter: a client in many topics is mostly in small ones. */
	for (uint32_t i = 0; c->n_members < s->n_seats && i < c->n_members; i++)
		if (c->members[i].session == s)
			return &s->seats[c->members[i].slot];
	for (uint32_t i = 0; s->n_seats <= c->n_members && i < s->n_seats; i++)
		if (s->seats[i].channel == c)
			return &s->seats[i];
	return NULL;
}
