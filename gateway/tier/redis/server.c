/*
 * One Redis server: its two connections, and the steps from there to "up": scripts, agreement with the
 * other gateways, lease, subscriptions, registry. When something breaks, what hung on it is
 * taken back and the steps begin again.
 */
#include "broker-common/log.h"
#include "gateway/tier/redis/resp.h"
#include "gateway/tier/redis/scripts.h"

#include <ctype.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>

#define RETRY_LEAST_MS 50
#define RETRY_MOST_MS 2000
#define REREGISTER_MS 1000 /* not oftener */
#define LOG_AGAIN_MS 60000 /* the same error */
#define SETTLE_MS 1000     /* for saying good-bye */

enum breaker { BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN };

static struct server *server_of(const struct conn *c)
{
	return c->o->owner;
}

/* --- going down ------------------------------------------------------------------------------------ */

/* The worst of all servers is the tier's. */
static void show_breaker(struct redis_tier *t)
{
	uint64_t worst = BREAKER_CLOSED;

	for (unsigned int i = 0; i < t->n_servers; i++) {
		const struct server *s = &t->servers[i];
		uint64_t now = s->up              ? BREAKER_CLOSED
			: timer_is_set(&s->retry) ? BREAKER_OPEN
						  : BREAKER_HALF_OPEN;

		if (now > worst)
			worst = now;
	}
	t->metrics->tier_breaker_state = worst;
}

static uint64_t backoff(struct server *s)
{
	uint64_t most = RETRY_LEAST_MS << (s->attempts < 8 ? s->attempts : 8);

	if (most > RETRY_MOST_MS)
		most = RETRY_MOST_MS;
	s->attempts++;
	return most / 2 + loop_random(s->t->loop) % (most / 2 + 1);
}

void server_retry(struct server *s, const char *reason)
{
	s->up = false;
	snprintf(s->reason, sizeof s->reason, "%s", reason);
	if (!timer_is_set(&s->retry) && s->dial == NULL)
		timer_set(&s->retry, backoff(s));
	show_breaker(s->t);
	redis_link(s->t, s->reason);
}

static void on_down(struct conn *c, const char *reason)
{
	struct server *s = server_of(c);

	s->t->metrics->tier_reconnects++;
	s->up = false;
	if (c == &s->cmd) {
		s->scripts_loaded = s->agreed = s->leased = s->registered = false;
		lease_stop(s);
		restore_stop(s);
		if (s->stage != STAGE_SUBS)
			s->stage = STAGE_NONE;
	} else {
		s->lost |= s->subscribed;
		s->subscribed = false;
		subs_lost(s);
		if (s->stage == STAGE_SUBS)
			s->stage = STAGE_NONE;
	}
	server_retry(s, reason);
}

static void on_retry(void *ctx)
{
	struct server *s = ctx;

	show_breaker(s->t);
	if (s->cmd.state == CONN_CLOSED || s->sub.state == CONN_CLOSED)
		dial_start(s);
	server_step(s);
}

void server_reregister(struct server *s, const char *reason)
{
	uint64_t now = loop_now_ms(s->t->loop);

	if ((!s->leased && !s->registered) || s->t->closing)
		return; /* about to, or not any more */
	log_write(LOG_WARN, "tier.register_again", LOG_TEXT("reason", reason), LOG_END);
	s->leased = s->registered = false;
	lease_stop(s);
	restore_stop(s);
	if (s->stage == STAGE_LEASE || s->stage == STAGE_REGISTRY)
		s->stage = STAGE_NONE;
	if (!timer_is_set(&s->retry))
		timer_set(&s->retry, now >= s->reregistered_ms + REREGISTER_MS ? 0 : REREGISTER_MS);
	s->reregistered_ms = now;
}

void server_later(struct server *s)
{
	s->stage = STAGE_NONE;
	if (conn_ready(&s->cmd) && !timer_is_set(&s->retry))
		timer_set(&s->retry, REREGISTER_MS);
}

/* --- what Redis refuses ------------------------------------------------------------------------------ */

/* The first word of an error says its kind. */
static struct slice error_kind(const struct redisReply *r)
{
	size_t n = 0;

	while (n < r->len && n < sizeof((struct server *)0)->error_kind - 1 &&
	       isupper((unsigned char)r->str[n]))
		n++;
	return (struct slice){ r->str, n };
}

