#include "gateway/core/ask.h"

#include "gateway/core/answers.h"
#include "gateway/core/delivery.h"
#include "gateway/core/session_core.h"

#include <stdlib.h>

/* --- asked ---------------------------------------------------------------------------------------- */

/* The message for one of our clients: 1 when it was there, else 0. */
static bool answer_deliver(struct hub *h, struct slice what, struct buf *reply)
{
	struct session *s = NULL;
	const char *why;
	struct parcel p;
	struct topic t;

	/* Only the JSON form is written to, and that comes from no gateway. */
	if (what.n > 0 && what.p[0] != '{' &&
	    parcel_decode((char *)what.p, what.n, &p, &why) == ERR_OK && p.kind == PARCEL_EVENT &&
	    topic_parse(p.topic, &t) == ERR_OK && t.kind == TOPIC_CLIENT)
		s = session_find(h, t.name);
	if (s == NULL || s->state >= SESSION_DISCONNECTING) {
		buf_char(reply, '0');
		return true;
	}
	delivery_message(h, &p);
	buf_char(reply, '1');
	return true;
}

static const struct question {
	const char *name;
	answer *answer;
} questions[] = {
	{ "deliver", answer_deliver },
	{ "node", answer_node },
	{ "stats", answer_stats },
	{ "clients", answer_clients },
	{ "room", answer_room },
	{ "user", answer_user },
	{ "client", answer_client },
	{ "disconnect-client", answer_disconnect_client },
	{ "disconnect-user", answer_disconnect_user },
	{ "disconnect-room", answer_disconnect_room },
	{ "kick-client", answer_kick_client },
	{ "kick-user", answer_kick_user },
	{ "drain", answer_drain },
};

/* What stands in front of the next blank; `rest` is what stands behind it. */
static struct slice take_word(struct slice *rest)
{
	const char *blank = rest->n == 0 ? NULL : memchr(rest->p, ' ', rest->n);
	struct slice word = *rest;

	if (blank == NULL) {
		*rest = (struct slice){ NULL, 0 };
		return word;
	}
	word.n = (size_t)(blank - word.p);
	*rest = (struct slice){ blank + 1, rest->n - word.n - 1 };
	return word;
}

bool ask_name(struct slice *what, struct slice *name)
{
	*name = take_word(what);
	return topic_name_ok(*name);
}

void ask_answer(void *ctx, struct slice request, struct buf *reply)
{
	struct slice what = request, name = take_word(&what);
	size_t begin = reply->n;

	for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
		if (slice_is(name, questions[i].name) && questions[i].answer(ctx, what, reply))
			return;
	/* A newer gateway asks what this one does not know. */
	reply->n = begin;
	buf_char(reply, '?');
}

/* --- asking ---------------------------------------------------------------------------------------- */

struct asked {
	struct list_node node; /* of hub.asked, so that hub_close() can free it */
	struct hub *hub;
	struct deferred self; /* we ask ourselves: answered when the loop turns */
	ask_done *done;
	void *ctx;
	size_t n;
	char question[]; /* to ourselves */
};

static void answered(struct asked *a, enum err e, struct slice reply)
{
	if (e == ERR_OK && slice_is(reply, "?"))
		e = ERR_NOT_SUPPORTED;
	else if (e == ERR_OK && reply.n > ASK_ANSWER_MAX)
		e = ERR_TOO_BIG;
	list_remove(&a->node);
	a->done(a->ctx, e, e == ERR_OK ? reply : (struct slice){ NULL, 0 });
	free(a);
}

static void on_answer(void *ctx, enum err e, struct slice reply)
{
	answered(ctx, e, reply);
}

static void answer_myself(void *ctx)
{
	struct asked *a = ctx;
	struct buf reply;

	buf_init(&reply);
	ask_answer(a->hub, (struct slice){ a->question, a->n }, &reply);
	answered(a, reply.failed ? ERR_INTERNAL : ERR_OK, buf_view(&reply));
	buf_fini(&reply);
}

enum err ask_node(struct hub *h, struct slice node, struct slice question, ask_done *done,
                  void *ctx)
{
	bool self = slice_eq(node, hub_node(h));
	struct asked *a = malloc(sizeof *a + (self ? question.n : 0));
	enum err e = ERR_OK;

	if (a == NULL)
		return ERR_INTERNAL;
	*a = (struct asked){ .hub = h, .done = done, .ctx = ctx };
	if (self) {
		a->n = question.n;
		memcpy(a->question, question.p, question.n);
		a->self = (struct deferred){ .run = answer_myself, .ctx = a };
		loop_defer(h->loop, &a->self);
	} else {
		e = h->tier->ops->call(h->tier, node, question,
		                       (uint64_t)h->config->redis_timeout_ms, on_answer, a);
	}
	if (e == ERR_OK)
		list_push(&h->asked, &a->node);
	else
		free(a);
	return e;
}

enum err ask_deliver(struct hub *h, struct slice name, const struct parcel *p, ask_done *done,
                     void *ctx)
{
	if (name.n <= NODE_ID_LEN)
		return ERR_GONE; /* no client has such an id */
	buf_reset(&h->text);
	buf_str(&h->text, "deliver ");
	parcel_encode(&h->text, p);
	if (h->text.failed)
		return ERR_INTERNAL;
	return ask_node(h, (struct slice){ name.p, NODE_ID_LEN }, buf_view(&h->text), done, ctx);
}

void ask_forget(struct hub *h)
{
	struct list_node *n;

	while ((n = list_shift(&h->asked)) != NULL) {
		struct asked *a = container_of(n, struct asked, node);

		deferred_cancel(&a->self);
		free(a);
	}
}
