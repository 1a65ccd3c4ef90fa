#include "gateway/core/session_core.h"

#include "broker-common/log.h"
#include "gateway/core/login.h"
#include "gateway/core/quota.h"

#include <assert.h>
#include <stdlib.h>

#define TAKES_A_SAMPLE 16u

/* A frame that came while a barrier stood. */
struct stashed {
	struct list_node node;
	size_t n;
	char text[];
};

/* What may follow a state, as bits. */
static const uint8_t may_follow[] = {
	[SESSION_CONNECTING] = 1u << SESSION_CONNECTED | 1u << SESSION_DISCONNECTING |
		1u << SESSION_DISCONNECTED,
	[SESSION_CONNECTED] = 1u << SESSION_DISCONNECTING | 1u << SESSION_DISCONNECTED,
	[SESSION_DISCONNECTING] = 1u << SESSION_DISCONNECTED,
	[SESSION_DISCONNECTED] = 0,
};

static const char *const state_names[] = { "connecting", "connected", "disconnecting",
	                                   "disconnected" };

const char *session_state_name(const struct session *s)
{
	return state_names[s->state];
}

void session_move(struct session *s, enum session_state to)
{
	assert(may_follow[s->state] & 1u << to);
	log_write(LOG_DEBUG, "client.state", LOG_SLICE("client", session_id(s)),
	          LOG_TEXT("from", state_names[s->state]), LOG_TEXT("to", state_names[to]),
	          LOG_END);
	if (s->state == SESSION_CONNECTING)
		list_remove(&s->phase); /* no longer greeting */
	s->state = (uint8_t)to;
}

struct slice session_key(const struct map_node *n)
{
	return session_id(container_of(n, const struct session, node));
}

struct slice session_id(const struct session *s)
{
	return (struct slice){ s->id, CLIENT_ID_LEN };
}

struct session *session_find(struct hub *h, struct slice id)
{
	struct map_node *n = map_find(&h->sessions, id);

	return n == NULL ? NULL : container_of(n, struct session, node);
}

struct budget *session_budget(struct session *s)
{
	return &s->hub->budget;
}

static void unstash(void *session);

/* --- life --------------------------------------------------------------------------------------- */

/* Node, '-', 60 random bits: unique in the cluster for ever, and not to be guessed. */
static void draw_id(struct session *s)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";

	memcpy(s->id, s->hub->node, NODE_ID_LEN);
	s->id[NODE_ID_LEN] = '-';
	do {
		uint64_t chance = loop_random(s->hub->loop);

		for (int i = NODE_ID_LEN + 1; i < CLIENT_ID_LEN; i++, chance >>= 5)
			s->id[i] = digits[chance & 31];
	} while (session_find(s->hub, session_id(s)) != NULL);
}

static void session_free(struct session *s)
{
	struct list_node *n;

	assert(s->left && s->transport == NULL);
	while ((n = list_shift(&s->stash)) != NULL) {
		struct stashed *f = container_of(n, struct stashed, node);

		budget_give(&s->hub->budget, sizeof *f + f->n);
		free(f);
	}
	session_forget_acks(s);
	queue_fini(&s->queue);
	login_free(s->login);
	free(s->user);
	free(s);
}

void session_unref(struct session *s)
{
	if (--s->refs == 0)
		session_free(s);
}

/* Its name, its place in the maps, its first heartbeat. */
static bool enrol(struct session *s, const struct session_options *o)
{
	struct hub *h = s->hub;
	struct slice user = o->login != NULL ? o->login->user : o->user;

	if ((user.p != NULL && !session_set_user(s, user)) || !map_add(&h->sessions, &s->node))
		return false;
	if (!quota_count(s, o->address)) {
		map_remove(&h->sessions, &s->node);
		return false;
	}
	heartbeat_add(s);
	return true;
}

