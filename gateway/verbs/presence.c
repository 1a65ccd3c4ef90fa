/*
 * presence: who is in a room.
 */
#include "gateway/verbs/results.h"

static void on_listed(void *ctx, enum err e, const struct tier_room *room)
{
	struct results *r = ctx;

	results_settle(r, 0, e, room);
	results_close(r);
}

enum err verb_presence(struct verb_call *v)
{
	char text[TOPIC_MAX];
	struct slice name = v->frame->names[0];
	struct topic t = { .kind = TOPIC_ROOM, .name = name };
	struct results *r;
	uint32_t at;
	enum err e;

	if (!topic_name_ok(name))
		return ERR_BAD_TOPIC;
	t.text = topic_make(TOPIC_ROOM, name, text);
	if (!client_may(v->session, GRANT_PRESENCE, &t))
		return client_is_admitted(v->session, &t) ? ERR_NOT_JOINED : ERR_FORBIDDEN;
	if (!client_room_has_presence(v->session, name)) {
		v->detail = "this room shows no presence";
		return ERR_FORBIDDEN;
	}
	r = results_new(v);
	if (r == NULL)
		return ERR_INTERNAL;
	(void)results_next(r, &at);
	e = membership_list(v->session, name, on_listed, r);
	if (e != ERR_OK)
		on_listed(r, e, NULL);
	return ERR_OK;
}
