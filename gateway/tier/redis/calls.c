/*
 * Calls: a question to exactly one node, over its channel, and the answer over ours.
 */
#include "gateway/tier/redis/resp.h"
#include "gateway/tier/redis/scripts.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#define CALLS_MOST 10000u /* under way */

struct call {
	struct map_node node; /* of redis_tier.calls */
	struct redis_tier *t;
	struct timer late;
	uint64_t number;
	tier_reply *done;
	void *ctx;
	char to[NODE_ID_LEN];
};

static struct slice call_key(const struct map_node *n)
{
	const struct call *c = container_of(n, const struct call, node);

	return (struct slice){ (const char *)&c->number, sizeof c->number };
}

static struct call *call_find(struct redis_tier *t, uint64_t number)
{
	struct map_node *n = map_find(&t->calls,
	                              (struct slice){ (const char *)&number, sizeof number });

	return n == NULL ? NULL : container_of(n, struct call, node);
}

static void call_end(struct call *c, enum err e, struct slice reply)
{
	struct redis_tier *t = c->t;

	timer_stop(&c->late);
	map_remove(&t->calls, &c->node);
	if (!t->closing)
		c->done(c->ctx, e, reply);
	free(c);
}

static void too_late(void *ctx)
{
	call_end(ctx, ERR_UNCERTAIN, (struct slice){ NULL, 0 });
}

static const struct slice none = { NULL, 0 };

static void on_alive(struct conn *conn, const struct command *cmd, struct redisReply *r)
{
	struct server *s = conn->o->owner;
	struct call *c = call_find(s->t, cmd->value);
	bool gone = r != NULL && r->type == REDIS_REPLY_INTEGER && r->integer == 0;

	if (r != NULL && r->type == REDIS_REPLY_ERROR)
		server_error(s, r);
	if (c != NULL)
		call_end(c, gone ? ERR_GONE : ERR_UNAVAILABLE, none);
}

/* Nobody listens to its channel: it is dead, or only cut off from Redis at this moment. */
static void ask_alive(struct call *c)
{
	struct server *first = redis_partition_server(c->t, 0);
	struct command *cmd = first->up ? script_call(first, SCRIPT_ALIVE, 1, 1, on_alive) : NULL;

	if (cmd == NULL) {
		call_end(c, ERR_UNAVAILABLE, none);
		return;
	}
	cmd->value = c->number;
	script_key(first, 0, "nodes", none, none);
	resp_slice(conn_out(&first->cmd), (struct slice){ c->to, NODE_ID_LEN });
}

static void on_sent(struct conn *conn, const struct command *cmd, struct redisReply *r)
{
	struct server *s = conn->o->owner;
	struct call *c = call_find(s->t, cmd->value);

	if (r != NULL && r->type == REDIS_REPLY_ERROR)
		server_error(s, r);
	if (c == NULL)
		return; /* answered already, or too late */
	if (r == NULL)
		call_end(c, ERR_UNCERTAIN, none);
	else if (r->type != REDIS_REPLY_INTEGER)
		call_end(c, ERR_UNAVAILABLE, none);
	else if (r->integer == 0)
		ask_alive(c);
}

struct slice redis_node_topic(struct slice node, char out[NODE_TOPIC_MAX])
{
	memcpy(out, "node:", 5);
	memcpy(out + 5, node.p, NODE_ID_LEN);
	return (struct slice){ out, NODE_TOPIC_MAX };
}

/* The server of a node's channel, when `node` looks like one; NULL: none, or it is down. */
static struct server *node_server(struct redis_tier *t, struct slice node, struct slice *channel,
                                  char text[CHANNEL_MAX])
{
	char topic[NODE_TOPIC_MAX];
	struct server *s;

	if (node.n != NODE_ID_LEN)
		return NULL;
	s = redis_server(t, redis_node_topic(node, topic));
	*channel = redis_channel(t, (struct slice){ topic, sizeof topic }, text);
	return s->up ? s : NULL;
}

enum err redis_call(struct tier *tier, struct slice node, struct slice request,
                    uint64_t deadline_ms, tier_reply *done, void *ctx)
{
	struct redis_tier *t = redis_of(tier);
	struct parcel p = { .kind = PARCEL_CALL,
		            .node = { t->node, NODE_ID_LEN },
		            .number = t->next_call,
		            .body = request };
	char text[CHANNEL_MAX];
	struct slice channel;
	struct server *s = node_server(t, node, &channel, text);
	struct command *cmd;
	struct call *c;

	if (node.n != NODE_ID_LEN)
		return ERR_GONE;
	if (s == NULL || t->calls.n >= CALLS_MOST)
		return ERR_UNAVAILABLE;
	buf_reset(&t->text);
	parcel_encode(&t->text, &p);
	c = t->text.failed ? NULL : calloc(1, sizeof *c);
	if (c == NULL)
		return ERR_INTERNAL;
	*c = (struct call){ .t = t, .number = p.number, .done = done, .ctx = ctx };
	memcpy(c->to, node.p, NODE_ID_LEN);
	if (!map_add(&t->calls, &c->node)) {
		free(c);
		return ERR_INTERNAL;
	}
	cmd = conn_command(&s->cmd, on_sent);
	if (cmd == NULL) {
		map_remove(&t->calls, &c->node);
		free(c);
		return ERR_UNAVAILABLE;
	}
	cmd->value = p.number;
	t->next_call++;
	resp_command(conn_out(&s->cmd), 3);
	resp_text(conn_out(&s->cmd), "PUBLISH");
	resp_slice(conn_out(&s->cmd), channel);
	resp_slice(conn_out(&s->cmd), buf_view(&t->text));
	timer_init(&c->late, t->loop, too_late, c);
	timer_set(&c->late, deadline_ms);
	return ERR_OK;
}

/* Another node asks. */
void calls_asked(struct redis_tier *t, const struct parcel *p)
{
	struct parcel answer = { .kind = PARCEL_REPLY,
		                 .node = { t->node, NODE_ID_LEN },
		                 .number = p->number };
	char text[CHANNEL_MAX];
	struct slice channel;
	struct server *s = node_server(t, p->node, &channel, text);
	struct buf reply;

	if (s == NULL)
		return; /* it will hear nothing, and know that nobody knows */
	buf_init(&reply);
	t->ev->call(t->ctx, p->body, &reply);
	answer.error = reply.failed ? ERR_INTERNAL : ERR_OK;
	answer.body = buf_view(&reply);
	buf_reset(&t->text);
	parcel_encode(&t->text, &answer);
	(void)redis_send(s, channel);
	buf_fini(&reply);
}

void calls_answered(struct redis_tier *t, const struct parcel *p)
{
	struct call *c = call_find(t, p->number);

	if (c != NULL)
		call_end(c, p->error, p->body);
}

void calls_init(struct redis_tier *t)
{
	map_init(&t->calls, call_key);
	t->next_call = loop_random(t->loop);
}

static void end_one(struct map_node *n, void *ctx)
{
	(void)ctx;
	call_end(container_of(n, struct call, node), ERR_UNCERTAIN, (struct slice){ NULL, 0 });
}

void calls_fini(struct redis_tier *t)
{
	map_each(&t->calls, end_one, NULL);
	map_fini(&t->calls);
}