/* Kinds that no command will get past on this connection. */
static bool is_fatal(struct slice kind, const char *text)
{
	static const char *const fatal[] = { "READONLY",  "MASTERDOWN", "LOADING",     "NOAUTH",
		                             "WRONGPASS", "MOVED",      "CLUSTERDOWN", "ASK" };

	for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
		if (slice_is(kind, fatal[i]))
			return true;
	/* Redis 6 wraps what a script met. */
	return strstr(text, "-READONLY ") != NULL;
}

bool server_error(struct server *s, const struct redisReply *r)
{
	struct slice kind = error_kind(r), last = slice_of(s->error_kind);
	uint64_t now = loop_now_ms(s->t->loop);

	s->t->metrics->tier_errors++;
	if (!slice_eq(kind, last) || now >= s->error_ms + LOG_AGAIN_MS) {
		snprintf(s->error_kind, sizeof s->error_kind, "%.*s", SLICE_ARGS(kind));
		s->error_ms = now;
		log_write(
			LOG_ERROR, "tier.redis_error", LOG_NUM("server", s->index),
			LOG_SLICE("error", ((struct slice){ r->str, r->len < 200 ? r->len : 200 })),
			LOG_END);
	}
	if (is_fatal(kind, r->str)) {
		conn_break(&s->cmd, r->str);
		return true;
	}
	if (slice_is(kind, "NOSCRIPT") && !s->t->closing) {
		s->scripts_loaded = false;
		server_reregister(s, "Redis has lost the scripts");
		if (s->stage == STAGE_NONE && !timer_is_set(&s->retry))
			timer_set(&s->retry, 0);
	}
	return false;
}

/* --- going up --------------------------------------------------------------------------------------------- */

static void on_agreed(struct conn *c, const struct command *cmd, struct redisReply *r)
{
	static const char other[] = "the gateways of this prefix use other Redis servers";
	struct server *s = server_of(c);

	(void)cmd;
	if (r == NULL)
		return;
	if (r->type == REDIS_REPLY_ERROR && server_error(s, r))
		return;
	if (r->type != REDIS_REPLY_STRING && r->type != REDIS_REPLY_STATUS) {
		conn_break(c, r->type == REDIS_REPLY_ERROR ? r->str : "an absurd answer");
		return;
	}
	if (strcmp(r->str, "OK") == 0) {
		s->agreed = s->fits = true;
		server_step(s);
		return;
	}
	if (!isdigit((unsigned char)r->str[0]) ||
	    strstr(r->str, " partitions, servers: ") == NULL) {
		conn_break(c, "an absurd answer to the script meta");
		return;
	}
	if (strcmp(s->reason, other) != 0)
		log_write(LOG_ERROR, "tier.other_cluster", LOG_NUM("server", s->index),
		          LOG_SLICE("theirs",
		                    ((struct slice){ r->str, r->len < 400 ? r->len : 400 })),
		          LOG_END);
	/* Who has been part of it stays: it may be another one, the first after Redis has lost its data, that
	 * is wrong, and must not end all the others. */
	if (s->t->ev->unfit != NULL && !s->fits && !s->t->closing)
		s->t->ev->unfit(s->t->ctx, other);
	conn_break(c, other);
}

/* With one server its name does not matter: hosts have several. */
static void agree(struct server *s)
{
	struct redis_tier *t = s->t;
	struct buf names;

	if (script_upkeep(s, SCRIPT_META, 1, 2, on_agreed) == NULL) {
		conn_break(&s->cmd, "out of memory");
		return;
	}
	buf_init(&names);
	buf_u64(&names, t->n_servers);
	for (unsigned int i = 0; t->n_servers > 1 && i < t->n_servers; i++) {
		buf_char(&names, ' ');
		address_name(&t->addresses.at[i], &names);
	}
	script_key(s, 0, "meta", (struct slice){ NULL, 0 }, (struct slice){ NULL, 0 });
	resp_u64(conn_out(&s->cmd), PLACE_PARTITIONS);
	resp_slice(conn_out(&s->cmd), buf_view(&names));
	buf_fini(&names);
}

static enum stage next_stage(const struct server *s)
{
	if (!conn_ready(&s->cmd))
		return STAGE_NONE;
	if (!s->scripts_loaded)
		return STAGE_SCRIPTS;
	if (!s->agreed)
		return STAGE_META;
	if (!s->leased)
		return STAGE_LEASE;
	if (!conn_ready(&s->sub))
		return STAGE_NONE;
	if (!s->subscribed)
		return STAGE_SUBS;
	return s->registered ? STAGE_NONE : STAGE_REGISTRY;
}

