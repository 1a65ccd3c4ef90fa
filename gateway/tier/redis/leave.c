#include "gateway/tier/redis/registry.h"

#include "gateway/tier/redis/resp.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#define AGAIN_MS 10 /* when only others' commands wait for Redis */

/* One that was put off. There are never more than there were entries. */
struct leaving {
	struct list_node node;
	uint32_t topic_n, client_n;
	char text[]; /* topic, client */
};

static void go_on(void *ctx);

static void on_left(struct conn *c, const struct command *cmd, struct redisReply *r)
{
	struct server *s = c->o->owner;
	enum reg_status status;

	(void)cmd;
	if (r == NULL || s->t->closing)
		return;
	if (!reg_answer(c, SCRIPT_LEAVE, r, 1, &status))
		server_reregister(s, "a leave failed");
	else if (status == REG_OK)
		go_on(s);
	else
		lease_lost(s);
}

static bool send_now(struct server *s, struct slice topic, struct slice client)
{
	struct buf *out = conn_out(&s->cmd);

	if (script_call(s, SCRIPT_LEAVE, 1, 3, on_left) == NULL)
		return false;
	reg_key(s, place_partition(topic));
	resp_text(out, s->inc);
	resp_slice(out, topic);
	resp_slice(out, client);
	return true;
}

static void go_on(void *ctx)
{
	struct server *s = ctx;
	struct registry *g = &s->registry;
	struct list_node *n;

	while ((n = list_first(&g->leaving)) != NULL) {
		struct leaving *l = container_of(n, struct leaving, node);

		if (!send_now(s, (struct slice){ l->text, l->topic_n },
		              (struct slice){ l->text + l->topic_n, l->client_n })) {
			timer_set(&g->leave, AGAIN_MS);
			return;
		}
		list_remove(n);
		free(l);
	}
}

void leave_send(struct server *s, struct slice topic, struct slice client)
{
	struct registry *g = &s->registry;
	struct leaving *l;

	if (list_is_empty(&g->leaving) && send_now(s, topic, client))
		return;
	l = malloc(sizeof *l + topic.n + client.n);
	if (l == NULL) {
		server_reregister(s, "out of memory");
		return;
	}
	l->topic_n = (uint32_t)topic.n;
	l->client_n = (uint32_t)client.n;
	memcpy(l->text, topic.p, topic.n);
	memcpy(l->text + topic.n, client.p, client.n);
	list_push(&g->leaving, &l->node);
	timer_set(&g->leave, AGAIN_MS);
}

void leave_init(struct server *s)
{
	list_init(&s->registry.leaving);
	timer_init(&s->registry.leave, s->t->loop, go_on, s);
}

void leave_stop(struct server *s)
{
	struct list_node *n;

	timer_stop(&s->registry.leave);
	while ((n = list_shift(&s->registry.leaving)) != NULL)
		free(container_of(n, struct leaving, node));
}
