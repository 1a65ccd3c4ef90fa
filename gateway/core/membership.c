/*
 * Joining and leaving: the tier's confirmation stands between a wish and a seat.
 */
#include "gateway/core/channel.h"
#include "gateway/core/session_core.h"

#include <assert.h>
#include <stdlib.h>

/* One client on its way into one channel, or asking for its list. */
struct entry {
	struct request request;
	struct list_node waiting; /* of channel.waiting */
	struct channel *channel;
	bool presence; /* wished, and the room allows it */
	bool sees;     /* it may be told of the others */
	bool seated;   /* it had a seat when it asked */
	bool again;    /* so, and now it shall be seen */
	bool counted;  /* in session.n_entering */
	bool listed;   /* the client is shown the list */
	bool entered;  /* at the tier */
	uint8_t lists; /* asked for once more */
	struct slice info;
	tier_room_done *done;
	void *ctx;
};

static const struct tier_room no_room;

static void entry_end(struct entry *e, enum err err, const struct tier_room *room)
{
	struct channel *c = e->channel;
	tier_room_done *done = e->done;
	void *ctx = e->ctx;
	struct session *s = e->request.session;

	s->refs++; /* the answer may be the last that holds it */
	s->n_entering -= e->counted;
	request_end(&e->request);
	done(ctx, err, room);
	channel_put(c);
	session_unref(s);
}

/* Seat the client, or make the seat it has a visible one. */
static enum err take_seat(struct entry *e, const struct tier_room *room)
{
	struct session *s = e->request.session;
	struct channel *c = e->channel;
	struct seat_ref *seat = channel_seat(c, s);

	if (seat == NULL && e->seated) /* an operator took it away meanwhile */
		return ERR_NOT_JOINED;
	if (seat == NULL)
		return channel_add(c, s, e->presence, e->sees, room->rev) ? ERR_OK : ERR_INTERNAL;
	if (e->again) {
		struct channel_member *m = &c->members[seat->at];

		c->n_seeing += e->sees && !m->sees;
		m->visible = true;
		m->sees |= e->sees;
		m->seen_rev = room->rev;
	}
	return ERR_OK;
}

/* Answers and notices have no order between them: a list may be older than what this gateway has told
 * of the room already, and who got it would never hear of the changes between. Ask again; not for
 * ever, since a tier that lost its data may count from below. */
#define MORE_LISTS_MAX 3

static bool list_is_old(const struct entry *e, const struct tier_room *room)
{
	return e->listed && e->presence && room->rev < e->channel->told_rev &&
		e->lists < MORE_LISTS_MAX;
}

static enum err ask_list(struct entry *e, tier_room_done *done)
{
	struct channel *c = e->channel;

	return c->hub->tier->ops->room(c->hub->tier, channel_topic(c),
	                               e->presence ? (uint64_t)c->presence_max : 0, done, e);
}

static void on_entered(void *ctx, enum err err, const struct tier_room *room)
{
	struct entry *e = ctx;
	struct channel *c = e->channel;
	bool live = request_is_live(&e->request);

	e->entered |= err == ERR_OK;
	if (err == ERR_OK && live && list_is_old(e, room)) {
		e->lists++;
		if (ask_list(e, on_entered) == ERR_OK)
			return;
	}
	if (err == ERR_OK && !live)
		err = ERR_GONE;
	else if (err == ERR_OK)
		err = take_seat(e, room);
	else if (e->entered && e->again && live)
		(void)take_seat(e,
		                &no_room); /* it is seen from now on, though not told of others */
	/* Who was seated before is left when its seat is; the others are left here. */
	if (err != ERR_OK && e->entered && !e->again)
		c->hub->tier->ops->leave(c->hub->tier, channel_topic(c),
		                         session_id(e->request.session));
	entry_end(e, err, err == ERR_OK ? room : &no_room);
}

static enum err start_enter(struct entry *e)
{
	struct channel *c = e->channel;
	struct tier_entry t = {
		.topic = channel_topic(c),
		.member = client_member(e->request.session),
		.visible = e->presence,
		.again = e->again,
		.list = e->listed,
		.max_members = (uint64_t)c->max_members,
		.presence_max = (uint64_t)c->presence_max,
	};

	t.member.info = e->info;
	return c->hub->tier->ops->enter(c->hub->tier, &t, on_entered, e);
}

static void on_subscribed(void *ctx, enum err err)
{
	struct channel *c = ctx;
	struct list_node *n;

	c->state = err == ERR_OK ? CHANNEL_LIVE : CHANNEL_NEW;
	while ((n = list_shift(&c->waiting)) != NULL) {
		struct entry *e = container_of(n, struct entry, waiting);
		enum err failed = err;

		if (failed == ERR_OK && !request_is_live(&e->request))
			failed = ERR_GONE;
		if (failed == ERR_OK)
			failed = start_enter(e);
		if (failed != ERR_OK)
			entry_end(e, failed, &no_room);
	}
	channel_put(c);
}

/* ERR_OK: the entry is on its way and somebody will end it. */
static enum err entry_start(struct entry *e)
{
	struct channel *c = e->channel;
	struct hub *h = c->hub;
	enum err err;