static struct session *session_make(struct hub *h, const struct session_options *o, bool counted)
{
	struct session *s = calloc(1, sizeof *s);

	if (s == NULL) {
		login_free(o->login);
		return NULL;
	}
	s->hub = h;
	s->ops = o->ops;
	s->transport = o->transport;
	s->login = o->login;
	s->hello_due = o->hello;
	s->counted = counted;
	s->refs = 1;                   /* the transport's, until session_gone() */
	s->rate.milli = INT64_MAX / 2; /* cut to the burst when first used */
	s->rate.at_ms = loop_now_ms(h->loop);
	s->unstash = (struct deferred){ .run = unstash, .ctx = s };
	list_init(&s->stash);
	list_init(&s->acks);
	queue_init(&s->queue);
	s->queue.held = true; /* nothing comes before the welcome */
	draw_id(s);
	if (enrol(s, o))
		return s;
	login_free(s->login);
	free(s->user);
	free(s);
	return NULL;
}

struct session *session_open(struct hub *h, const struct session_options *o)
{
	struct session *s = session_make(h, o, true);

	if (s == NULL)
		return NULL;
	log_write(LOG_DEBUG, "client.opened", LOG_SLICE("client", session_id(s)),
	          LOG_SLICE("address", o->address), LOG_SLICE("jti", login_id(s)), LOG_END);
	if (!s->hello_due)
		session_welcome(s);
	return s;
}

struct session *session_open_refused(struct hub *h, const struct session_options *o)
{
	struct session *s = session_make(h, o, false);

	if (s == NULL)
		return NULL;
	session_refuse(s, h->link.up ? "full" : "tier");
	return s;
}

struct session *session_open_denied(struct hub *h, const struct session_options *o, enum err why)
{
	struct session *s = session_make(h, o, false);

	if (s != NULL)
		session_deny(s, why);
	return s;
}

/* The topics are left when the loop turns: whoever closes may be walking through a channel. */
static void end_later(struct session *s)
{
	if (s->ending)
		return;
	s->ending = true;
	s->refs++;
	list_remove(&s->phase);
	list_push(&s->hub->ending, &s->phase);
	loop_defer(s->hub->loop, &s->hub->end);
}

void session_end_all(void *ctx)
{
	struct hub *h = ctx;
	struct list_node *n;

	while ((n = list_shift(&h->ending)) != NULL) {
		struct session *s = container_of(n, struct session, phase);

		membership_leave_all(s);
		s->left = true;
		session_unref(s);
	}
}

void session_dropped(struct session *s, int why, uint32_t messages)
{
	s->hub->metrics->messages_dropped[why] += messages;
	s->counts.messages_dropped += messages;
}

static void log_close(const struct session *s, enum close_why why)
{
	/* Who was refused is many when it is an attack. */
	bool usual = why == CLOSE_NORMAL || why == CLOSE_RESTART || why == CLOSE_TRY_LATER ||
		!s->counted;

	log_write(usual ? LOG_DEBUG : LOG_INFO, "client.closing",
	          LOG_SLICE("client", session_id(s)), LOG_NUM("code", close_code(why)),
	          LOG_TEXT("reason", close_reason(why)),
	          LOG_SLICE("address", ((struct slice){ s->address->text, s->address->len })),
	          LOG_END);
}

void session_close(struct session *s, enum close_why why)
{
	if (s->state >= SESSION_DISCONNECTING)
		return;
	log_close(s, why);
	session_move(s, SESSION_DISCONNECTING);
	s->why = (uint8_t)why;
	s->hub->metrics->connections_closed[why]++;
	list_remove(&s->beat);
	login_stop(s);
	client_hold(s, false);
	/* Who did not read what waited will not read more of it. */
	if (why == CLOSE_TOO_SLOW || why == CLOSE_HEARTBEAT)
		session_dropped(s, DROPPED_SLOW, queue_clear_data(&s->queue));
	end_later(s);
	s->ops->close(s->transport, why);
}

