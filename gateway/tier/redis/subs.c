/*
 * Subscriptions: a channel is subscribed to with its first local receiver, and left a while after
 * the last one, so that coming and going costs nothing. Of one channel, one command is under way at a
 * time; many channels share a command, and only so many wait for confirmation at once.
 */
#include "gateway/tier/redis/redis.h"
#include "gateway/tier/redis/resp.h"

#include <assert.h>
#include <stdlib.h>

#define CHANNELS_A_COMMAND 256u
#define UNCONFIRMED_MOST 2048u
#define LINGERING_MOST 20000u

enum sub_state { SUB_OFF, SUB_ASKED, SUB_ON, SUB_LEAVING };

/* One who waits for the confirmation. */
struct waiter {
	struct waiter *next;
	tier_done *done;
	void *ctx;
};

struct sub {
	struct map_node node;   /* of subs.channels */
	struct list_node queue; /* of subs.asking, .dropping or .lingering */
	struct waiter *waiting;
	uint64_t since_ms; /* not wanted since */
	uint8_t state;     /* enum sub_state */
	bool wanted;
	bool lingers; /* is in subs.lingering */
	uint8_t len;
	char topic[];
};

static struct slice sub_key(const struct map_node *n)
{
	const struct sub *u = container_of(n, const struct sub, node);

	return (struct slice){ u->topic, u->len };
}

static struct sub *sub_find(struct server *s, struct slice topic)
{
	struct map_node *n = topic.p == NULL ? NULL : map_find(&s->subs.channels, topic);

	return n == NULL ? NULL : container_of(n, struct sub, node);
}

/* From whichever queue it is in to this one; NULL: to none. */
static void move(struct server *s, struct sub *u, struct list *to)
{
	list_remove(&u->queue);
	s->subs.n_lingering -= u->lingers;
	u->lingers = to == &s->subs.lingering;
	s->subs.n_lingering += u->lingers;
	if (to != NULL)
		list_push(to, &u->queue);
}

static void sub_free(struct server *s, struct sub *u)
{
	assert(u->waiting == NULL);
	move(s, u, NULL);
	map_remove(&s->subs.channels, &u->node);
	free(u);
}

static void answer(struct server *s, struct sub *u, enum err e)
{
	struct waiter *all = u->waiting, *w;

	u->waiting = NULL;
	while ((w = all) != NULL) {
		all = w->next;
		if (!s->t->closing)
			w->done(w->ctx, e);
		free(w);
	}
}

/* --- asking Redis ----------------------------------------------------------------------------------- */

/* A command for the first channels of a list; false when there is nothing to say or no room to. */
static bool say(struct server *s, struct list *from, const char *verb, uint8_t state)
{
	struct subs *subs = &s->subs;
	struct list_node *n = list_first(from);
	struct list batch;
	size_t count = 0;
	char channel[CHANNEL_MAX];

	if (n == NULL || subs->unconfirmed >= UNCONFIRMED_MOST || !conn_say(&s->sub))
		return false;
	list_init(&batch);
	for (; n != NULL && count < CHANNELS_A_COMMAND; n = list_first(from), count++) {
		list_remove(n);
		list_push(&batch, n);
	}
	resp_command(conn_out(&s->sub), count + 1);
	resp_text(conn_out(&s->sub), verb);
	while ((n = list_shift(&batch)) != NULL) {
		struct sub *u = container_of(n, struct sub, queue);

		u->state = state;
		subs->unconfirmed++;
		resp_slice(conn_out(&s->sub),
		           redis_channel(s->t, (struct slice){ u->topic, u->len }, channel));
	}
	return true;
}

/* All that is wanted is subscribed to again: from here on nothing is missed. */
static void restored(struct server *s)
{
	struct subs *subs = &s->subs;

	if (!subs->restoring || subs->unconfirmed > 0 || !list_is_empty(&subs->asking))
		return;
	subs->restoring = false;
	s->subscribed = true;
	redis_heard_again(s);
	server_step(s);
}