	if (c->state == CHANNEL_LIVE)
		return start_enter(e);
	if (c->state == CHANNEL_NEW) {
		err = h->tier->ops->subscribe(h->tier, channel_topic(c), on_subscribed, c);
		if (err != ERR_OK)
			return err;
		c->state = CHANNEL_SUBSCRIBING;
		c->refs++;
	}
	list_push(&c->waiting, &e->waiting);
	return ERR_OK;
}

static struct entry *entry_new(struct session *s, struct channel *c, tier_room_done *done,
                               void *ctx, struct slice info)
{
	struct entry *e = request_new(s, sizeof *e + info.n, (struct slice){ NULL, 0 });

	if (e == NULL)
		return NULL;
	e->channel = c;
	e->done = done;
	e->ctx = ctx;
	if (info.p != NULL) {
		e->info = (struct slice){ (char *)(e + 1), info.n };
		memcpy(e + 1, info.p, info.n);
	}
	return e;
}

static void on_listed(void *ctx, enum err err, const struct tier_room *room)
{
	struct entry *e = ctx;
	struct seat_ref *seat = channel_seat(e->channel, e->request.session);

	if (err == ERR_OK && list_is_old(e, room)) {
		e->lists++;
		if (ask_list(e, on_listed) == ERR_OK)
			return;
	}
	if (err == ERR_OK && seat == NULL && e->seated)
		err = ERR_NOT_JOINED;
	/* What the list holds need not be told again. */
	if (err == ERR_OK && seat != NULL && e->listed)
		e->channel->members[seat->at].seen_rev = room->rev;
	entry_end(e, err, room);
}

/* Where every member is seen, not each need see the others. */
static bool may_see(const struct session *s, const struct channel *c)
{
	struct topic t = { TOPIC_ROOM, channel_topic(c), channel_name(c) };

	return client_may_see(s, &t);
}

enum err membership_enter(struct session *s, const struct membership_wish *w, tier_room_done *done,
                          void *ctx)
{
	struct hub *h = s->hub;
	struct channel *c = channel_get(h, w->kind, w->name);
	struct seat_ref *seat;
	struct entry *e;
	enum err err = ERR_INTERNAL;

	assert(s->state <= SESSION_CONNECTED);
	if (c == NULL)
		return ERR_INTERNAL;
	seat = channel_seat(c, s);
	if (seat == NULL && channel_counts(w->kind) &&
	    s->n_topics + s->n_entering >= (uint64_t)h->config->topics_per_client) {
		err = ERR_TOO_MANY_TOPICS;
		goto put_channel;
	}
	e = entry_new(s, c, done, ctx, w->info);
	if (e == NULL)
		goto put_channel;
	e->presence = w->kind == TOPIC_ROOM && c->presence != PRESENCE_OFF &&
		(w->presence || c->presence == PRESENCE_ON);
	e->sees = e->presence && may_see(s, c);
	e->listed = w->presence;
	e->seated = seat != NULL;
	e->again = seat != NULL && e->presence && !c->members[seat->at].visible;
	if (seat != NULL && !e->again)
		err = ask_list(e, on_listed);
	else
		err = entry_start(e);
	if (err == ERR_OK) {
		e->counted = seat == NULL && channel_counts(w->kind);
		s->n_entering += e->counted;
		return ERR_OK;
	}
	request_end(&e->request);

put_channel:
	channel_put(c);
	return err;
}

bool membership_leave(struct session *s, enum topic_kind kind, struct slice name)
{
	char text[TOPIC_MAX];
	struct hub *h = s->hub;
	struct channel *c = channel_find(h, topic_make(kind, name, text));
	struct seat_ref *seat = c == NULL ? NULL : channel_seat(c, s);

	if (seat == NULL)
		return false;
	h->tier->ops->leave(h->tier, channel_topic(c), session_id(s));
	channel_remove(s, (uint32_t)(seat - s->seats));
	return true;
}

void membership_leave_all(struct session *s)
{
	struct hub *h = s->hub;

	while (s->n_seats > 0) {
		struct channel *c = s->seats[s->n_seats - 1].channel;

		if (!h->closing)
			h->tier->ops->leave(h->tier, channel_topic(c), session_id(s));
		channel_remove(s, s->n_seats - 1);
	}
	free(s->seats);
	s->seats = NULL;
	s->room_seats = 0;
}

enum err membership_list(struct session *s, struct slice room, tier_room_done *done, void *ctx)
{
	struct hub *h = s->hub;
	char text[TOPIC_MAX];
	struct slice topic = topic_make(TOPIC_ROOM, room, text);
	struct channel *c = channel_find(h, topic);
	struct entry *e;
	enum err err;

	if (c == NULL) /* nothing has been told of it here */
		return h->tier->ops->room(
			h->tier, topic, (uint64_t)config_room_policy(h->config, room).presence_max,
			done, ctx);
	e = entry_new(s, c, done, ctx, (struct slice){ NULL, 0 });
	if (e == NULL)
		return ERR_INTERNAL;
	e->presence = e->listed = true;
	c->refs++;
	err = ask_list(e, on_listed);
	if (err != ERR_OK) {
		request_end(&e->request);
		channel_put(c);
	}
	return err;
}
