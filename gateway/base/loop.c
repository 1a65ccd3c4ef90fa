#include "gateway/base/loop.h"

#include <assert.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

struct watch {
	struct event *event;
	void (*ready)(void *ctx);
	void *ctx;
	struct loop *loop;
};

struct on_signal {
	struct list_node node;
	struct event *event;
	void (*run)(void *ctx);
	void *ctx;
	struct loop *loop;
};

struct loop {
	struct event_base *base; /* NULL: manual */
	struct event *wake;      /* the timer for the top of the heap */
	struct event *turn_end;  /* runs what was deferred */
	struct timer **heap;     /* from 1; the earliest on top */
	uint32_t n_timers, room;
	struct list deferred;
	struct list signals;
	bool turn_end_asked;
	uint64_t now_us; /* of this turn; 0: not yet asked */
	uint64_t manual_us;
	uint64_t seed;
	uint64_t lag_ms;
	uint64_t wake_due_ms; /* what `wake` is set to; 0: not set */
};

/* Random bytes are drawn from the kernel in larger pieces. */
static uint8_t pool[256];
static size_t pool_left;

static uint64_t clock_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* Every entry from outside reads the clock anew; what runs inside it then agrees on "now". */
void loop_refresh(struct loop *l)
{
	l->now_us = 0;
}

uint64_t loop_now_us(const struct loop *l)
{
	if (l->base == NULL)
		return l->manual_us;
	if (l->now_us == 0)
		((struct loop *)l)->now_us = clock_us(CLOCK_MONOTONIC);
	return l->now_us;
}

uint64_t loop_now_ms(const struct loop *l)
{
	return loop_now_us(l) / 1000u;
}

uint64_t loop_wall_us(const struct loop *l)
{
	if (l->base == NULL)
		return 1700000000000000u + l->manual_us;
	return clock_us(CLOCK_REALTIME);
}

