#include "gateway/tier/redis/registry.h"

#include "gateway/tier/redis/resp.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

static const struct tier_room no_room;

bool reg_answer(struct conn *c, enum script which, const struct redisReply *r, size_t least,
                enum reg_status *out)
{
	struct server *s = c->o->owner;
	char reason[64];

	if (r->type == REDIS_REPLY_ERROR) {
		server_error(s, r);
		return false;
	}
	if (r->type == REDIS_REPLY_ARRAY && r->elements > 0 &&
	    r->element[0]->type == REDIS_REPLY_INTEGER && r->element[0]->integer >= 0 &&
	    r->element[0]->integer < REG_STATUSES &&
	    (r->element[0]->integer != REG_OK || r->elements >= least)) {
		*out = (enum reg_status)r->element[0]->integer;
		return true;
	}
	s->t->metrics->tier_errors++;
	snprintf(reason, sizeof reason, "an absurd answer to the script %s", script_name(which));
	conn_break(c, reason);
	return false;
}

/* --- entries under way ---------------------------------------------------------------------------- */

static struct slice entering_key(const struct map_node *n)
{
	const struct entering *e = container_of(n, const struct entering, node);

	return (struct slice){ e->text, e->topic_n + 1 + e->client_n };
}

static struct entering *entering_new(struct server *s, const struct tier_entry *entry)
{
	const struct slice topic = entry->topic, client = entry->member.client;
	struct buf *blob = &s->t->text;
	struct entering *e;

	buf_reset(blob);
	if (entry->visible)
		parcel_encode_member(blob, &entry->member);
	e = blob->failed ? NULL : malloc(sizeof *e + topic.n + 1 + client.n + blob->n);
	if (e == NULL)
		return NULL;
	*e = (struct entering){
		.number = s->registry.number,
		.visible = entry->visible,
		.again = entry->again,
		.list = entry->list,
		.presence_max = entry->presence_max,
		.topic_n = (uint32_t)topic.n,
		.client_n = (uint32_t)client.n,
		.blob_n = (uint32_t)blob->n,
	};
	memcpy(e->text, topic.p, topic.n);
	e->text[topic.n] = ' ';
	memcpy(e->text + topic.n + 1, client.p, client.n);
	if (blob->n > 0)
		memcpy(e->text + topic.n + 1 + client.n, blob->p, blob->n);
	return e;
}

/* Behind those of the same client and topic, so that a leave finds them all. */
static bool entering_add(struct registry *g, struct entering *e)
{
	struct map_node *n = map_find(&g->entering, entering_key(&e->node));
	struct entering *last;

	if (n == NULL)
		return map_add(&g->entering, &e->node);
	for (last = container_of(n, struct entering, node); last->next != NULL;)
		last = last->next;
	last->next = e;
	return true;
}

/* The one added last was not sent. */
static void entering_undo(struct registry *g, struct entering *e)
{
	struct map_node *n = map_find(&g->entering, entering_key(&e->node));
	struct entering *before = container_of(n, struct entering, node);

	if (before == e) {
		map_remove(&g->entering, n);
		return;
	}
	while (before->next != e)
		before = before->next;
	before->next = NULL;
}

/* Answered: it is the first of its kind, as answers come in order; or it has been left. */
static void entering_remove(struct registry *g, struct entering *e)
{
	if (e->left)
		return;
	map_remove(&g->entering, &e->node);
	if (e->next != NULL)
		(void)map_add(&g->entering, &e->next->node); /* in the place that was freed */
}

/* True when its first entry was under way, so that the mirror does not have it. */
static bool entering_leave(struct registry *g, struct slice topic, struct slice client)
{
	char key[2 * TOPIC_MAX + 1];
	struct map_node *n;
	bool first = false;

	if (g->entering.n == 0 || topic.n > TOPIC_MAX || client.n > TOPIC_MAX)
		return false;
	memcpy(key, topic.p, topic.n);
	key[topic.n] = ' ';
	memcpy(key + topic.n + 1, client.p, client.n);
	n = map_find(&g->entering, (struct slice){ key, topic.n + 1 + client.n });
	if (n == NULL)
		return false;
	map_remove(&g->entering, n);
	for (struct entering *e = container_of(n, struct entering, node); e != NULL; e = e->next) {
		e->left = true;
		first |= !e->again;
	}
	return first;
}

