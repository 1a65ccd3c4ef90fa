/*
 * A client's first moments: it is attached to its own topics, then welcomed.
 */
#include "broker-common/log.h"
#include "broker-common/version.h"
#include "gateway/core/client.h"
#include "gateway/core/login.h"
#include "gateway/core/session_core.h"

static void send_welcome(struct session *s)
{
	const struct config *c = s->hub->config;
	struct member me = client_member(s);
	struct buf *b = client_text(s);
	const char *comma = "";

	buf_str(b, "{\"type\":\"welcome\",\"client\":\"");
	buf_slice(b, me.client);
	if (me.user.p != NULL) {
		buf_str(b, "\",\"user\":\"");
		buf_slice(b, me.user);
	}
	buf_str(b, "\",\"node\":\"");
	buf_add(b, s->hub->node, NODE_ID_LEN);
	buf_str(b, "\",\"version\":\"" ROOMCAST_VERSION "\",\"features\":[");
	for (enum verb v = VERB_NONE + 1; v < VERB_COUNT; v++) {
		if ((verb_flags(v) & VERB_LATER) || (v == VERB_refresh && s->hub->keys == NULL))
			continue;
		buf_printf(b, "%s\"%s\"", comma, verb_type(v));
		comma = ",";
	}
	buf_printf(b,
	           "],\"ping_interval_ms\":%lld,\"client_timeout_ms\":%lld,"
	           "\"max_message_bytes\":%lld,\"max_rate\":%lld",
	           (long long)c->ping_interval_ms, (long long)c->client_timeout_ms,
	           (long long)c->max_message_bytes, (long long)login_max_rate(s));
	if (login_left_ms(s) != UINT64_MAX)
		buf_printf(b, ",\"expires_in_ms\":%llu", (unsigned long long)login_left_ms(s));
	buf_char(b, '}');
	client_send(s, b);
}

void session_refuse(struct session *s, const char *reason)
{
	session_send_reconnect(s, (uint64_t)s->hub->config->retry_after_ms, reason);
	session_close(s, CLOSE_TRY_LATER);
}

static void refuse_by_tier(struct session *s)
{
	s->hub->metrics->connections_refused[REFUSED_TIER]++;
	session_refuse(s, "tier");
}

static void put(struct session *s)
{
	if (--s->attaching > 0 || s->state != SESSION_CONNECTING)
		return;
	session_move(s, SESSION_CONNECTED);
	s->hub->metrics->connections_opened++;
	send_welcome(s);
	client_hold(s, false);
	client_barrier(s, false);
	if (s->state == SESSION_CONNECTED)
		login_start(s);
}

static void on_attached(void *ctx, enum err e, const struct tier_room *room)
{
	struct session *s = ctx;

	(void)room;
	if (e != ERR_OK && s->state == SESSION_CONNECTING)
		refuse_by_tier(s);
	put(s);
}

static enum err attach(struct session *s, enum topic_kind kind, struct slice name)
{
	struct membership_wish w = { .kind = kind, .name = name };
	enum err e;

	s->attaching++;
	e = membership_enter(s, &w, on_attached, s);
	if (e != ERR_OK)
		s->attaching--;
	return e;
}

/* Its own topics, and what everybody hears if it may. */
void session_welcome(struct session *s)
{
	const struct topic all = { TOPIC_ALL, slice_of(topic_prefix(TOPIC_ALL)), { "", 0 } };
	enum err e = ERR_OK;

	client_barrier(s, true);
	s->attaching = 1; /* until all are started */
	if (client_may(s, GRANT_JOIN, &all))
		e = attach(s, TOPIC_ALL, all.name);
	if (e == ERR_OK && s->user != NULL)
		e = attach(s, TOPIC_USER, (struct slice){ s->user, s->user_n });
	if (e != ERR_OK)
		refuse_by_tier(s);
	put(s);
}

void session_send_reconnect(struct session *s, uint64_t after_ms, const char *reason)
{
	struct buf *b = client_text(s);

	buf_printf(b, "{\"type\":\"reconnect\",\"after_ms\":%llu,\"reason\":\"%s\"}",
	           (unsigned long long)after_ms, reason);
	client_send(s, b);
}
