/*
 * publish: send a message to a topic.
 */
#include "gateway/verbs/verb.h"

#include <stdlib.h>

/* One publish at the tier, until it is acknowledged. */
struct publish {
	struct request request;
	bool show_nodes;
};

static void on_published(void *ctx, enum err e, const struct tier_accepted *a)
{
	struct publish *p = ctx;
	struct session *s = p->request.session;
	struct slice id = p->request.id;
	struct buf *b;

	if (e == ERR_GONE && !p->show_nodes)
		e = ERR_OK; /* whether a client exists is not for everybody to know */
	if (e != ERR_OK) {
		client_error(s, id, e, NULL);
	} else if (id.p != NULL) {
		b = client_text(s);
		buf_str(b, "{\"type\":\"ack\",\"id\":");
		buf_slice(b, id);
		if (p->show_nodes)
			buf_printf(b, ",\"nodes\":%u", a->nodes);
		buf_str(b, a->duplicate ? ",\"duplicate\":true}" : "}");
		client_send(s, b);
	}
	request_end(&p->request);
}

/* Topic and user (anonymous: the connection), then the key. A blank is in no name, so no two scopes
 * look alike. */
static struct slice scoped_key(const struct frame *f, const struct member *from, struct buf *b)
{
	buf_slice(b, f->topic.text);
	buf_str(b, from->user.p != NULL ? " user " : " client ");
	buf_slice(b, from->user.p != NULL ? from->user : from->client);
	buf_char(b, ' ');
	buf_slice(b, f->key);
	return buf_view(b);
}

static enum err expect_ack(struct verb_call *v, struct parcel *parcel, char id[CLIENT_EVENT_ID_MAX])
{
	if (v->frame->id.p == NULL) {
		v->detail = "ack needs an id, which acked will carry";
		return ERR_MISSING_FIELD;
	}
	parcel->id = client_expect_ack(v->session, &v->frame->topic, v->frame->id, id);
	return parcel->id.p == NULL ? ERR_INTERNAL : ERR_OK;
}

enum err verb_publish(struct verb_call *v)
{
	const struct frame *f = v->frame;
	struct member from = client_member(v->session);
	struct slice key = { NULL, 0 };
	char id[CLIENT_EVENT_ID_MAX];
	struct parcel parcel = {
		.kind = PARCEL_EVENT,
		.from = from,
		.event_type = f->event_type,
		.payload = f->payload,
		.drop = f->priority,
	};
	const struct tier_accepted nobody = { 0 };
	struct publish *p;
	unsigned int wishes = 0;
	enum err e;

	if (!client_may(v->session, GRANT_PUBLISH, &f->topic))
		return ERR_FORBIDDEN;
	e = client_room_takes(v->session, &f->topic, f->payload.n);
	if (e != ERR_OK) {
		v->detail = e == ERR_TOO_BIG ? "larger than this room takes; send less"
					     : "too many messages to this room; slow down";
		return e;
	}
	if (!f->echo)
		parcel.exclude = from.client;
	if (f->key.p != NULL)
		key = scoped_key(f, &from, client_text(v->session));
	if (key.n > 0 && client_text_failed(v->session))
		return ERR_INTERNAL;
	if (f->want_ack && (e = expect_ack(v, &parcel, id)) != ERR_OK)
		return e;
	p = request_new(v->session, sizeof *p, f->id);
	if (p == NULL)
		return ERR_INTERNAL;
	p->show_nodes = client_may(v->session, GRANT_PRESENCE, &f->topic);
	if (p->show_nodes && f->id.p != NULL)
		wishes |= PUBLISH_EXACT; /* it may know whether the client is there, and asks */
	e = hub_publish(v->hub, &f->topic, &parcel, key, wishes, on_published, p);
	if (e == ERR_GONE)
		on_published(p, e, &nobody);
	else if (e != ERR_OK)
		request_end(&p->request);
	return e == ERR_GONE ? ERR_OK : e;
}