void server_step(struct server *s)
{
	enum stage next = next_stage(s);

	if (s->t->closing || (next != STAGE_NONE && next == s->stage) ||
	    (s->stage == STAGE_SUBS && !s->subscribed && conn_ready(&s->sub)))
		return; /* under way */
	s->stage = next;
	switch (next) {
	case STAGE_SCRIPTS: scripts_load(s); return;
	case STAGE_META: agree(s); return;
	case STAGE_LEASE: lease_start(s); return;
	case STAGE_SUBS: subs_restore(s); return;
	case STAGE_REGISTRY: restore_start(s); return;
	case STAGE_NONE: break;
	}
	if (s->up || !conn_ready(&s->cmd) || !conn_ready(&s->sub))
		return;
	s->up = true;
	s->attempts = 0;
	s->error_kind[0] = '\0';
	show_breaker(s->t);
	redis_link(s->t, NULL);
}

static void on_ready(struct conn *c)
{
	server_step(server_of(c));
}

/* --- pub/sub ------------------------------------------------------------------------------------------------ */

static bool is_text(const struct redisReply *r)
{
	return r->type == REDIS_REPLY_STRING;
}

/* The topic of one of our channels, or none. */
static struct slice topic_of(const struct server *s, const struct redisReply *channel)
{
	size_t prefix = strlen(s->t->config->redis_prefix) + 1;

	if (!is_text(channel) || channel->len <= prefix)
		return (struct slice){ NULL, 0 };
	return (struct slice){ channel->str + prefix, channel->len - prefix };
}

static bool on_push(struct conn *c, struct redisReply *r)
{
	struct server *s = server_of(c);
	struct slice topic;

	if (r->type != REDIS_REPLY_ARRAY || r->elements != 3 || !is_text(r->element[0]))
		return false;
	topic = topic_of(s, r->element[1]);
	if (strcmp(r->element[0]->str, "message") == 0) {
		/* What comes before all is subscribed to again would stand before the gap that tells of
		 * what was missed: it is part of the loss. */
		if (topic.p != NULL && is_text(r->element[2]) && !s->lost)
			redis_receive(s, topic, r->element[2]->str, r->element[2]->len);
	} else if (strcmp(r->element[0]->str, "subscribe") == 0) {
		subs_confirmed(s, topic, true);
	} else if (strcmp(r->element[0]->str, "unsubscribe") == 0) {
		subs_confirmed(s, topic, false);
	} else {
		return false;
	}
	return true;
}

static const struct conn_events cmd_events = { .ready = on_ready, .down = on_down };
static const struct conn_events sub_events = { .ready = on_ready,
	                                       .down = on_down,
	                                       .push = on_push };

/* --- life ----------------------------------------------------------------------------------------------------- */

void redis_server_open(struct server *s, struct redis_tier *t, unsigned int index)
{
	const struct config *c = t->config;

	s->t = t;
	s->index = index;
	s->address = &t->addresses.at[index];
	s->cmd_options = (struct conn_options){
		.loop = t->loop,
		.ev = &cmd_events,
		.owner = s,
		.timeout_ms = (uint64_t)c->redis_timeout_ms,
		.max_pending = (uint64_t)c->redis_max_pending,
		.max_pending_bytes = (uint64_t)c->redis_max_pending_bytes,
	};
	s->sub_options = s->cmd_options;
	s->sub_options.ev = &sub_events;
	conn_init(&s->cmd, &s->cmd_options);
	conn_init(&s->sub, &s->sub_options);
	timer_init(&s->retry, t->loop, on_retry, s);
	subs_init(s);
	reg_init(s);
	lease_init(s);
	timer_set(&s->retry, 0);
}

void redis_server_close(struct server *s)
{
	dial_stop(s);
	timer_stop(&s->retry);
	lease_stop(s);
	restore_stop(s);
	if (conn_ready(&s->cmd) && s->leased) {
		restore_leave_all(s);
		conn_settle(&s->cmd, SETTLE_MS);
	}
	conn_fini(&s->cmd);
	conn_fini(&s->sub);
	subs_fini(s);
	reg_fini(s);
}
