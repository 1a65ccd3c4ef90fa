/*
 * Confirmations: `publish … ack:true`, `ack`, `acked`.
 *
 * The event id is the publisher's client id, '.', and a number of its own, so the confirmation finds
 * its way back without any state on the way. The publisher's session remembers what it waits for.
 */
#include "gateway/core/client.h"
#include "gateway/core/session_core.h"

#include <stdio.h>
#include <stdlib.h>

#define ACKS_MAX 64

struct expected {
	struct list_node node;
	uint32_t number;
	uint8_t topic_n, id_n;
	char text[]; /* topic, then the id of the publish as it stood in the frame */
};

static void forget(struct session *s, struct expected *x)
{
	list_remove(&x->node);
	s->n_acks--;
	free(x);
}

void session_forget_acks(struct session *s)
{
	struct list_node *n;

	while ((n = list_first(&s->acks)) != NULL)
		forget(s, container_of(n, struct expected, node));
}

struct slice client_expect_ack(struct session *s, const struct topic *topic,
                               struct slice request_id, char id[CLIENT_EVENT_ID_MAX])
{
	struct expected *x = malloc(sizeof *x + topic->text.n + request_id.n);
	int n;

	if (x == NULL)
		return (struct slice){ NULL, 0 };
	*x = (struct expected){ .number = s->next_ack++,
		                .topic_n = (uint8_t)topic->text.n,
		                .id_n = (uint8_t)request_id.n };
	memcpy(x->text, topic->text.p, topic->text.n);
	memcpy(x->text + topic->text.n, request_id.p, request_id.n);
	if (s->n_acks == ACKS_MAX)
		forget(s, container_of(list_first(&s->acks), struct expected, node));
	list_push(&s->acks, &x->node);
	s->n_acks++;
	n = snprintf(id, CLIENT_EVENT_ID_MAX, "%.*s.%u", SLICE_ARGS(session_id(s)), x->number);
	return (struct slice){ id, (size_t)n };
}

static void on_confirm_sent(void *ctx, enum err e, const struct tier_accepted *a)
{
	(void)ctx, (void)e, (void)a; /* best effort */
}

void client_confirm(struct session *s, struct slice event_id)
{
	const char *dot = memrchr(event_id.p, '.', event_id.n);
	char text[TOPIC_MAX];
	struct slice publisher;
	struct parcel p = { .kind = PARCEL_ACKED, .id = event_id, .from = client_member(s) };
	const struct tier_message m = { .parcel = &p };

	if (dot == NULL || event_id.n >= CLIENT_EVENT_ID_MAX)
		return; /* none of ours */
	publisher = (struct slice){ event_id.p, (size_t)(dot - event_id.p) };
	if (!topic_name_ok(publisher))
		return;
	p.topic = topic_make(TOPIC_CLIENT, publisher, text);
	(void)!s->hub->tier->ops->publish(s->hub->tier, &m, on_confirm_sent, NULL);
}

/* Only whom the message was for can confirm it. */
static bool was_for(const struct expected *x, const struct member *by)
{
	struct slice topic = { x->text, x->topic_n };
	char text[TOPIC_MAX];

	if (slice_eq(topic, topic_make(TOPIC_CLIENT, by->client, text)))
		return true;
	return by->user.p != NULL && slice_eq(topic, topic_make(TOPIC_USER, by->user, text));
}

static void tell(struct session *s, const struct expected *x, const struct member *by)
{
	struct buf *b = client_text(s);

	if (s->queue.control_messages >= s->hub->limits.control_messages / 2 ||
	    s->queue.control_bytes >= s->hub->limits.control_bytes / 2)
		return; /* best effort: what others confirm must not close this one */
	buf_str(b, "{\"type\":\"acked\",\"id\":");
	buf_add(b, x->text + x->topic_n, x->id_n);
	buf_str(b, ",\"by\":");
	envelope_member(b, by);
	buf_char(b, '}');
	client_send(s, b);
}

void session_confirmed(struct hub *h, struct slice client, const struct parcel *p)
{
	struct session *s = session_find(h, client);

	if (s == NULL || p->id.n <= CLIENT_ID_LEN || !topic_name_ok(p->from.client))
		return;
	for (struct list_node *n = list_first(&s->acks); n != NULL; n = list_next(&s->acks, n)) {
		struct expected *x = container_of(n, struct expected, node);
		char number[16];

		snprintf(number, sizeof number, ".%u", x->number);
		if (!slice_is((struct slice){ p->id.p + CLIENT_ID_LEN, p->id.n - CLIENT_ID_LEN },
		              number))
			continue;
		if (was_for(x, &p->from))
			tell(s, x, &p->from);
		return;
	}
}