void session_gone(struct session *s, int code, struct slice reason)
{
	bool by_us = s->state == SESSION_DISCONNECTING;

	if (!by_us)
		s->hub->metrics->connections_left++;
	log_write(LOG_DEBUG, "client.gone", LOG_SLICE("client", session_id(s)),
	          LOG_NUM("code", code == 0 ? 1006 : code), LOG_SLICE("reason", reason),
	          LOG_TEXT("by", by_us ? "server" : "client"), LOG_END);
	session_move(s, SESSION_DISCONNECTED);
	s->transport = NULL;
	if (list_has(
		    &s->unstash
			     .node)) { /* nobody waits for it, and the hub may close before it runs */
		deferred_cancel(&s->unstash);
		session_unref(s);
	}
	list_remove(&s->beat);
	login_stop(s);
	map_remove(&s->hub->sessions, &s->node);
	quota_drop(s);
	end_later(s);
	session_unref(s);
}

/* --- input ------------------------------------------------------------------------------------------ */

/* Who asks faster than it reads waits: its next frame is looked at when answers have gone out. (A list may
 * be larger than all that may wait; the lane takes one such.) */
static bool answers_fill(const struct session *s)
{
	return s->queue.control_bytes >= s->hub->limits.control_bytes / 2 ||
		s->queue.control_messages >= s->hub->limits.control_messages / 2;
}

/* So does who asks faster than the tier answers: when it fails, all the answers come at once. */
static bool must_wait(const struct session *s)
{
	return s->barriers > 0 || answers_fill(s) ||
		s->queue.control_messages + s->n_asking >= s->hub->limits.control_messages / 2;
}

/* It asks and does not read the answers; not for ever. */
static void jam(struct session *s)
{
	if (!list_has(&s->phase))
		list_push(&s->hub->jammed, &s->phase);
}

/* Keep a frame for later, and stop reading: the barrier falls within the tier's time-out. */
static void stash(struct session *s, const char *text, size_t n)
{
	struct stashed *f = malloc(sizeof *f + n);

	if (f == NULL) {
		session_close(s, CLOSE_INTERNAL);
		return;
	}
	f->node = (struct list_node){ NULL, NULL };
	f->n = n;
	memcpy(f->text, text, n);
	budget_take(&s->hub->budget, sizeof *f + n);
	list_push(&s->stash, &f->node);
	if (answers_fill(s) && s->state == SESSION_CONNECTED)
		jam(s);
	if (!s->paused) {
		s->paused = true;
		s->ops->pause(s->transport, true);
	}
}

void session_input(struct session *s, char *text, size_t n)
{
	struct hub *h = s->hub;

	if (s->state >= SESSION_DISCONNECTING)
		return;
	h->metrics->frames_received++;
	h->metrics->bytes_received += n;
	s->counts.frames_received++;
	if (must_wait(s) || !list_is_empty(&s->stash))
		stash(s, text, n);
	else
		h->dispatch(h, s, text, n);
}

/* The barrier has fallen: what waited takes its turn, until the next one. */
static void unstash(void *ctx)
{
	struct session *s = ctx;
	struct hub *h = s->hub;
	struct list_node *n;

	while (!must_wait(s) && s->state <= SESSION_CONNECTED &&
	       (n = list_first(&s->stash)) != NULL) {
		struct stashed *f = container_of(n, struct stashed, node);

		h->dispatch(h, s, f->text, f->n);
		list_remove(&f->node);
		budget_give(&h->budget, sizeof *f + f->n);
		free(f);
	}
	if (!list_is_empty(&s->stash) && answers_fill(s) && s->state == SESSION_CONNECTED)
		jam(s);
	if (list_is_empty(&s->stash) && s->paused && s->transport != NULL) {
		s->paused = false;
		if (!s->ending)
			list_remove(&s->phase); /* no longer jammed */
		s->ops->pause(s->transport, false);
	}
	session_unref(s);
}

