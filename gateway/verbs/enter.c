#include "gateway/verbs/enter.h"

#include "gateway/verbs/results.h"

/* One item on its way. */
struct item {
	struct request request;
	struct results *results;
	uint32_t at;
	bool show; /* its list was wished for */
};

static void on_entered(void *ctx, enum err e, const struct tier_room *room)
{
	struct item *i = ctx;

	results_settle(i->results, i->at, e, i->show ? room : NULL);
	request_end(&i->request);
}

static enum err enter_one(const struct verb_call *v, struct results *r, uint32_t at,
                          enum topic_kind kind)
{
	struct membership_wish w = { .kind = kind,
		                     .name = results_name(r, at),
		                     .presence = v->frame->presence,
		                     .info = v->frame->info };
	char text[TOPIC_MAX];
	struct topic t = { .kind = kind, .text = topic_make(kind, w.name, text), .name = w.name };
	struct item *i;
	enum err e;

	if (!client_may(v->session, GRANT_JOIN, &t) ||
	    (kind == TOPIC_ROOM && w.presence && !client_may_see(v->session, &t)))
		return ERR_FORBIDDEN;
	if (client_info(v->session).p != NULL)
		w.info = client_info(v->session);
	i = request_new(v->session, sizeof *i, (struct slice){ NULL, 0 });
	if (i == NULL)
		return ERR_INTERNAL;
	i->results = r;
	i->at = at;
	i->show = w.presence && client_room_has_presence(v->session, w.name);
	e = membership_enter(v->session, &w, on_entered, i);
	if (e != ERR_OK)
		request_end(&i->request);
	return e;
}

enum err enter_topics(struct verb_call *v, enum topic_kind kind)
{
	struct results *r = results_new(v);
	uint32_t at;
	enum err e;

	if (r == NULL)
		return ERR_INTERNAL;
	while (results_next(r, &at)) {
		e = session_state(v->session) == SESSION_CONNECTED ? enter_one(v, r, at, kind)
								   : ERR_GONE;
		if (e != ERR_OK)
			results_settle(r, at, e, NULL);
	}
	results_close(r);
	return ERR_OK;
}

enum err leave_topics(struct verb_call *v, enum topic_kind kind)
{
	struct results *r = results_new(v);
	uint32_t at;

	if (r == NULL)
		return ERR_INTERNAL;
	while (results_next(r, &at)) {
		membership_leave(v->session, kind, results_name(r, at));
		results_settle(r, at, ERR_OK, NULL);
	}
	results_close(r);
	return ERR_OK;
}
