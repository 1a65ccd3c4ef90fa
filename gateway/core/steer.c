/*
 * What operators do: asked of the gateways that have the clients, and done there.
 */
#include "gateway/core/steer.h"

#include "broker-common/log.h"
#include "gateway/core/answers.h"
#include "gateway/core/channel.h"
#include "gateway/core/inquiry.h"
#include "gateway/core/session_core.h"
#include "gateway/core/shape.h"

/* --- done here ------------------------------------------------------------------------------------------ */

static bool answer_number(struct buf *reply, uint64_t n)
{
	buf_str(reply, "{\"n\":");
	buf_u64(reply, n);
	buf_char(reply, '}');
	return true;
}

static bool is_open(const struct session *s)
{
	return s->state < SESSION_DISCONNECTING;
}

bool answer_disconnect_client(struct hub *h, struct slice what, struct buf *reply)
{
	struct slice id;
	struct session *s;
	bool there;

	if (!ask_name(&what, &id) || !ask_ends(what))
		return false;
	s = session_find(h, id);
	there = s != NULL && is_open(s);
	if (there)
		session_close(s, CLOSE_KICKED);
	return answer_number(reply, there);
}

/* Whoever is closed stays in the channel until the loop turns. */
static bool disconnect_members(struct hub *h, enum topic_kind kind, struct slice what,
                               struct buf *reply)
{
	char topic[TOPIC_MAX];
	struct slice name;
	struct channel *c;
	uint64_t n = 0;

	if (!ask_name(&what, &name) || !ask_ends(what))
		return false;
	c = channel_find(h, topic_make(kind, name, topic));
	for (uint32_t i = 0; c != NULL && i < c->n_members; i++) {
		struct session *s = c->members[i].session;

		if (is_open(s)) {
			session_close(s, CLOSE_KICKED);
			n++;
		}
	}
	return answer_number(reply, n);
}

bool answer_disconnect_user(struct hub *h, struct slice what, struct buf *reply)
{
	return disconnect_members(h, TOPIC_USER, what, reply);
}

bool answer_disconnect_room(struct hub *h, struct slice what, struct buf *reply)
{
	return disconnect_members(h, TOPIC_ROOM, what, reply);
}

static void tell_kicked(struct session *s, struct slice room)
{
	char topic[TOPIC_MAX];
	struct buf *b = client_text(s);

	buf_str(b, "{\"type\":\"left\",\"topic\":");
	buf_json(b, topic_make(TOPIC_ROOM, room, topic));
	buf_str(b, ",\"room\":");
	buf_json(b, room);
	buf_str(b, ",\"reason\":\"kicked\"}");
	client_send(s, b);
}

static bool kick(struct session *s, struct slice room)
{
	if (!is_open(s) || !membership_leave(s, TOPIC_ROOM, room))
		return false;
	log_write(LOG_INFO, "client.kicked", LOG_SLICE("client", session_id(s)),
	          LOG_SLICE("room", room), LOG_END);
	tell_kicked(s, room);
	return true;
}

bool answer_kick_client(struct hub *h, struct slice what, struct buf *reply)
{
	struct slice room, id;
	struct session *s;

	if (!ask_name(&what, &room) || !ask_name(&what, &id) || !ask_ends(what))
		return false;
	s = session_find(h, id);
	return answer_number(reply, s != NULL && kick(s, room));
}

bool answer_kick_user(struct hub *h, struct slice what, struct buf *reply)
{
	char topic[TOPIC_MAX];
	struct slice room, user;
	struct channel *c;
	uint64_t n = 0;

	if (!ask_name(&what, &room) || !ask_name(&what, &user) || !ask_ends(what))
		return false;
	c = channel_find(h, topic_make(TOPIC_USER, user, topic));
	for (uint32_t i = 0; c != NULL && i < c->n_members; i++)
		n += kick(c->members[i].session, room);
	return answer_number(reply, n);
}

bool answer_drain(struct hub *h, struct slice what, struct buf *reply)
{
	if (!ask_ends(what))
		return false;
	if (h->drain_asked != NULL)
		h->drain_asked(h->drain_ctx);
	return answer_number(reply, h->drain_asked != NULL);
}

/* --- asked for ------------------------------------------------------------------------------------------- */

static const struct slice none = { NULL, 0 };
static const struct shape number_shape[] = {
	{ "n", JSON_NUMBER, false, NULL },
	{ NULL, JSON_INVALID, false, NULL },
};

