#include "broker-common/log.h"
#include "gateway/tier/redis/registry.h"
#include "gateway/tier/redis/resp.h"

#include <hiredis/hiredis.h>

#define UNANSWERED_MOST 64 /* scripts of ours, so that others' commands have their turn */
#define MEMBERS_MOST 100   /* in one of them */
#define AGAIN_MS 10        /* when too much waits for Redis */
#define ROOM_AGAIN_MS 100  /* when too many old incarnations do */

static void more(void *ctx);

void restore_init(struct server *s)
{
	timer_init(&s->registry.go, s->t->loop, more, s);
}

/* --- telling ------------------------------------------------------------------------------------------ */

static struct reg_topic *next_topic(struct registry *g)
{
	struct list_node *n = list_first(&g->order);
	struct reg_topic *t = n == NULL ? NULL : container_of(n, struct reg_topic, order);

	return t != NULL && (t->told != g->number || t->untold > 0) ? t : NULL;
}

static void on_seated(struct conn *c, const struct command *cmd, struct redisReply *r)
{
	struct server *s = c->o->owner;
	struct registry *g = &s->registry;
	enum reg_status status;

	g->unanswered--;
	if (r == NULL || s->t->closing || cmd->value != g->number || !g->restoring)
		return;
	if (!reg_answer(c, SCRIPT_SEAT, r, 1, &status))
		server_reregister(s, "registering failed");
	else if (status != REG_OK)
		lease_lost(s);
	else
		more(s);
}

static uint32_t count_old(const struct server *s)
{
	uint32_t n = 0;

	for (unsigned int i = 0; i < OLD_INCARNATIONS; i++)
		n += s->old[i][0] != '\0';
	return n;
}

/* The first `n` members in order; then they are the last. */
static void add_members(struct server *s, struct reg_topic *t, uint32_t n)
{
	for (; n > 0; n--) {
		struct list_node *first = list_shift(&t->order_of_members);
		struct reg_member *m = container_of(first, struct reg_member, order);

		resp_slice(conn_out(&s->cmd), (struct slice){ m->blob, m->len });
		m->told = s->registry.number;
		list_push(&t->order_of_members, first);
	}
}

/* One script. False: it could not be sent now. */
static bool tell(struct server *s, struct reg_topic *t)
{
	struct registry *g = &s->registry;
	struct buf *out = conn_out(&s->cmd);
	bool first = t->told != g->number;
	uint32_t left = first ? t->members.n : t->untold;
	uint32_t n = left < MEMBERS_MOST ? left : MEMBERS_MOST;
	uint32_t old = count_old(s);
	struct command *cmd = script_call(s, SCRIPT_SEAT, 1, 6 + old + n, on_seated);

	if (cmd == NULL)
		return false;
	cmd->value = g->number;
	g->told = true;
	g->unanswered++;
	reg_key(s, place_partition(reg_topic_name(t)));
	resp_text(out, s->inc);
	resp_slice(out, reg_topic_name(t));
	resp_u64(out, t->connections);
	resp_u64(out, t->presence_max);
	resp_u64(out, first);
	resp_u64(out, old);
	for (unsigned int i = 0; i < OLD_INCARNATIONS; i++)
		if (s->old[i][0] != '\0')
			resp_text(out, s->old[i]);
	add_members(s, t, n);
	t->told = g->number;
	t->untold = left - n;
	return true;
}

static uint64_t own_partitions(const struct server *s)
{
	uint64_t all = 0;

	for (unsigned int p = 0; p < PLACE_PARTITIONS; p++)
		if (redis_partition_server(s->t, p) == s)
			all |= UINT64_C(1) << p;
	return all;
}

static void take_back_old(struct server *s)
{
	for (unsigned int i = 0; i < OLD_INCARNATIONS; i++)
		if (s->old[i][0] != '\0')
			reap_start(s, slice_of(s->old[i]), own_partitions(s), true);
}

/* One that was forgotten would keep its members until its lease ends, and then they would be seen to
 * leave who are here. So when this one could not be remembered, nothing is told under it: first one of
 * the old ones goes, with a notice for each member that it still has. */
static bool make_room(struct server *s)
{
	if (count_old(s) < OLD_INCARNATIONS)
		return true;
	if (list_is_empty(&s->registry.reaps))
		take_back_old(s);
	timer_set(&s->registry.go, ROOM_AGAIN_MS);
	return false;
}

static void finish(struct server *s)
{
	struct registry *g = &s->registry;

	g->restoring = false;
	s->registered = true;
	log_write(LOG_INFO, "tier.registered", LOG_NUM("server", s->index),
	          LOG_TEXT("incarnation", s->inc), LOG_NUM("topics", g->topics.n), LOG_END);
	take_back_old(s);
	server_step(s);
}

static void more(void *ctx)
{
	struct server *s = ctx;
	struct registry *g = &s->registry;
	struct reg_topic *t;

	if (!g->told && !make_room(s))
		return;
	while ((t = next_topic(g)) != NULL && g->unanswered < UNANSWERED_MOST) {
		if (!tell(s, t)) {
			timer_set(&g->go, AGAIN_MS);
			return;
		}
		if (t->untold > 0)
			continue;
		list_remove(&t->order);
		list_push(&g->order, &t->order);
	}
	if (t == NULL && g->unanswered == 0)
		finish(s);
}

void restore_start(struct server *s)
{
	s->registry.restoring = true;
	timer_set(&s->registry.go, 0);
}

void restore_stop(struct server *s)
{
	s->registry.restoring = false;
	timer_stop(&s->registry.go);
	leave_stop(s);
	reap_stop(s);
}

/* --- leaving ---------------------------------------------------------------------------------------------- */

static bool give_back(struct server *s, unsigned int which, unsigned int partition);

/* `value` of the command: 0 for s->inc or the number in s->old from 1, and the partition. What is not
 * done when the process ends is done by others: it has been given back. */
static void on_given_back(struct conn *c, const struct command *cmd, struct redisReply *r)
{
	struct server *s = c->o->owner;
	unsigned int which = (unsigned int)(cmd->value >> 8);
	enum reg_status status;

	if (r != NULL && reg_answer(c, SCRIPT_REAP, r, 4, &status) && status == REG_OK &&
	    r->element[1]->integer != 0)
		(void)give_back(s, which, cmd->value & 0xff);
}

static bool give_back(struct server *s, unsigned int which, unsigned int partition)
{
	struct command *cmd = script_call(s, SCRIPT_REAP, 1, 2, on_given_back);

	if (cmd == NULL)
		return false;
	cmd->value = which << 8 | partition;
	reg_key(s, partition);
	resp_text(conn_out(&s->cmd), which == 0 ? s->inc : s->old[which - 1]);
	resp_u64(conn_out(&s->cmd), 1);
	return true;
}

void restore_leave_all(struct server *s)
{
	uint64_t own = own_partitions(s);

	for (unsigned int p = 0; p < PLACE_PARTITIONS; p++) {
		if ((own >> p & 1) == 0)
			continue;
		if (!give_back(s, 0, p))
			return;
		for (unsigned int i = 0; i < OLD_INCARNATIONS; i++)
			if (s->old[i][0] != '\0' && !give_back(s, i + 1, p))
				return;
	}
}
