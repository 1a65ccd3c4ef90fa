#include "gateway/core/login.h"

#include "broker-common/log.h"
#include "gateway/core/channel.h"
#include "gateway/core/session_core.h"

#include <stdlib.h>

/* The wall clock may be set meanwhile: how long at most until it is looked at again. */
#define LOOK_MOST_MS 60000u

/* --- making one --------------------------------------------------------------------------------------- */

static struct slice keep(struct login *l, size_t *n, struct slice s)
{
	struct slice kept = { s.p == NULL ? NULL : l->text + *n, s.n };

	if (s.n > 0)
		memcpy(l->text + *n, s.p, s.n);
	*n += s.n;
	return kept;
}

static struct login *login_new(struct hub *h, const struct token *t)
{
	struct login *l = calloc(1, sizeof *l + t->user.n + t->info.n + t->id.n);
	size_t n = 0;

	if (l == NULL)
		return NULL;
	l->grants = grants_new(t);
	if (l->grants == NULL) {
		free(l);
		return NULL;
	}
	l->user = keep(l, &n, t->user);
	l->info = keep(l, &n, t->info);
	l->id = keep(l, &n, t->id);
	l->ends_ms = keys_end_ms(h->keys, t);
	l->max_rate = t->max_rate;
	return l;
}

void login_free(struct login *l)
{
	if (l == NULL)
		return;
	if (l->session != NULL)
		timer_stop(&l->timer);
	grants_free(l->grants);
	free(l);
}

static enum err check(struct hub *h, struct slice token, struct slice address, struct login **out)
{
	static struct token t; /* large, and of use only here */
	const char *why = "out of memory";
	enum err e = keys_verify(h->keys, token, &t, &why);

	if (e == ERR_OK) {
		*out = login_new(h, &t);
		e = *out == NULL ? ERR_INTERNAL : ERR_OK;
	}
	if (e != ERR_OK)
		log_write(LOG_DEBUG, "token.refused", LOG_SLICE("address", address),
		          LOG_TEXT("reason", why), LOG_END);
	return e;
}

enum err login_admit(struct hub *h, struct slice token, struct slice address, bool hello,
                     struct login **out)
{
	*out = NULL;
	if (h->keys == NULL)
		return ERR_OK;
	if (token.p != NULL)
		return check(h, token, address, out);
	return hello || h->config->allow_anonymous ? ERR_OK : ERR_NOT_AUTHENTICATED;
}

/* --- its end ------------------------------------------------------------------------------------------- */

static int64_t left_ms(const struct session *s)
{
	return s->login->ends_ms - (int64_t)(loop_wall_us(s->hub->loop) / 1000u);
}

uint64_t login_left_ms(const struct session *s)
{
	if (s->login == NULL || s->login->ends_ms == INT64_MAX)
		return UINT64_MAX;
	return left_ms(s) > 0 ? (uint64_t)left_ms(s) : 0;
}

static void warn(struct session *s)
{
	struct buf *b = client_text(s);

	s->login->warned = true;
	buf_printf(b, "{\"type\":\"expiring\",\"in_ms\":%llu}",
	           (unsigned long long)login_left_ms(s));
	client_send(s, b);
}

static void on_time(void *ctx)
{
	struct session *s = ctx;
	uint64_t left = login_left_ms(s), lead = (uint64_t)s->hub->config->expiring_ms;

	if (left == 0) {
		session_close(s, CLOSE_EXPIRED);
		return;
	}
	if (left <= lead && !s->login->warned) {
		warn(s);
		if (s->state != SESSION_CONNECTED)
			return;
	}
	if (!s->login->warned && lead > 0)
		left -= lead;
	timer_set(&s->login->timer, left < LOOK_MOST_MS ? left : LOOK_MOST_MS);
}

void login_start(struct session *s)
{
	struct login *l = s->login;

	if (l == NULL || l->ends_ms == INT64_MAX)
		return;
	l->session = s;
	timer_init(&l->timer, s->hub->loop, on_time, s);
	timer_set(&l->timer, 0);
}

void login_stop(struct session *s)
{
	if (s->login != NULL && s->login->session != NULL)
		timer_stop(&s->login->timer);
}

int64_t login_max_rate(const struct session *s)
{
	if (s->login != NULL && s->login->max_rate > 0)
		return (int64_t)s->login->max_rate;
	return s->hub->config->max_rate;
}

struct slice login_info(const struct session *s)
{
	return s->login == NULL ? (struct slice){ NULL, 0 } : s->login->info;
}

struct slice login_id(const struct session *s)
{
	return s->login == NULL ? (struct slice){ NULL, 0 } : s->login->id;
}

void session_deny(struct session *s, enum err why)
{
	if (why == ERR_UNAVAILABLE)
		session_refuse(s, "keys");
	else
		session_close(s, why == ERR_EXPIRED ? CLOSE_EXPIRED : CLOSE_UNAUTHENTICATED);
}

/* --- the first frame ------------------------------------------------------------------------------------- */

bool session_set_user(struct session *s, struct slice user)
{
	char *copy = malloc(user.n);

	if (copy == NULL)
		return false;
	memcpy(copy, user.p, user.n);
	s->user = copy;
	s->user_n = (uint8_t)user.n;
	return true;
}

void session_drop_user(struct session *s)
{
	free(s->user);
	s->user = NULL;
	s->user_n = 0;
}

enum err client_login(struct session *s, struct slice token)
{
	struct slice address = { s->address->text, s->address->len };
	struct login *l;
	enum err e;

	if (s->login != NULL)
		return ERR_OK; /* the header was first */
	e = login_admit(s->hub, token, address, false, &l);
	if (e != ERR_OK)
		return e;
	if (l != NULL && l->user.p != NULL && !session_set_user(s, l->user)) {
		login_free(l);
		return ERR_INTERNAL;
	}
	s->login = l;
	return ERR_OK;
}

/* --- what is allowed --------------------------------------------------------------------------------------- */

/* Whether a word of the room's policy opens it to this client without a token that says so. */
static bool opens(const struct session *s, int who)
{
	return who == POLICY_EVERYONE || (who == POLICY_USERS && s->user != NULL);
}

static int room_says(const struct session *s, enum grant g, const struct topic *t)
{
	struct room_policy p;

	if (t->kind != TOPIC_ROOM || s->hub->config->n_policies == 0)
		return POLICY_GRANTED;
	p = config_room_policy(s->hub->config, t->name);
	return g == GRANT_PUBLISH ? p.publish : p.join;
}

static bool token_allows(const struct session *s, enum grant g, const struct topic *t)
{
	return s->login != NULL && grants_allow(s->login->grants, g, t);
}

bool client_is_admitted(const struct session *s, const struct topic *room)
{
	return opens(s, room_says(s, GRANT_JOIN, room));
}

static bool is_member(const struct session *s, const struct topic *t)
{
	struct channel *c = channel_find(s->hub, t->text);

	return c != NULL && channel_seat(c, s) != NULL;
}

bool client_may(const struct session *s, enum grant g, const struct topic *t)
{
	int who = room_says(s, g, t);
	bool open = s->hub->keys == NULL && who == POLICY_GRANTED;

	if (open || ((g == GRANT_PRESENCE || g == GRANT_HISTORY) && token_allows(s, g, t)))
		return true;
	if (g == GRANT_PRESENCE || g == GRANT_HISTORY)
		return opens(s, who) && is_member(s, t);
	return who != POLICY_NOBODY && (opens(s, who) || token_allows(s, g, t));
}

bool client_may_see(const struct session *s, const struct topic *room)
{
	return client_is_admitted(s, room) || client_may(s, GRANT_PRESENCE, room);
}
