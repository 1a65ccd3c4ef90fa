/*
 * The way up: a parcel becomes one PUBLISH, or one script where a key has to be claimed with it.
 */
#include "broker-common/topic.h"
#include "gateway/tier/redis/resp.h"
#include "gateway/tier/redis/scripts.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

/* `value` of a command to a client: its node, packed; else 0. */

static const struct tier_accepted nothing;
static const struct slice none = { NULL, 0 };

static struct server *server_of(const struct conn *c)
{
	return c->o->owner;
}

static void answer(const struct server *s, const struct command *cmd, enum err e,
                   const struct tier_accepted *a)
{
	static const uint8_t results[ERR_COUNT] = { [ERR_GONE] = PUBLISHED_GONE,
		                                    [ERR_UNAVAILABLE] = PUBLISHED_UNAVAILABLE,
		                                    [ERR_UNCERTAIN] = PUBLISHED_UNCERTAIN };

	if (s->t->closing)
		return;
	s->t->metrics->tier_publishes[e != ERR_OK            ? results[e]
	                                      : a->duplicate ? PUBLISHED_DUPLICATE
	                                                     : PUBLISHED_ACCEPTED]++;
	cmd->call.published(cmd->ctx, e, a);
}

/* What an answer means; how many took it goes to `a`. */
static enum err outcome(struct conn *c, const struct redisReply *r, struct tier_accepted *a)
{
	if (r == NULL)
		return ERR_UNCERTAIN;
	if (r->type == REDIS_REPLY_ERROR) {
		server_error(server_of(c), r);
		return ERR_UNAVAILABLE; /* refused, so it was not sent */
	}
	if (r->type == REDIS_REPLY_INTEGER && r->integer >= 0 && r->integer <= UINT32_MAX) {
		a->nodes = (uint32_t)r->integer;
		return ERR_OK;
	}
	conn_break(c, "an absurd answer to PUBLISH");
	return ERR_UNCERTAIN;
}

/* --- to a client whose node does not listen -------------------------------------------------------- */

static void on_alive(struct conn *c, const struct command *cmd, struct redisReply *r)
{
	bool gone = r != NULL && r->type == REDIS_REPLY_INTEGER && r->integer == 0;

	if (r != NULL && r->type == REDIS_REPLY_ERROR)
		server_error(server_of(c), r);
	answer(server_of(c), cmd, gone ? ERR_GONE : ERR_UNAVAILABLE, &nothing);
}

/* Dead, or only cut off from Redis at this moment. */
static void ask_alive(struct server *s, const struct command *cmd, struct slice node)
{
	struct server *first = redis_partition_server(s->t, 0);
	struct command *next;

	next = first->up ? script_call(first, SCRIPT_ALIVE, 1, 1, on_alive) : NULL;
	if (next == NULL) {
		answer(s, cmd, ERR_UNAVAILABLE, &nothing);
		return;
	}
	next->call = cmd->call;
	next->ctx = cmd->ctx;
	script_key(first, 0, "nodes", none, none);
	resp_slice(conn_out(&first->cmd), node);
}

static uint64_t pack_node(struct slice node)
{
	uint64_t packed;

	memcpy(&packed, node.p, sizeof packed);
	return packed;
}

static void settle(struct server *s, const struct command *cmd, enum err e,
                   const struct tier_accepted *a)
{
	char node[NODE_ID_LEN];

	if (e != ERR_OK || a->nodes > 0 || a->duplicate || cmd->value == 0 || s->t->closing) {
		answer(s, cmd, e, a);
		return;
	}
	memcpy(node, &cmd->value, sizeof node);
	ask_alive(s, cmd, (struct slice){ node, NODE_ID_LEN });
}

/* --- answers -------------------------------------------------------------------------------------------- */

/* What a publish was answered, until the registry has counted. */
struct tally {
	struct tier_accepted a;
	enum err e;
};

/* It is all, or the count comes behind it. */
static void answered(struct conn *c, const struct command *cmd, enum err e, struct tier_accepted a)
{
	struct tally *t = cmd->more;

	if (t != NULL)
		*t = (struct tally){ a, e };
	else
		settle(server_of(c), cmd, e, &a);
}

static void on_published(struct conn *c, const struct command *cmd, struct redisReply *r)
{
	struct tier_accepted a = { .receivers = cmd->value != 0 };
	enum err e = outcome(c, r, &a);

	answered(c, cmd, e, a);
}

static void on_claimed(struct conn *c, const struct command *cmd, struct redisReply *r)
{
	struct tier_accepted a = { .receivers = cmd->value != 0 };
	enum err e = ERR_UNCERTAIN;

	if (r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements == 2 &&
	    r->element[0]->type == REDIS_REPLY_INTEGER) {
		e = outcome(c, r->element[1], &a);
		a.duplicate = r->element[0]->integer != 0;
	} else if (r == NULL || r->type == REDIS_REPLY_ERROR) {
		e = outcome(c, r, &a);
	} else {
		conn_break(c, "an absurd answer to a script");
	}
	if (a.duplicate)
		a.receivers = 0;
	answered(c, cmd, e, a);
}

