/*
 * The loop: time, randomness, timers and "later".
 *
 * One thread, over libevent. A loop made with loop_new_manual() has no sockets and a clock that only
 * moves when the test turns it: everything above asks the loop for time and chance, so a
 * test holds both still.
 */
#ifndef ROOMCAST_LOOP_H
#define ROOMCAST_LOOP_H

#include "broker-common/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct event_base;

/* NULL: no memory. A manual loop starts at 1 000 000 ms, and draws its chances from `seed`. */
struct loop *loop_new(void);
struct loop *loop_new_manual(uint64_t seed);
void loop_free(struct loop *l); /* no timer or deferred call may be pending any more */

/* Monotonic; read once a turn, so it is cheap and the same for all that happens in one turn. */
uint64_t loop_now_us(const struct loop *l);
uint64_t loop_now_ms(const struct loop *l);

/* Since 1970, UTC; always read afresh. */
uint64_t loop_wall_us(const struct loop *l);

/* From the kernel (or the seed): fit for ids. */
uint64_t loop_random(struct loop *l);
void loop_random_bytes(struct loop *l, void *out, size_t n);

/* A timer lives in its owner; setting it again moves it. Runs once. */
struct timer {
	struct loop *loop;
	void (*run)(void *ctx);
	void *ctx;
	uint64_t due_ms;
	uint32_t at; /* place in the heap, from 1; 0: not set */
};
void timer_init(struct timer *t, struct loop *l, void (*run)(void *ctx), void *ctx);
void timer_set(struct timer *t, uint64_t delay_ms);
void timer_stop(struct timer *t);
static inline bool timer_is_set(const struct timer *t)
{
	return t->at != 0;
}

/* A call at the end of this turn, behind the callbacks that are under way and before anything is
 * flushed; in the order asked. Asking again while it waits changes nothing. */
struct deferred {
	struct list_node node;
	void (*run)(void *ctx);
	void *ctx;
};
void loop_defer(struct loop *l, struct deferred *d);
void deferred_cancel(struct deferred *d);

/* Run until loop_stop(). */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);

/* Manual loops: run everything that is due, `ms` at most forward in time, timer by timer. */
void loop_turn(struct loop *l, uint64_t ms);

/* Call `run` in the loop when the process gets this signal; for the life of the loop. */
bool loop_on_signal(struct loop *l, int signal, void (*run)(void *ctx), void *ctx);

/* Call when `fd` is readable, until loop_unwatch(). NULL: no memory. For listeners. */
struct watch;
struct watch *loop_watch(struct loop *l, int fd, void (*ready)(void *ctx), void *ctx);
void loop_watch_pause(struct watch *w, bool paused);
void loop_unwatch(struct watch *w);

/* How late the loop is: the longest time between a timer's due time and its run since last asked. */
uint64_t loop_lag_ms(struct loop *l);

/* A callback that libevent calls without us (lws_loop, hiredis) says that time has gone on. */
void loop_refresh(struct loop *l);

/* For lws_loop and hiredis, which attach to the same base. */
struct event_base *loop_base(struct loop *l);

#endif