/* SplitMix64: only for manual loops. */
static uint64_t draw_seeded(struct loop *l)
{
	uint64_t z = (l->seed += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void loop_random_bytes(struct loop *l, void *out, size_t n)
{
	uint8_t *p = out;

	for (; n > 0; n--) {
		if (l->base == NULL) {
			*p++ = (uint8_t)draw_seeded(l);
			continue;
		}
		if (pool_left == 0) {
			if (getrandom(pool, sizeof pool, 0) != (ssize_t)sizeof pool)
				abort(); /* ids that can be guessed are worse than none */
			pool_left = sizeof pool;
		}
		*p++ = pool[--pool_left];
		pool[pool_left] = 0;
	}
}

uint64_t loop_random(struct loop *l)
{
	uint64_t v;

	loop_random_bytes(l, &v, sizeof v);
	return v;
}

/* --- timers: a binary heap ------------------------------------------------------------- */

static void place(struct loop *l, struct timer *t, uint32_t at)
{
	l->heap[at] = t;
	t->at = at;
}

static void sift_up(struct loop *l, struct timer *t, uint32_t at)
{
	while (at > 1 && l->heap[at / 2]->due_ms > t->due_ms) {
		place(l, l->heap[at / 2], at);
		at /= 2;
	}
	place(l, t, at);
}

static void sift_down(struct loop *l, struct timer *t, uint32_t at)
{
	uint32_t child;

	while ((child = at * 2) <= l->n_timers) {
		if (child < l->n_timers && l->heap[child + 1]->due_ms < l->heap[child]->due_ms)
			child++;
		if (l->heap[child]->due_ms >= t->due_ms)
			break;
		place(l, l->heap[child], at);
		at = child;
	}
	place(l, t, at);
}

/* Let libevent wake us for the earliest timer; only touched when that changes. */
static void arm(struct loop *l)
{
	struct timeval tv;
	uint64_t now, delay;

	if (l->base == NULL)
		return;
	if (l->n_timers == 0) {
		if (l->wake_due_ms != 0)
			event_del(l->wake);
		l->wake_due_ms = 0;
		return;
	}
	if (l->wake_due_ms == l->heap[1]->due_ms)
		return;
	l->wake_due_ms = l->heap[1]->due_ms;
	now = clock_us(CLOCK_MONOTONIC) / 1000u;
	delay = l->wake_due_ms > now ? l->wake_due_ms - now : 0;
	tv.tv_sec = (time_t)(delay / 1000u);
	tv.tv_usec = (suseconds_t)(delay % 1000u * 1000u);
	event_add(l->wake, &tv);
}

void timer_init(struct timer *t, struct loop *l, void (*run)(void *ctx), void *ctx)
{
	*t = (struct timer){ .loop = l, .run = run, .ctx = ctx };
}

static void heap_remove(struct loop *l, struct timer *t)
{
	struct timer *last = l->heap[l->n_timers--];
	uint32_t at = t->at;

	t->at = 0;
	if (last == t)
		return;
	if (at > 1 && l->heap[at / 2]->due_ms > last->due_ms)
		sift_up(l, last, at);
	else
		sift_down(l, last, at);
}

void timer_set(struct timer *t, uint64_t delay_ms)
{
	struct loop *l = t->loop;

	if (t->at != 0)
		heap_remove(l, t);
	if (l->n_timers + 1 >= l->room) {
		uint32_t room = l->room == 0 ? 64 : l->room * 2;
		struct timer **heap = realloc(l->heap, room * sizeof *heap);

		if (heap == NULL)
			abort(); /* a timer that is never set would hang somebody for ever */
		l->heap = heap;
		l->room = room;
	}
	t->due_ms = loop_now_ms(l) + delay_ms;
	sift_up(l, t, ++l->n_timers);
	arm(l);
}

void timer_stop(struct timer *t)
{
	if (t->at == 0)
		return;
	heap_remove(t->loop, t);
	arm(t->loop);
}

static void run_due(struct loop *l)
{
	uint64_t now = loop_now_ms(l);

	while (l->n_timers > 0 && l->heap[1]->due_ms <= now) {
		struct timer *t = l->heap[1];

		if (now - t->due_ms > l->lag_ms)
			l->lag_ms = now - t->due_ms;
		heap_remove(l, t);
		t->run(t->ctx);
	}
	arm(l);
}

uint64_t loop_lag_ms(struct loop *l)
{
	uint64_t lag = l->lag_ms;

	l->lag_ms = 0;
	return lag;
}

/* --- deferred calls ------------------------------------------------------------------------ */

static void run_deferred(struct loop *l)
{
	struct list_node *n;

	l->turn_end_asked = false;
	while ((n = list_shift(&l->deferred)) != NULL) {
		struct deferred *d = container_of(n, struct deferred, node);

		d->run(d->ctx);
	}
}

void loop_defer(struct loop *l, struct deferred *d)
{
	if (list_has(&d->node))
		return;
	list_push(&l->deferred, &d->node);
	if (l->base != NULL && !l->turn_end_asked) {
		l->turn_end_asked = true;
		event_active(l->turn_end, EV_TIMEOUT, 1);
	}
}

void deferred_cancel(struct deferred *d)
{
	list_remove(&d->node);
}

/* --- libevent -------------------------------------------------------------------------------- */

static void on_wake(evutil_socket_t fd, short what, void *ctx)
{
	struct loop *l = ctx;

	(void)fd;
	(void)what;
	loop_refresh(l);
	l->wake_due_ms = 0;
	run_due(l);
}

static void on_turn_end(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	run_deferred(ctx);
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct watch *w = ctx;

	(void)fd;
	(void)what;
	loop_refresh(w->loop);
	w->ready(w->ctx);
}

static void on_signal_event(evutil_socket_t fd, short what, void *ctx)
{
	struct on_signal *s = ctx;

	(void)fd;
	(void)what;
	loop_refresh(s->loop);
	s->run(s->ctx);
}

static struct loop *loop_make(void)
{
	struct loop *l = calloc(1, sizeof *l);

	if (l == NULL)
		return NULL;
	list_init(&l->deferred);
	list_init(&l->signals);
	return l;
}

struct loop *loop_new(void)
{
	struct event_config *how = event_config_new();
	struct loop *l = loop_make();

	if (l == NULL || how == NULL)
		goto fail;
	/* Timers need no nanoseconds, and one clock read a turn is enough. */
	event_config_set_flag(how, EVENT_BASE_FLAG_NOLOCK);
	l->base = event_base_new_with_config(how);
	if (l->base == NULL)
		goto fail;
	event_config_free(how);
	l->wake = event_new(l->base, -1, 0, on_wake, l);
	l->turn_end = event_new(l->base, -1, 0, on_turn_end, l);
	if (l->wake == NULL || l->turn_end == NULL) {
		loop_free(l);
		return NULL;
	}
	return l;

fail:
	if (how != NULL)
		event_config_free(how);
	free(l);
	return NULL;
}

struct loop *loop_new_manual(uint64_t seed)
{
	struct loop *l = loop_make();

	if (l == NULL)
		return NULL;
	l->seed = seed;
	l->manual_us = 1000000u * 1000u;
	return l;
}

void loop_free(struct loop *l)
{
	struct list_node *n;

	if (l == NULL)
		return;
	assert(list_is_empty(&l->deferred));
	assert(l->n_timers == 0);
	while ((n = list_shift(&l->signals)) != NULL) {
		struct on_signal *s = container_of(n, struct on_signal, node);

		event_free(s->event);
		free(s);
	}
	if (l->wake != NULL)
		event_free(l->wake);
	if (l->turn_end != NULL)
		event_free(l->turn_end);
	if (l->base != NULL)
		event_base_free(l->base);
	free(l->heap);
	free(l);
}

void loop_run(struct loop *l)
{
	assert(l->base != NULL);
	event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(struct loop *l)
{
	if (l->base != NULL)
		event_base_loopbreak(l->base);
}

void loop_turn(struct loop *l, uint64_t ms)
{
	uint64_t until = l->manual_us + ms * 1000u;

	assert(l->base == NULL);
	run_deferred(l);
	while (l->n_timers > 0 && l->heap[1]->due_ms * 1000u <= until) {
		if (l->heap[1]->due_ms * 1000u > l->manual_us)
			l->manual_us = l->heap[1]->due_ms * 1000u;
		run_due(l);
		run_deferred(l);
	}
	l->manual_us = until;
}

bool loop_on_signal(struct loop *l, int signal, void (*run)(void *ctx), void *ctx)
{
	struct on_signal *s = calloc(1, sizeof *s);

	assert(l->base != NULL);
	if (s == NULL)
		return false;
	*s = (struct on_signal){ .run = run, .ctx = ctx, .loop = l };
	s->event = event_new(l->base, signal, EV_SIGNAL | EV_PERSIST, on_signal_event, s);
	if (s->event == NULL || event_add(s->event, NULL) != 0) {
		if (s->event != NULL)
			event_free(s->event);
		free(s);
		return false;
	}
	list_push(&l->signals, &s->node);
	return true;
}

struct watch *loop_watch(struct loop *l, int fd, void (*ready)(void *ctx), void *ctx)
{
	struct watch *w = calloc(1, sizeof *w);

	assert(l->base != NULL);
	if (w == NULL)
		return NULL;
	*w = (struct watch){ .ready = ready, .ctx = ctx, .loop = l };
	w->event = event_new(l->base, fd, EV_READ | EV_PERSIST, on_readable, w);
	if (w->event == NULL || event_add(w->event, NULL) != 0) {
		loop_unwatch(w);
		return NULL;
	}
	return w;
}

void loop_watch_pause(struct watch *w, bool paused)
{
	if (paused)
		event_del(w->event);
	else
		event_add(w->event, NULL);
}

void loop_unwatch(struct watch *w)
{
	if (w == NULL)
		return;
	if (w->event != NULL)
		event_free(w->event);
	free(w);
}

struct event_base *loop_base(struct loop *l)
{
	return l->base;
}
