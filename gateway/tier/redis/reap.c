/*
 * Clearing up after incarnations that are gone, one script under way at a time: so Redis and the
 * loop stay quick, and whoever stops half-way leaves it to others.
 */
#include "broker-common/log.h"
#include "gateway/tier/redis/registry.h"
#include "gateway/tier/redis/resp.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

struct reap {
	struct list_node node;
	uint64_t partitions; /* still to be done, a bit for each */
	uint64_t members, topics;
	bool own;
	char inc[INCARNATION_MAX];
};

static void step(struct server *s);

static struct reap *reap_first(struct registry *g)
{
	struct list_node *n = list_first(&g->reaps);

	return n == NULL ? NULL : container_of(n, struct reap, node);
}

static void reap_free(struct reap *w)
{
	list_remove(&w->node);
	free(w);
}

static void finish(struct server *s, struct reap *w)
{
	for (unsigned int i = 0; w->own && i < OLD_INCARNATIONS; i++)
		if (strcmp(s->old[i], w->inc) == 0)
			s->old[i][0] = '\0';
	log_write(w->own ? LOG_DEBUG : LOG_INFO, "tier.node_reaped",
	          LOG_TEXT("incarnation", w->inc), LOG_NUM("members", w->members),
	          LOG_NUM("topics", w->topics), LOG_END);
	reap_free(w);
}

static void on_reaped(struct conn *c, const struct command *cmd, struct redisReply *r)
{
	struct server *s = c->o->owner;
	struct registry *g = &s->registry;
	struct reap *w = reap_first(g);
	enum reg_status status;

	if (cmd->value != g->reap_run)
		return;
	g->reaping = false;
	if (r == NULL || s->t->closing)
		return;
	if (!reg_answer(c, SCRIPT_REAP, r, 4, &status)) {
		if (cmd->value == g->reap_run) /* the error may have stopped all of it */
			reap_free(w);          /* it is found again when the claim is over */
		step(s);
		return;
	}
	if (status == REG_OK) {
		w->members += (uint64_t)r->element[2]->integer;
		w->topics += (uint64_t)r->element[3]->integer;
		if (!w->own)
			s->t->metrics->tier_reaped += (uint64_t)r->element[2]->integer;
	}
	if (status != REG_OK || r->element[1]->integer == 0)
		w->partitions &= w->partitions - 1;
	step(s);
}

static void step(struct server *s)
{
	struct registry *g = &s->registry;
	struct reap *w;
	struct command *cmd;

	while ((w = reap_first(g)) != NULL && w->partitions == 0)
		finish(s, w);
	if (w == NULL || g->reaping)
		return;
	cmd = script_call(s, SCRIPT_REAP, 1, 2, on_reaped);
	if (cmd == NULL) {
		reap_stop(s);
		return;
	}
	cmd->value = g->reap_run;
	g->reaping = true;
	reg_key(s, (unsigned int)__builtin_ctzll(w->partitions));
	resp_text(conn_out(&s->cmd), w->inc);
	resp_u64(conn_out(&s->cmd), w->own);
}

void reap_start(struct server *s, struct slice inc, uint64_t partitions, bool own)
{
	struct registry *g = &s->registry;
	struct list_node *n = list_first(&g->reaps);
	struct reap *w = NULL;

	for (; n != NULL && w == NULL; n = list_next(&g->reaps, n)) {
		w = container_of(n, struct reap, node);
		if (!slice_is(inc, w->inc))
			w = NULL;
	}
	if (w == NULL) {
		w = calloc(1, sizeof *w);
		if (w == NULL)
			return; /* it is found again */
		memcpy(w->inc, inc.p, inc.n);
		list_push(&g->reaps, &w->node);
	}
	w->own |= own;
	w->partitions |= partitions;
	step(s);
}

void reap_stop(struct server *s)
{
	struct registry *g = &s->registry;
	struct reap *w;

	g->reap_run++;
	g->reaping = false;
	while ((w = reap_first(g)) != NULL)
		reap_free(w);
}
