#include "gateway/core/ask.h"

#include "gateway/core/delivery.h"
#include "gateway/core/session_core.h"

#include <stdlib.h>

/* --- asked ---------------------------------------------------------------------------------------- */

/* The message for one of our clients: 1 when it was there, else 0. */
static void answer_deliver(struct hub *h, struct slice what, struct buf *reply)
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
		return;
	}
	delivery_message(h, &p);
	buf_char(reply, '1');
}

static const struct question {
	const char *name;
	void (*answer)(struct hub *h, struct slice what, struct buf *reply);
} questions[] = {
	{ "deliver", answer_deliver },
};

void ask_answer(void *ctx, struct slice request, struct buf *reply)
{
	const char *blank = request.n == 0 ? NULL : memchr(request.p, ' ', request.n);
	struct slice name = request, what = { NULL, 0 };

	if (blank != NULL) {
		name.n = (size_t)(blank - request.p);
		what = (struct slice){ blank + 1, request.n - name.n - 1 };
	}
	for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
		if (slice_is(name, questions[i].name)) {
			questions[i].answer(ctx, what, reply);
			return;
		}
	/* A newer gateway asks what this one does not know. */
	buf_char(reply, '?');
}

/* --- asking ---------------------------------------------------------------------------------------- */

struct asked {
	struct list_node node; /* of hub.asked, so that hub_close() can free it */
	ask_delivered *done;
	void *ctx;
};

static void on_answer(void *ctx, enum err e, struct slice reply)
{
	struct asked *a = ctx;
	bool there = slice_is(reply, "1");

	list_remove(&a->node);
	if (e == ERR_OK && !there && !slice_is(reply, "0"))
		e = ERR_NOT_SUPPORTED;
	a->done(a->ctx, e, there);
	free(a);
}

enum err ask_deliver(struct hub *h, struct slice name, const struct parcel *p, ask_delivered *done,
                     void *ctx)
{
	struct slice node = { name.p, NODE_ID_LEN };
	struct asked *a;
	enum err e;

	if (name.n <= NODE_ID_LEN)
		return ERR_GONE; /* no client has such an id */
	buf_reset(&h->text);
	buf_str(&h->text, "deliver ");
	parcel_encode(&h->text, p);
	a = h->text.failed ? NULL : malloc(sizeof *a);
	if (a == NULL)
		return ERR_INTERNAL;
	*a = (struct asked){ .done = done, .ctx = ctx };
	e = h->tier->ops->call(h->tier, node, buf_view(&h->text),
	                       (uint64_t)h->config->redis_timeout_ms, on_answer, a);
	if (e == ERR_OK)
		list_push(&h->asked, &a->node);
	else
		free(a);
	return e;
}

void ask_forget(struct hub *h)
{
	struct list_node *n;

	while ((n = list_shift(&h->asked)) != NULL)
		free(container_of(n, struct asked, node));
}