static void on_counted(struct conn *c, const struct command *cmd, struct redisReply *r)
{
	struct tally *t = cmd->more;

	if (r != NULL && r->type == REDIS_REPLY_ERROR)
		server_error(server_of(c), r);
	else if (r != NULL && r->type == REDIS_REPLY_INTEGER && r->integer >= 0 && !t->a.duplicate)
		t->a.receivers = (uint64_t)r->integer;
	answer(server_of(c), cmd, t->e, &t->a);
	free(t);
}

/* --- sending ---------------------------------------------------------------------------------------------- */

static unsigned int first_partition(const struct server *s)
{
	unsigned int p = 0;

	while (place_server(p, s->t->n_servers) != s->index)
		p++;
	return p;
}

static struct command *publish_with_key(struct server *s, struct slice channel, struct slice key,
                                        bool to_client)
{
	const struct config *config = s->t->config;
	struct command *cmd = script_call(s, SCRIPT_PUBLISH, 1, 6, on_claimed);
	struct buf *out = conn_out(&s->cmd);

	if (cmd == NULL)
		return NULL;
	script_key(s, first_partition(s), "keys", none, none);
	resp_slice(out, key);
	resp_u64(out, (uint64_t)config->idempotency_ms);
	resp_u64(out, (uint64_t)config->idempotency_keys);
	resp_slice(out, channel);
	resp_slice(out, buf_view(&s->t->text));
	resp_u64(out, to_client);
	return cmd;
}

static struct command *publish_plain(struct server *s, struct slice channel, command_reply *reply)
{
	struct command *cmd = conn_command(&s->cmd, reply);
	struct buf *out = conn_out(&s->cmd);

	if (cmd == NULL)
		return NULL;
	buf_str(out, "*3\r\n$7\r\nPUBLISH\r\n");
	resp_slice(out, channel);
	resp_slice(out, buf_view(&s->t->text));
	return cmd;
}

/* The count goes side by side with `first`, and answers for both. NULL: too much waits by now, the answer does
 * without. */
static struct command *add_count(struct server *s, struct command *first, struct slice topic)
{
	struct tally *t = malloc(sizeof *t);
	struct command *second = t == NULL ? NULL : script_call(s, SCRIPT_COUNT, 1, 0, on_counted);

	if (second == NULL) {
		free(t);
		return NULL;
	}
	script_key(s, place_partition(topic), "c", topic, none);
	first->more = second->more = t;
	return second;
}

static void on_sent(struct conn *c, const struct command *cmd, struct redisReply *r)
{
	(void)cmd;
	if (r != NULL && r->type == REDIS_REPLY_ERROR)
		server_error(server_of(c), r);
}

bool redis_send(struct server *s, struct slice channel)
{
	return s->up && !s->t->text.failed && publish_plain(s, channel, on_sent) != NULL;
}

enum err redis_publish(struct tier *tier, const struct tier_message *m, tier_published *done,
                       void *ctx)
{
	struct redis_tier *t = redis_of(tier);
	struct slice topic = m->parcel->topic, node = none, where = topic, channel;
	char text[CHANNEL_MAX], node_topic[NODE_TOPIC_MAX];
	struct server *s;
	struct command *cmd, *last;

	if (slice_starts(topic, slice_of("client:"))) {
		node = (struct slice){ topic.p + 7, topic.n - 7 };
		if (node.n < NODE_ID_LEN)
			return ERR_GONE; /* no id of ours */
		node.n = NODE_ID_LEN;
		where = redis_node_topic(node, node_topic);
	}
	s = redis_server(t, where);
	if (!s->up) {
		t->metrics->tier_publishes[PUBLISHED_UNAVAILABLE]++;
		return ERR_UNAVAILABLE;
	}
	buf_reset(&t->text);
	parcel_encode(&t->text, m->parcel);
	if (t->text.failed)
		return ERR_INTERNAL;
	channel = redis_channel(t, where, text);
	if (m->key.p != NULL)
		cmd = publish_with_key(s, channel, m->key, node.p != NULL);
	else
		cmd = publish_plain(s, channel, on_published);
	if (cmd != NULL && m->count && node.p == NULL && (last = add_count(s, cmd, topic)) != NULL)
		cmd = last;
	if (cmd == NULL) {
		t->metrics->tier_publishes[PUBLISHED_UNAVAILABLE]++;
		return ERR_UNAVAILABLE;
	}
	cmd->call.published = done;
	cmd->ctx = ctx;
	cmd->value = node.p != NULL ? pack_node(node) : 0;
	return ERR_OK;
}
