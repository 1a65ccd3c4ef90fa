/*
 * A new token for a running connection: it takes the old one's place when the tier has confirmed what it
 * adds, and what it does not allow any more is left.
 */
#include "broker-common/log.h"
#include "gateway/core/channel.h"
#include "gateway/core/login.h"
#include "gateway/core/session_core.h"

struct refresh {
	struct request request;
	struct login *login; /* the new one; NULL: it is the session's */
	uint32_t pending;    /* topics under way, and one until all are started */
	enum err failed;
	bool became_user;
};

static void refresh_fini(struct request *r)
{
	login_free(container_of(r, struct refresh, request)->login);
}

static struct slice user_of(const struct session *s)
{
	return (struct slice){ s->user, s->user_n };
}

/* --- what the new token does not allow ------------------------------------------------------------------- */

static struct topic topic_of(const struct channel *c)
{
	return (struct topic){ .kind = (enum topic_kind)c->kind,
		               .text = channel_topic(c),
		               .name = channel_name(c) };
}

static void leave(struct session *s, uint32_t seat, struct buf *left)
{
	struct channel *c = s->seats[seat].channel;

	buf_str(left, left->n == 0 ? "" : ",");
	buf_json(left, channel_topic(c));
	s->hub->tier->ops->leave(s->hub->tier, channel_topic(c), session_id(s));
	channel_remove(s, seat);
}

/* From the end: the seat that moves into a hole has been looked at. */
static void prune(struct session *s, struct buf *left)
{
	for (uint32_t i = s->n_seats; i-- > 0;) {
		struct channel *c = s->seats[i].channel;
		struct channel_member *m = &c->members[s->seats[i].at];
		struct topic t = topic_of(c);

		if (t.kind == TOPIC_USER)
			continue;
		if (!client_may(s, GRANT_JOIN, &t)) {
			leave(s, i, left);
		} else if (m->sees && !client_may_see(s, &t)) {
			m->sees = false;
			c->n_seeing--;
		}
	}
}

/* --- the answer -------------------------------------------------------------------------------------------- */

static void tell(struct session *s, struct slice id, const struct buf *left)
{
	struct buf *b;

	if (id.p == NULL)
		return;
	b = client_text(s);
	buf_str(b, "{\"type\":\"ack\",\"id\":");
	buf_slice(b, id);
	if (login_left_ms(s) != UINT64_MAX)
		buf_printf(b, ",\"expires_in_ms\":%llu", (unsigned long long)login_left_ms(s));
	if (left->n > 0) {
		buf_str(b, ",\"left\":[");
		buf_slice(b, buf_view(left));
		buf_char(b, ']');
	}
	buf_char(b, '}');
	b->failed |= left->failed;
	client_send(s, b);
}

static void take_over(struct refresh *r)
{
	struct session *s = r->request.session;
	struct buf left;

	login_stop(s);
	login_free(s->login);
	s->login = r->login;
	r->login = NULL;
	login_start(s);
	buf_init(&left);
	prune(s, &left);
	tell(s, r->request.id, &left);
	buf_fini(&left);
}

/* As it was: what had been entered for the new token is left again. */
static void take_back(struct refresh *r)
{
	struct session *s = r->request.session;
	struct buf left;

	if (r->became_user) {
		membership_leave(s, TOPIC_USER, user_of(s));
		session_drop_user(s);
	}
	buf_init(&left);
	prune(s, &left);
	buf_fini(&left);
	client_error(s, r->request.id, r->failed, NULL);
}

static void put(struct refresh *r)
{
	struct session *s = r->request.session;

	if (--r->pending > 0)
		return;
	if (request_is_live(&r->request)) {
		if (r->failed == ERR_OK)
			take_over(r);
		else
			take_back(r);
	}
	client_barrier(s, false);
	request_end(&r->request);
}

static void on_entered(void *ctx, enum err e, const struct tier_room *room)
{
	struct refresh *r = ctx;

	(void)room;
	if (e != ERR_OK)
		r->failed = e;
	put(r);
}

/* --- asking ------------------------------------------------------------------------------------------------ */

static void enter(struct refresh *r, enum topic_kind kind, struct slice name)
{
	struct membership_wish w = { .kind = kind, .name = name };
	enum err e;

	r->pending++;
	e = membership_enter(r->request.session, &w, on_entered, r);
	if (e != ERR_OK) {
		r->failed = e;
		r->pending--;
	}
}

static bool is_seated(const struct session *s, struct slice topic)
{
	struct channel *c = channel_find(s->hub, topic);

	return c != NULL && channel_seat(c, s) != NULL;
}

static enum err start(struct session *s, struct login *l, struct slice id)
{
	const struct topic all = { TOPIC_ALL, slice_of(topic_prefix(TOPIC_ALL)), { "", 0 } };
	struct refresh *r = request_new(s, sizeof *r, id);

	if (r == NULL)
		return ERR_INTERNAL;
	if (s->user == NULL && l->user.p != NULL) {
		r->became_user = session_set_user(s, l->user);
		if (!r->became_user) {
			request_end(&r->request);
			return ERR_INTERNAL;
		}
	}
	r->login = l;
	r->request.fini = refresh_fini;
	r->pending = 1;
	client_barrier(s, true);
	if (r->became_user)
		enter(r, TOPIC_USER, user_of(s));
	if (grants_allow(l->grants, GRANT_JOIN, &all) && !is_seated(s, all.text))
		enter(r, TOPIC_ALL, all.name);
	put(r);
	return ERR_OK;
}

enum err client_refresh(struct session *s, struct slice token, struct slice id)
{
	struct slice address = { s->address->text, s->address->len };
	struct login *l;
	enum err e;

	if (s->hub->keys == NULL)
		return ERR_NOT_SUPPORTED;
	e = login_admit(s->hub, token, address, false, &l);
	if (e == ERR_OK && s->user != NULL && !slice_eq(user_of(s), l->user))
		e = ERR_FORBIDDEN; /* one connection, one user */
	if (e == ERR_OK)
		e = start(s, l, id);
	if (e != ERR_OK)
		login_free(l);
	return e;
}
