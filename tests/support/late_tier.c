#include "tests/support/late_tier.h"

#include "gateway/base/loop.h"
#include "tests/support/test.h"

#include <stdlib.h>

struct late {
	struct tier tier;
	struct tier *inner;
	const struct tier_events *ev;
	void *ctx;
	struct loop *loop;
	struct list asked,
		known; /* answers not known yet; known and to be given, the oldest first */
	struct timer timer;
};

struct answer {
	struct list_node node;
	struct late *late;
	tier_room_done *done;
	void *ctx;
	uint64_t due_ms;
	enum err e;
	struct tier_room room;
	struct buf text; /* what the members' slices point into */
};

int late_tier_loses;
uint64_t late_ms;

static struct late *late(struct tier *t)
{
	return container_of(t, struct late, tier);
}

static void answer_free(struct answer *a)
{
	list_remove(&a->node);
	free((struct member *)a->room.members);
	buf_fini(&a->text);
	free(a);
}

static void give(void *ctx)
{
	struct late *l = ctx;
	struct list_node *n;

	while ((n = list_first(&l->known)) != NULL) {
		struct answer *a = container_of(n, struct answer, node);

		if (a->due_ms > loop_now_ms(l->loop)) {
			timer_set(&l->timer, a->due_ms - loop_now_ms(l->loop));
			return;
		}
		a->done(a->ctx, a->e, &a->room);
		answer_free(a);
	}
}

static void point(const struct buf *b, size_t *at, struct slice *s)
{
	if (s->p != NULL)
		s->p = b->p + *at;
	*at += s->n;
}

static void keep_members(struct answer *a, const struct tier_room *r)
{
	struct member *m = calloc(r->n_members + 1, sizeof *m);
	size_t at = 0;

	for (size_t i = 0; i < r->n_members; i++) {
		m[i] = r->members[i];
		buf_slice(&a->text, m[i].client);
		buf_slice(&a->text, m[i].user);
		buf_slice(&a->text, m[i].info);
	}
	for (size_t i = 0; i < r->n_members; i++) {
		point(&a->text, &at, &m[i].client);
		point(&a->text, &at, &m[i].user);
		point(&a->text, &at, &m[i].info);
	}
	a->room.members = m;
}

static void on_room(void *ctx, enum err e, const struct tier_room *r)
{
	struct answer *a = ctx;
	struct late *l = a->late;

	a->e = e;
	a->room = *r;
	keep_members(a, r);
	a->due_ms = loop_now_ms(l->loop) + late_ms;
	list_remove(&a->node);
	list_push(&l->known, &a->node);
	if (!timer_is_set(&l->timer))
		timer_set(&l->timer, late_ms);
}

static struct answer *ask(struct late *l, tier_room_done *done, void *ctx)
{
	struct answer *a = calloc(1, sizeof *a);

	*a = (struct answer){ .late = l, .done = done, .ctx = ctx };
	buf_init(&a->text);
	list_push(&l->asked, &a->node);
	return a;
}

static enum err late_enter(struct tier *t, const struct tier_entry *e, tier_room_done *done,
                           void *ctx)
{
	struct late *l = late(t);

	return l->inner->ops->enter(l->inner, e, on_room, ask(l, done, ctx));
}

static enum err late_room(struct tier *t, struct slice topic, uint64_t limit, tier_room_done *done,
                          void *ctx)
{
	struct late *l = late(t);

	return l->inner->ops->room(l->inner, topic, limit, on_room, ask(l, done, ctx));
}

/* --- the rest is handed through --------------------------------------------------------------------- */

static void on_message(void *ctx, const struct parcel *p)
{
	struct late *l = ctx;

	if (p->kind == PARCEL_PRESENCE && late_tier_loses > 0)
		late_tier_loses--;
	else
		l->ev->message(l->ctx, p);
}

static void on_link(void *ctx, bool up, bool lost, const char *reason)
{
	struct late *l = ctx;

	l->ev->link(l->ctx, up, lost, reason);
}

static void on_call(void *ctx, struct slice request, struct buf *reply)
{
	struct late *l = ctx;

	l->ev->call(l->ctx, request, reply);
}

static const struct tier_events inner_events = {
	.message = on_message,
	.link = on_link,
	.call = on_call,
};

static enum err late_publish(struct tier *t, const struct tier_message *m, tier_published *done,
                             void *ctx)
{
	struct late *l = late(t);

	return l->inner->ops->publish(l->inner, m, done, ctx);
}

static enum err late_subscribe(struct tier *t, struct slice topic, tier_done *done, void *ctx)
{
	struct late *l = late(t);

	return l->inner->ops->subscribe(l->inner, topic, done, ctx);
}

static void late_unsubscribe(struct tier *t, struct slice topic)
{
	late(t)->inner->ops->unsubscribe(late(t)->inner, topic);
}

static void late_leave(struct tier *t, struct slice topic, struct slice client)
{
	late(t)->inner->ops->leave(late(t)->inner, topic, client);
}

static void free_all(struct list *answers)
{
	struct list_node *n;

	while ((n = list_first(answers)) != NULL)
		answer_free(container_of(n, struct answer, node));
}

static void late_close(struct tier *t)
{
	struct late *l = late(t);

	l->inner->ops->close(l->inner);
	timer_stop(&l->timer);
	free_all(&l->asked);
	free_all(&l->known);
	free(l);
}

static struct tier *late_open(const struct tier_options *o, const struct tier_events *ev, void *ctx)
{
	struct late *l = calloc(1, sizeof *l);

	*l = (struct late){ .tier = { &tier_late }, .ev = ev, .ctx = ctx, .loop = o->loop };
	list_init(&l->asked);
	list_init(&l->known);
	timer_init(&l->timer, o->loop, give, l);
	late_tier_loses = 0;
	late_ms = 0;
	l->inner = tier_memory.open(o, &inner_events, l);
	assert_non_null(l->inner);
	return &l->tier;
}

const struct tier_ops tier_late = {
	.name = "late",
	.open = late_open,
	.close = late_close,
	.publish = late_publish,
	.subscribe = late_subscribe,
	.unsubscribe = late_unsubscribe,
	.enter = late_enter,
	.leave = late_leave,
	.room = late_room,
};
