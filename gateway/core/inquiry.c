#include "gateway/core/inquiry.h"

#include "broker-common/json.h"
#include "broker-common/log.h"
#include "gateway/core/ask.h"

#include <assert.h>
#include <stdlib.h>

#define INQUIRIES_MOST 16u      /* under way */
#define NODES_MOST 1000u        /* are asked; the others have not answered */
#define ANSWERS_MAX (64u << 20) /* bytes, of all nodes together */

static struct slice keep(char **to, struct slice s)
{
	struct slice copy = { s.p == NULL ? NULL : *to, s.n };

	if (s.n > 0)
		memcpy(*to, s.p, s.n);
	*to += s.n;
	return copy;
}

struct inquiry *inquiry_new(struct hub *h, struct slice name, struct slice other,
                            struct slice after, inspect_done *done, void *ctx, enum err *e)
{
	struct inquiry *q = NULL;
	char *text;

	*e = ERR_OVERLOADED;
	if (h->n_inquiries >= INQUIRIES_MOST)
		return NULL;
	*e = ERR_INTERNAL;
	q = calloc(1, sizeof *q + name.n + other.n + after.n);
	if (q == NULL)
		return NULL;
	q->hub = h;
	q->done = done;
	q->ctx = ctx;
	text = q->text;
	q->name = keep(&text, name);
	q->other = keep(&text, other);
	q->after = keep(&text, after);
	buf_init(&q->question);
	buf_init(&q->out);
	buf_init(&q->infos);
	list_push(&h->inquiries, &q->node);
	h->n_inquiries++;
	return q;
}

void inquiry_free(struct inquiry *q)
{
	list_remove(&q->node);
	q->hub->n_inquiries--;
	for (size_t i = 0; i < q->n_sources; i++)
		free((char *)q->sources[i].answer.p);
	free(q->sources);
	free(q->members);
	buf_fini(&q->question);
	buf_fini(&q->out);
	buf_fini(&q->infos);
	free(q);
}

void inquiry_forget(struct hub *h)
{
	struct list_node *n;

	while ((n = list_first(&h->inquiries)) != NULL)
		inquiry_free(container_of(n, struct inquiry, node));
}

void inquiry_end(struct inquiry *q, enum err e)
{
	if (e == ERR_OK && q->out.failed)
		e = ERR_INTERNAL;
	q->done(q->ctx, e, e == ERR_OK ? buf_view(&q->out) : (struct slice){ NULL, 0 });
	inquiry_free(q);
}

/* --- the answers ------------------------------------------------------------------------------------ */

void inquiry_refuse(struct source *s)
{
	log_write(LOG_WARN, "ask.answer_broken",
	          LOG_SLICE("node", ((struct slice){ s->node, NODE_ID_LEN })), LOG_END);
	free((char *)s->answer.p);
	s->answer = (struct slice){ NULL, 0 };
	s->e = ERR_UNCERTAIN;
}

static void keep_answer(struct source *s, struct slice reply)
{
	struct inquiry *q = s->inquiry;
	char *copy;

	if (q->bytes + reply.n > ANSWERS_MAX) {
		s->e = ERR_TOO_BIG;
		return;
	}
	copy = malloc(reply.n);
	if (copy == NULL) {
		s->e = ERR_INTERNAL;
		return;
	}
	memcpy(copy, reply.p, reply.n);
	s->answer = (struct slice){ copy, reply.n };
	q->bytes += reply.n;
	if (json_check(s->answer, &json_default_limits, NULL) != JSON_OBJECT)
		inquiry_refuse(s);
}

static void one_less(struct inquiry *q)
{
	if (--q->waiting == 0)
		q->finish(q);
}

static void on_answer(void *ctx, enum err e, struct slice reply)
{
	struct source *s = ctx;

	s->e = e;
	if (e == ERR_OK)
		keep_answer(s, reply);
	one_less(s->inquiry);
}

/* Who is gone has nothing that could be missing. */
static bool is_unanswered(const struct source *s)
{
	return s->answer.p == NULL && s->e != ERR_GONE;
}

bool inquiry_has_unanswered(const struct inquiry *q)
{
	for (size_t i = 0; i < q->n_sources; i++)
		if (is_unanswered(&q->sources[i]))
			return true;
	return false;
}

void inquiry_write_unanswered(struct inquiry *q)
{
	bool first = true;

	if (!inquiry_has_unanswered(q))
		return;
	buf_str(&q->out, ",\"unanswered\":[");
	for (size_t i = 0; i < q->n_sources; i++) {
		if (!is_unanswered(&q->sources[i]))
			continue;
		if (!first)
			buf_char(&q->out, ',');
		buf_json(&q->out, (struct slice){ q->sources[i].node, NODE_ID_LEN });
		first = false;
	}
	buf_char(&q->out, ']');
}

/* --- the questions ---------------------------------------------------------------------------------- */

enum err inquiry_ask(struct inquiry *q, struct slice node, void (*finish)(struct inquiry *q))
{
	enum err e;

	assert(q->sources == NULL && node.n == NODE_ID_LEN);
	if (q->question.failed)
		return ERR_INTERNAL;
	q->sources = calloc(1, sizeof *q->sources);
	if (q->sources == NULL)
		return ERR_INTERNAL;
	q->sources->inquiry = q;
	memcpy(q->sources->node, node.p, NODE_ID_LEN);
	q->n_sources = 1;
	q->finish = finish;
	e = ask_node(q->hub, node, buf_view(&q->question), on_answer, q->sources);
	q->waiting = e == ERR_OK;
	return e;
}

static int by_node(const void *a, const void *b)
{
	return memcmp(((const struct source *)a)->node, ((const struct source *)b)->node,
	              NODE_ID_LEN);
}

/* One more is waited for meanwhile, so that nothing ends while there are some to ask. */
static void ask_sources(struct inquiry *q)
{
	q->waiting = 1;
	for (size_t i = 0; i < q->n_sources; i++) {
		struct source *s = &q->sources[i];

		s->inquiry = q;
		s->e = ERR_OVERLOADED;
		if (i < NODES_MOST)
			s->e = ask_node(q->hub, (struct slice){ s->node, NODE_ID_LEN },
			                buf_view(&q->question), on_answer, s);
		q->waiting += s->e == ERR_OK;
	}
	one_less(q);
}

static void add_source(struct inquiry *q, struct slice node)
{
	assert(node.n == NODE_ID_LEN);
	memcpy(q->sources[q->n_sources++].node, node.p, NODE_ID_LEN);
}

static void on_nodes(void *ctx, enum err e, const struct tier_name *nodes, size_t n)
{
	struct inquiry *q = ctx;
	bool self = false;

	if (e == ERR_OK) {
		q->sources = calloc(n + 1, sizeof *q->sources);
		e = q->sources == NULL ? ERR_INTERNAL : ERR_OK;
	}
	if (e != ERR_OK) {
		inquiry_end(q, e);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		self |= slice_eq(nodes[i].name, hub_node(q->hub));
		add_source(q, nodes[i].name);
	}
	if (!self) /* its lease is over for the moment */
		add_source(q, hub_node(q->hub));
	qsort(q->sources, q->n_sources, sizeof *q->sources, by_node);
	ask_sources(q);
}

enum err inquiry_ask_all(struct inquiry *q, void (*finish)(struct inquiry *q))
{
	struct tier *t = q->hub->tier;

	if (q->question.failed)
		return ERR_INTERNAL;
	q->finish = finish;
	return t->ops->nodes(t, on_nodes, q);
}
