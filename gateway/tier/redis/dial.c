/*
 * Finding a server: by its name, or by asking Sentinels where the master is (Redis documentation,
 * "Guidelines for Redis clients with support for Redis Sentinel"), one after the other.
 */
#include "gateway/tier/redis/redis.h"
#include "gateway/tier/redis/resolve.h"
#include "gateway/tier/redis/resp.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

struct dial {
	struct server *s;
	struct resolve *resolve;
	struct conn scout; /* to a Sentinel */
	struct conn_options scout_options;
	size_t sentinel; /* the one that is asked */
	bool found;      /* what is being resolved is the master */
	uint16_t port;
	struct deferred finish;
	bool failed;
	char reason[160];
	char name[REDIS_HOST_MAX + 1];
};

static void resolve(struct dial *d, const char *host, uint16_t port);

static struct conn_target target(const struct server *s)
{
	const struct redis_address *a = s->address;

	return (struct conn_target){
		.host = a->path != NULL ? NULL : s->host,
		.path = a->path,
		.port = s->port,
		.user = a->user,
		.password = a->password,
		.database = a->database,
		.tls = a->tls ? s->t->tls : NULL,
	};
}

static void open_closed(struct server *s, const char *tls_name)
{
	struct conn_target t = target(s);
	char name[32];

	t.tls_name = tls_name;
	t.name = name;
	snprintf(name, sizeof name, "roomcast-%s-cmd", s->t->node);
	if (s->cmd.state == CONN_CLOSED)
		conn_open(&s->cmd, &t);
	snprintf(name, sizeof name, "roomcast-%s-sub", s->t->node);
	if (s->sub.state == CONN_CLOSED)
		conn_open(&s->sub, &t);
}

static void end(struct dial *d)
{
	d->s->dial = NULL;
	deferred_cancel(&d->finish);
	resolve_cancel(d->resolve);
	conn_fini(&d->scout);
	free(d);
}

static void run_finish(void *ctx)
{
	struct dial *d = ctx;
	struct server *s = d->s;
	char text[160];

	if (d->failed) {
		snprintf(text, sizeof text, "%s", d->reason);
		end(d);
		server_retry(s, text);
		return;
	}
	snprintf(text, sizeof text, "%.*s", (int)sizeof text - 1, d->name);
	end(d);
	open_closed(s, text);
}

static void fail(struct dial *d, const char *reason)
{
	snprintf(d->reason, sizeof d->reason, "%s", reason);
	d->failed = true;
	loop_defer(d->s->t->loop, &d->finish);
}

/* --- Sentinels --------------------------------------------------------------------------------- */

static void next_sentinel(struct dial *d, const char *reason)
{
	const struct redis_address *a = d->s->address;

	if (++d->sentinel >= a->n_hosts) {
		fail(d, reason);
		return;
	}
	resolve(d, a->hosts[d->sentinel].name, a->hosts[d->sentinel].port);
}

static bool port_of(const struct redisReply *r, uint16_t *port)
{
	char *rest;
	unsigned long n = r->type == REDIS_REPLY_STRING ? strtoul(r->str, &rest, 10) : 0;

	if (n == 0 || n > 65535 || *rest != '\0')
		return false;
	*port = (uint16_t)n;
	return true;
}

static void on_master(struct conn *c, const struct command *cmd, struct redisReply *r)
{
	struct dial *d = c->o->owner;
	uint16_t port;

	(void)cmd;
	if (r == NULL)
		return; /* on_scout_down goes on */
	if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 ||
	    r->element[0]->type != REDIS_REPLY_STRING || r->element[0]->len > REDIS_HOST_MAX ||
	    r->element[0]->len == 0 || !port_of(r->element[1], &port)) {
		conn_break(c,
		           r->type == REDIS_REPLY_ERROR ? r->str
		                                        : "the Sentinel knows no such master");
		return;
	}
	d->found = true;
	resolve(d, r->element[0]->str, port);
}

static void on_scout_ready(struct conn *c)
{
	struct dial *d = c->o->owner;

	if (conn_command(c, on_master) == NULL) {
		conn_break(c, "out of memory");
		return;
	}
	resp_command(conn_out(c), 3);
	resp_text(conn_out(c), "SENTINEL");
	resp_text(conn_out(c), "get-master-addr-by-name");
	resp_text(conn_out(c), d->s->address->master);
}

static void on_scout_down(struct conn *c, const char *reason)
{
	struct dial *d = c->o->owner;
	char text[160];

	snprintf(text, sizeof text, "Sentinel: %.140s", reason);
	if (!d->found)
		next_sentinel(d, text);
}

static const struct conn_events scout_events = { .ready = on_scout_ready, .down = on_scout_down };

static void ask_sentinel(struct dial *d, const char *host, uint16_t port)
{
	struct conn_target t = { .host = host,
		                 .port = port,
		                 .tls = d->s->address->tls ? d->s->t->tls : NULL,
		                 .tls_name = d->name };

	conn_open(&d->scout, &t);
}

/* --- names ------------------------------------------------------------------------------------------ */

static void found(struct dial *d, const char *host)
{
	struct server *s = d->s;
	bool moved = s->host[0] != '\0' && (strcmp(s->host, host) != 0 || s->port != d->port);

	snprintf(s->host, sizeof s->host, "%s", host);
	s->port = d->port;
	/* Both connections go to one and the same server. */
	if (moved && s->address->master != NULL) {
		conn_break(&s->cmd, "the master has moved");
		conn_break(&s->sub, "the master has moved");
	}
	loop_defer(s->t->loop, &d->finish);
}

static void on_resolved(void *ctx, const char *address, const char *reason)
{
	struct dial *d = ctx;

	d->resolve = NULL;
	if (address == NULL && (d->found || d->s->address->master == NULL))
		fail(d, reason);
	else if (address == NULL)
		next_sentinel(d, reason);
	else if (d->s->address->master != NULL && !d->found)
		ask_sentinel(d, address, d->port);
	else
		found(d, address);
}

static void resolve(struct dial *d, const char *host, uint16_t port)
{
	struct server *s = d->s;

	d->port = port;
	snprintf(d->name, sizeof d->name, "%s", host);
	d->resolve = resolve_start(s->t->loop, host, s->attempts,
	                           (uint64_t)s->t->config->redis_timeout_ms, on_resolved, d);
	if (d->resolve == NULL)
		fail(d, "out of memory");
}

void dial_start(struct server *s)
{
	const struct redis_address *a = s->address;
	struct dial *d;

	if (s->dial != NULL)
		return;
	if (a->path != NULL) {
		open_closed(s, NULL);
		return;
	}
	/* Where the other connection lives: a name may have several addresses. */
	if (a->master == NULL && (conn_ready(&s->cmd) || conn_ready(&s->sub))) {
		open_closed(s, a->hosts[0].name);
		return;
	}
	d = calloc(1, sizeof *d);
	if (d == NULL) {
		server_retry(s, "out of memory");
		return;
	}
	s->dial = d;
	d->s = s;
	d->finish = (struct deferred){ .run = run_finish, .ctx = d };
	d->scout_options = s->cmd_options;
	d->scout_options.ev = &scout_events;
	d->scout_options.owner = d;
	conn_init(&d->scout, &d->scout_options);
	resolve(d, a->hosts[0].name, a->hosts[0].port);
}

void dial_stop(struct server *s)
{
	if (s->dial != NULL)
		end(s->dial);
}