static void send(void *ctx)
{
	struct server *s = ctx;

	if (!conn_ready(&s->sub))
		return;
	while (say(s, &s->subs.asking, "SUBSCRIBE", SUB_ASKED))
		;
	while (say(s, &s->subs.dropping, "UNSUBSCRIBE", SUB_LEAVING))
		;
	conn_ping(&s->sub); /* or nobody would notice that these are not heard */
	restored(s);        /* nobody may want any more what was to be asked for */
}

static void ask(struct server *s, struct sub *u)
{
	move(s, u, &s->subs.asking);
	loop_defer(s->t->loop, &s->subs.send);
}

/* --- nobody wants it any more ---------------------------------------------------------------------------- */

static void drop(struct server *s, struct sub *u)
{
	move(s, u, &s->subs.dropping);
	loop_defer(s->t->loop, &s->subs.send);
}

static void linger(struct server *s, struct sub *u)
{
	struct subs *subs = &s->subs;

	u->since_ms = loop_now_ms(s->t->loop);
	move(s, u, &subs->lingering);
	if (!timer_is_set(&subs->linger))
		timer_set(&subs->linger, (uint64_t)s->t->config->redis_linger_ms);
	else if (subs->n_lingering > LINGERING_MOST)
		timer_set(&subs->linger, 0);
}

static void linger_over(void *ctx)
{
	struct server *s = ctx;
	uint64_t now = loop_now_ms(s->t->loop), keep = (uint64_t)s->t->config->redis_linger_ms;
	struct list_node *n;

	/* A thousand at a time: the loop has others to serve. */
	for (int i = 0; i < 1000 && (n = list_first(&s->subs.lingering)) != NULL; i++) {
		struct sub *u = container_of(n, struct sub, queue);

		if (u->since_ms + keep > now && s->subs.n_lingering <= LINGERING_MOST) {
			timer_set(&s->subs.linger, u->since_ms + keep - now);
			return;
		}
		drop(s, u);
	}
	if (!list_is_empty(&s->subs.lingering))
		timer_set(&s->subs.linger, 1);
}

/* --- from above ------------------------------------------------------------------------------------------- */

static struct sub *sub_get(struct server *s, struct slice topic)
{
	struct sub *u = sub_find(s, topic);

	if (u != NULL)
		return u;
	u = calloc(1, sizeof *u + topic.n);
	if (u == NULL)
		return NULL;
	u->len = (uint8_t)topic.n;
	memcpy(u->topic, topic.p, topic.n);
	if (map_add(&s->subs.channels, &u->node))
		return u;
	free(u);
	return NULL;
}

enum err subs_want(struct server *s, struct slice topic, tier_done *done, void *ctx)
{
	struct waiter *w;
	struct sub *u;

	if (!s->up)
		return ERR_UNAVAILABLE;
	w = malloc(sizeof *w);
	u = w == NULL ? NULL : sub_get(s, topic);
	if (u == NULL) {
		free(w);
		return ERR_INTERNAL;
	}
	*w = (struct waiter){ .next = u->waiting, .done = done, .ctx = ctx };
	u->waiting = w;
	u->wanted = true;
	switch (u->state) {
	case SUB_OFF: ask(s, u); break;
	case SUB_ON:
		/* Confirmed as it is, but not from inside this call. */
		move(s, u, &s->subs.kept);
		loop_defer(s->t->loop, &s->subs.confirm);
		break;
	case SUB_ASKED:
	case SUB_LEAVING: break; /* its answer comes */
	}
	return ERR_OK;
}

void subs_drop(struct server *s, struct slice topic)
{
	struct sub *u = sub_find(s, topic);

	if (u == NULL)
		return;
	u->wanted = false;
	if (u->state == SUB_ON && u->waiting == NULL)
		linger(s, u);
	else if (u->state == SUB_OFF && u->waiting == NULL)
		sub_free(s, u);
}

static void confirm_kept(void *ctx)
{
	struct server *s = ctx;
	struct list_node *n;

	while ((n = list_shift(&s->subs.kept)) != NULL) {
		struct sub *u = container_of(n, struct sub, queue);

		answer(s, u, ERR_OK);
		if (!u->wanted && !list_has(&u->queue))
			linger(s, u);
	}
}