/* --- entering ---------------------------------------------------------------------------------------- */

/* Redis and the mirror must not differ: what cannot be taken back by a step is told again. */
static enum err take_in(struct server *s, const struct entering *e, enum err err)
{
	if (err != ERR_OK && e->left && !e->again) {
		/* The leave behind it will take away what was never there. */
		server_reregister(s, "left while entering failed");
		return err;
	}
	if (err != ERR_OK || e->left || mirror_enter(&s->registry, e))
		return err;
	server_reregister(s, "out of memory");
	return ERR_INTERNAL;
}

static enum err outcome(struct conn *c, const struct entering *e, const struct redisReply *r,
                        struct tier_room *room, struct member **list)
{
	enum reg_status status;

	if (r == NULL || !reg_answer(c, SCRIPT_ENTER, r, e->list ? ROOM_HEAD : 2, &status))
		return ERR_UNAVAILABLE;
	if (status == REG_LOST)
		lease_lost(c->o->owner);
	if (status != REG_OK)
		return status == REG_FULL ? ERR_ROOM_FULL : ERR_UNAVAILABLE;
	if (e->list ? read_room(r, room, list) : read_rev(r, room))
		return ERR_OK;
	conn_break(c, "an absurd room");
	return ERR_UNAVAILABLE;
}

static void on_entered(struct conn *c, const struct command *cmd, struct redisReply *r)
{
	struct server *s = c->o->owner;
	struct entering *e = cmd->more;
	struct tier_room room = no_room;
	struct member *list = NULL;
	enum err err;

	entering_remove(&s->registry, e);
	if (!s->t->closing) {
		err = take_in(s, e, outcome(c, e, r, &room, &list));
		cmd->call.room(cmd->ctx, err, err == ERR_OK ? &room : &no_room);
	}
	free(list);
	free(e);
}

enum err reg_enter(struct server *s, const struct tier_entry *entry, tier_room_done *done,
                   void *ctx)
{
	struct registry *g = &s->registry;
	struct buf *out = conn_out(&s->cmd);
	struct command *cmd;
	struct entering *e;

	if (!s->registered || !list_is_empty(&g->leaving))
		return ERR_UNAVAILABLE; /* it must not overtake a leave */
	e = entering_new(s, entry);
	if (e == NULL || !entering_add(g, e)) {
		free(e);
		return ERR_INTERNAL;
	}
	cmd = script_call(s, SCRIPT_ENTER, 1, 8, on_entered);
	if (cmd == NULL) {
		entering_undo(g, e);
		free(e);
		return ERR_UNAVAILABLE;
	}
	cmd->call.room = done;
	cmd->ctx = ctx;
	cmd->more = e;
	g->told = true;
	reg_key(s, place_partition(entry->topic));
	resp_text(out, s->inc);
	resp_slice(out, entry->topic);
	resp_slice(out, entry->member.client);
	resp_slice(out, buf_view(&s->t->text));
	resp_u64(out, entry->again);
	resp_u64(out, entry->list);
	resp_u64(out, entry->max_members);
	resp_u64(out, entry->presence_max);
	return ERR_OK;
}

/* --- leaving --------------------------------------------------------------------------------------------- */

void reg_leave(struct server *s, struct slice topic, struct slice client)
{
	struct registry *g = &s->registry;
	struct reg_topic *t;
	bool told;

	if (entering_leave(g, topic, client)) {
		/* Not registered: what it enters will be taken away with its incarnation. */
		if (s->registered)
			leave_send(s, topic, client);
		return;
	}
	t = mirror_find(g, topic);
	if (t == NULL)
		return;
	told = (s->registered || g->restoring) && t->told == g->number;
	if (told)
		leave_send(s, topic, client);
	mirror_leave(g, t, client);
}

/* --- life ---------------------------------------------------------------------------------------------------- */

void reg_init(struct server *s)
{
	struct registry *g = &s->registry;

	map_init(&g->topics, mirror_topic_key);
	map_init(&g->entering, entering_key);
	list_init(&g->order);
	list_init(&g->reaps);
	leave_init(s);
	restore_init(s);
}

void reg_fini(struct server *s)
{
	leave_stop(s);
	reap_stop(s);
	mirror_clear(&s->registry);
	map_fini(&s->registry.entering);
}