/* To how many it was done. */
static uint64_t sum(struct inquiry *q)
{
	uint64_t n = 0;

	for (size_t i = 0; i < q->n_sources; i++) {
		struct source *s = &q->sources[i];

		if (s->answer.p != NULL && !shape_fits(s->answer, number_shape))
			inquiry_refuse(s);
		if (s->answer.p != NULL)
			n += shape_number(s->answer, "n");
	}
	return n;
}

/* One gateway alone could do it, or nobody knows. */
static enum err outcome(const struct inquiry *q, uint64_t n, bool one)
{
	if (one && q->sources->answer.p == NULL)
		return q->sources->e;
	return n == 0 && !inquiry_has_unanswered(q) ? ERR_GONE : ERR_OK;
}

static void finish(struct inquiry *q, const char *what, bool one)
{
	uint64_t n = sum(q);
	enum err e = outcome(q, n, one);

	if (e == ERR_OK) {
		buf_str(&q->out, what);
		buf_u64(&q->out, n);
		inquiry_write_unanswered(q);
		buf_char(&q->out, '}');
	}
	inquiry_end(q, e);
}

static void finish_disconnect(struct inquiry *q)
{
	finish(q, "{\"disconnected\":", false);
}

static void finish_disconnect_one(struct inquiry *q)
{
	finish(q, "{\"disconnected\":", true);
}

static void finish_kick(struct inquiry *q)
{
	finish(q, "{\"kicked\":", false);
}

static void finish_kick_one(struct inquiry *q)
{
	finish(q, "{\"kicked\":", true);
}

static void finish_drain(struct inquiry *q)
{
	uint64_t n = sum(q);
	enum err e = outcome(q, n, true);

	if (e == ERR_GONE && q->sources->answer.p != NULL)
		e = ERR_NOT_SUPPORTED;
	if (e == ERR_OK) {
		buf_str(&q->out, "{\"node\":");
		buf_json(&q->out, (struct slice){ q->sources->node, NODE_ID_LEN });
		buf_str(&q->out, ",\"draining\":true}");
	}
	inquiry_end(q, e);
}

/* Ask `node` (NULL: all) the question of one or two names. */
static enum err order(struct hub *h, struct slice node, const char *question, struct slice first,
                      struct slice second, void (*finish_it)(struct inquiry *q), inspect_done *done,
                      void *ctx)
{
	enum err e;
	struct inquiry *q = inquiry_new(h, none, none, none, done, ctx, &e);

	if (q == NULL)
		return e;
	buf_str(&q->question, question);
	for (int i = 0; i < 2; i++) {
		struct slice name = i == 0 ? first : second;

		if (name.p != NULL) {
			buf_char(&q->question, ' ');
			buf_slice(&q->question, name);
		}
	}
	e = node.p == NULL ? inquiry_ask_all(q, finish_it) : inquiry_ask(q, node, finish_it);
	if (e != ERR_OK)
		inquiry_free(q);
	return e;
}

static struct slice node_of(struct slice client)
{
	return (struct slice){ client.p, NODE_ID_LEN };
}

enum err steer_disconnect_client(struct hub *h, struct slice id, inspect_done *done, void *ctx)
{
	if (id.n != CLIENT_ID_LEN)
		return ERR_GONE; /* no client has such an id */
	return order(h, node_of(id), "disconnect-client", id, none, finish_disconnect_one, done,
	             ctx);
}

enum err steer_disconnect_user(struct hub *h, struct slice user, inspect_done *done, void *ctx)
{
	return order(h, none, "disconnect-user", user, none, finish_disconnect, done, ctx);
}

enum err steer_disconnect_room(struct hub *h, struct slice room, inspect_done *done, void *ctx)
{
	return order(h, none, "disconnect-room", room, none, finish_disconnect, done, ctx);
}

enum err steer_kick(struct hub *h, struct slice room, struct slice client, struct slice user,
                    inspect_done *done, void *ctx)
{
	if (client.p == NULL)
		return order(h, none, "kick-user", room, user, finish_kick, done, ctx);
	if (client.n != CLIENT_ID_LEN)
		return ERR_GONE;
	return order(h, node_of(client), "kick-client", room, client, finish_kick_one, done, ctx);
}

enum err steer_drain(struct hub *h, struct slice node, inspect_done *done, void *ctx)
{
	if (node.n != NODE_ID_LEN)
		return ERR_GONE;
	return order(h, node, "drain", none, none, finish_drain, done, ctx);
}