/* --- from Redis -------------------------------------------------------------------------------------------- */

static void on(struct server *s, struct sub *u)
{
	u->state = SUB_ON;
	s->t->metrics->tier_subscriptions++;
	answer(s, u, ERR_OK);
	/* What was asked for in that answer may have changed it. */
	if (!u->wanted && u->state == SUB_ON && !list_has(&u->queue))
		linger(s, u);
}

static void off(struct server *s, struct sub *u)
{
	u->state = SUB_OFF;
	s->t->metrics->tier_subscriptions--;
	if (u->wanted)
		ask(s, u);
	else
		sub_free(s, u);
}

void subs_confirmed(struct server *s, struct slice topic, bool is_on)
{
	struct sub *u = sub_find(s, topic);

	if (u == NULL || u->state != (is_on ? SUB_ASKED : SUB_LEAVING)) {
		conn_break(&s->sub, "a confirmation that nobody asked for");
		return;
	}
	s->subs.unconfirmed--;
	if (is_on)
		on(s, u);
	else
		off(s, u);
	if (!list_is_empty(&s->subs.asking) || !list_is_empty(&s->subs.dropping))
		loop_defer(s->t->loop, &s->subs.send);
	restored(s);
}

/* --- a connection is lost, and comes again --------------------------------------------------------------------- */

static void forget_one(struct map_node *n, void *ctx)
{
	struct server *s = ctx;
	struct sub *u = container_of(n, struct sub, node);

	if (u->state == SUB_ON || u->state == SUB_LEAVING)
		s->t->metrics->tier_subscriptions--;
	/* Who still waits is told; what was confirmed once is subscribed to again. */
	if (u->waiting != NULL)
		u->wanted = false;
	u->state = SUB_OFF;
	move(s, u, u->wanted ? &s->subs.asking : &s->subs.dropping);
}

void subs_lost(struct server *s)
{
	struct list_node *n;

	s->subs.restoring = false;
	s->subs.unconfirmed = 0;
	timer_stop(&s->subs.linger);
	map_each(&s->subs.channels, forget_one, s);
	while ((n = list_shift(&s->subs.dropping)) != NULL) {
		struct sub *u = container_of(n, struct sub, queue);

		answer(s, u, ERR_UNAVAILABLE);
		if (!u->wanted)
			sub_free(s, u);
	}
}

/* The node's own channel is there for good. */
void subs_restore(struct server *s)
{
	struct slice node = { s->t->node_topic, strlen(s->t->node_topic) };
	struct sub *u;

	s->subs.restoring = true;
	if (redis_server(s->t, node) == s) {
		u = sub_get(s, node);
		if (u == NULL) {
			conn_break(&s->sub, "out of memory");
			return;
		}
		if (!u->wanted)
			ask(s, u);
		u->wanted = true;
	}
	loop_defer(s->t->loop, &s->subs.send);
	restored(s);
}

void subs_init(struct server *s)
{
	struct subs *subs = &s->subs;

	map_init(&subs->channels, sub_key);
	list_init(&subs->asking);
	list_init(&subs->dropping);
	list_init(&subs->lingering);
	list_init(&subs->kept);
	subs->send = (struct deferred){ .run = send, .ctx = s };
	subs->confirm = (struct deferred){ .run = confirm_kept, .ctx = s };
	timer_init(&subs->linger, s->t->loop, linger_over, s);
}

static void free_one(struct map_node *n, void *ctx)
{
	struct server *s = ctx;
	struct sub *u = container_of(n, struct sub, node);

	answer(s, u, ERR_UNAVAILABLE);
	sub_free(s, u);
}

void subs_fini(struct server *s)
{
	timer_stop(&s->subs.linger);
	deferred_cancel(&s->subs.send);
	deferred_cancel(&s->subs.confirm);
	map_each(&s->subs.channels, free_one, s);
	map_fini(&s->subs.channels);
}
