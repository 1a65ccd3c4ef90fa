/*
 * Channels: topics with receivers on this gateway.
 *
 * A dense array of members, so that a delivery walks memory in order. A channel lives while it
 * has members or operations under way, and is subscribed at the tier meanwhile.
 */
#ifndef ROOMCAST_CHANNEL_H
#define ROOMCAST_CHANNEL_H

#include "gateway/core/state.h"

map_key channel_key;

struct channel *channel_find(struct hub *h, struct slice topic);

/* Find or make; one reference more, to be dropped with channel_put(). NULL: no memory. */
struct channel *channel_get(struct hub *h, enum topic_kind kind, struct slice name);
void channel_put(struct channel *c);

static inline struct slice channel_topic(const struct channel *c)
{
	return (struct slice){ c->topic, c->len };
}

/* Whether `topics_per_client` limits it. */
static inline bool channel_counts(enum topic_kind kind)
{
	return kind == TOPIC_ROOM || kind == TOPIC_EVENT;
}

/* The name behind the prefix. */
struct slice channel_name(const struct channel *c);

/* Take over the policy of the configuration (new, or reloaded). */
void channel_configure(struct channel *c);

/* Takes a reference of its own for the member. False: no memory. */
bool channel_add(struct channel *c, struct session *s, bool visible, bool sees, uint64_t seen_rev);

/* `s` sits at `slot` of its seats. */
void channel_remove(struct session *s, uint32_t slot);

/* The session's seat in `c`, or NULL. */
struct seat_ref *channel_seat(const struct channel *c, const struct session *s);

#endif