void session_go_on(struct session *s)
{
	if (list_is_empty(&s->stash) || s->state > SESSION_CONNECTED || must_wait(s) ||
	    list_has(&s->unstash.node))
		return;
	s->refs++;
	loop_defer(s->hub->loop, &s->unstash);
}

void client_barrier(struct session *s, bool stands)
{
	if (stands) {
		s->barriers++;
		return;
	}
	assert(s->barriers > 0);
	s->barriers--;
	session_go_on(s);
}

/* --- output ------------------------------------------------------------------------------------------- */

static void wake(struct session *s)
{
	if (s->woken || s->transport == NULL)
		return;
	s->woken = true;
	s->ops->wake(s->transport);
}

void session_push(struct session *s, struct message *m)
{
	uint32_t dropped = 0;
	enum err e;

	if (s->state >= SESSION_DISCONNECTING)
		return;
	e = queue_push(&s->queue, &s->hub->limits, m, &dropped);
	if (dropped > 0)
		session_dropped(s, DROPPED_SLOW, dropped);
	if (e == ERR_OK) {
		s->hub->metrics->deliveries++;
		wake(s);
		return;
	}
	session_dropped(s, DROPPED_SLOW, 1);
	session_close(s, e == ERR_QUEUE_FULL ? CLOSE_TOO_SLOW : CLOSE_INTERNAL);
}

void session_gap(struct session *s, enum lane lane, struct slice topic, enum gap_reason why,
                 uint32_t count)
{
	if (s->state >= SESSION_DISCONNECTING)
		return;
	queue_gap(&s->queue, lane, topic, why, count);
	wake(s);
}

/* Not read from, it cannot show that it lives but by taking what is sent. */
static void go_on_reading(struct session *s)
{
	heartbeat_heard(s);
	if (list_has(&s->phase) && !s->ending) { /* jammed: its time counts from now on again */
		list_remove(&s->phase);
		list_push(&s->hub->jammed, &s->phase);
	}
	session_go_on(s);
}

size_t session_take(struct session *s, char *out, size_t room)
{
	struct hub *h = s->hub;
	uint64_t oldest_us = UINT64_MAX, now;
	uint32_t taken = 0;
	size_t n = queue_take(&s->queue, &h->budget, out, room, &taken, &oldest_us);

	s->woken = false;
	s->last_error = ERR_OK;
	if (s->paused)
		go_on_reading(s);
	h->metrics->messages_sent += taken;
	h->metrics->bytes_sent += n;
	s->counts.messages_sent += taken;
	s->counts.bytes_sent += n;
	/* A sample is as good, and looking at the clock for each costs more than the queue. */
	if (oldest_us != UINT64_MAX && h->takes++ % TAKES_A_SAMPLE == 0) {
		now = loop_wall_us(h->loop);
		histogram_add(&h->metrics->publish_written_seconds,
		              now > oldest_us ? now - oldest_us : 0);
	}
	return n;
}

bool session_has_output(const struct session *s)
{
	return queue_has_output(&s->queue);
}

void client_hold(struct session *s, bool held)
{
	s->queue.held = held;
	if (!held && queue_has_output(&s->queue))
		wake(s);
}

void client_send(struct session *s, const struct buf *json)
{
	struct message *m = NULL;
	uint32_t dropped = 0;
	enum err e = ERR_INTERNAL;

	if (s->state >= SESSION_DISCONNECTING)
		return;
	if (!json->failed)
		m = message_new(&s->hub->budget, buf_view(json));
	if (m != NULL)
		e = queue_push(&s->queue, &s->hub->limits, m, &dropped);
	message_unref(m);
	if (e == ERR_OK)
		wake(s);
	else
		session_close(s, e == ERR_QUEUE_FULL ? CLOSE_TOO_SLOW : CLOSE_INTERNAL);
}
