#include "broker-common/log.h"
#include "gateway/tier/redis/registry.h"
#include "gateway/tier/redis/resp.h"

#include <assert.h>
#include <hiredis/hiredis.h>

#define RENEWALS 3 /* in the life of a lease */

static void on_lease(struct conn *c, const struct command *cmd, struct redisReply *r);

/* --- names of incarnations --------------------------------------------------------------------------- */

/* Node ids are letters and digits as the gateway makes them; ten digits count what a process has. */
bool lease_inc_ok(struct slice inc)
{
	size_t i = 0;

	if (inc.n < NODE_ID_LEN + 2 || inc.n >= INCARNATION_MAX || inc.p[NODE_ID_LEN] != '.')
		return false;
	for (; i < NODE_ID_LEN; i++)
		if ((inc.p[i] < 'a' || inc.p[i] > 'z') && (inc.p[i] < '0' || inc.p[i] > '9'))
			return false;
	for (i++; i < inc.n; i++)
		if (inc.p[i] < '0' || inc.p[i] > '9')
			return false;
	return true;
}

/* Under it something may have been told, which has to be moved or taken back. There is room for it: else
 * nothing was told (restore.c). */
static void remember_old(struct server *s)
{
	unsigned int i = 0;

	if (!s->registry.told)
		return;
	s->registry.told = false;
	while (i < OLD_INCARNATIONS && s->old[i][0] != '\0')
		i++;
	assert(i < OLD_INCARNATIONS);
	memcpy(s->old[i], s->inc, sizeof s->inc);
}

static bool is_old(const struct server *s, struct slice inc)
{
	for (unsigned int i = 0; i < OLD_INCARNATIONS; i++)
		if (slice_is(inc, s->old[i]))
			return true;
	return false;
}

/* --- asking ------------------------------------------------------------------------------------------ */

/* `value` of the command: number, first, partition. */
static uint64_t pack(uint32_t number, bool first, unsigned int partition)
{
	return (uint64_t)number << 32 | (uint64_t)first << 16 | partition;
}

/* How many partitions were asked; UINT32_MAX: not all could be. */
static uint32_t ask(struct server *s, bool first)
{
	struct buf *out = conn_out(&s->cmd);
	uint32_t asked = 0;

	for (unsigned int p = 0; p < PLACE_PARTITIONS; p++) {
		struct command *cmd;

		if (redis_partition_server(s->t, p) != s)
			continue;
		cmd = script_upkeep(s, SCRIPT_LEASE, 1, 3, on_lease);
		if (cmd == NULL)
			return UINT32_MAX;
		cmd->value = pack(s->registry.number, first, p);
		reg_key(s, p);
		resp_text(out, s->inc);
		resp_u64(out, (uint64_t)s->t->config->lease_ms);
		resp_u64(out, first);
		asked++;
	}
	return asked;
}

/* Also when too much waits for Redis: who floods it must not cost everybody their rooms. */
static void renew(void *ctx)
{
	struct server *s = ctx;

	(void)ask(s, false);
	timer_set(&s->lease, (uint64_t)s->t->config->lease_ms / RENEWALS);
}

static void got_all(struct server *s)
{
	s->leased = true;
	timer_set(&s->lease, (uint64_t)s->t->config->lease_ms / RENEWALS);
	server_step(s);
}

void lease_start(struct server *s)
{
	remember_old(s);
	s->registry.number = ++s->t->incarnations;
	snprintf(s->inc, sizeof s->inc, "%.*s.%u", NODE_ID_LEN, s->t->node, s->registry.number);
	s->lease_answers = ask(s, true);
	if (s->lease_answers == UINT32_MAX)
		conn_break(&s->cmd, "out of memory");
	else if (s->lease_answers == 0)
		got_all(s); /* so many servers that this one has no partition */
}

/* --- answers ------------------------------------------------------------------------------------------- */

void lease_lost(struct server *s)
{
	if (!s->leased || s->t->closing)
		return; /* known */
	s->t->metrics->tier_leases_lost++;
	log_write(LOG_WARN, "tier.lease_lost", LOG_TEXT("incarnation", s->inc), LOG_END);
	server_reregister(s, "lease lost");
}

/* Those that the script gave us to clear up after. Our own are taken back when all is told again, for
 * till then their members are still to move. */
static void take_expired(struct server *s, unsigned int partition, const struct redisReply *r)
{
	for (size_t i = 1; i < r->elements; i++) {
		struct slice inc = { r->element[i]->str, r->element[i]->len };

		if (r->element[i]->type != REDIS_REPLY_STRING || !lease_inc_ok(inc))
			continue; /* not of a gateway */
		if (!is_old(s, inc) || s->registered)
			reap_start(s, inc, UINT64_C(1) << partition, is_old(s, inc));
	}
}

/* Redis takes no writes, which are many commands' but not PUBLISH's: who is up stays so. A lease that
 * could not be renewed is asked for next time; when nobody can write, nobody takes it away either. */
static void refused(struct conn *c, bool first, const struct redisReply *r)
{
	struct server *s = c->o->owner;

	if (!first)
		return;
	if (s->up)
		server_later(s);
	else
		conn_break(c, r->type == REDIS_REPLY_ERROR ? r->str : "no lease was given");
}

static void on_lease(struct conn *c, const struct command *cmd, struct redisReply *r)
{
	struct server *s = c->o->owner;
	bool first = (cmd->value >> 16 & 1) != 0;
	enum reg_status status;

	if (r == NULL || s->t->closing || cmd->value >> 32 != s->registry.number ||
	    (first && s->stage != STAGE_LEASE))
		return;
	if (!reg_answer(c, SCRIPT_LEASE, r, 1, &status) || (first && status != REG_OK)) {
		refused(c, first, r);
		return;
	}
	if (status != REG_OK) {
		lease_lost(s);
		return;
	}
	take_expired(s, cmd->value & 0xffff, r);
	if (first && --s->lease_answers == 0)
		got_all(s);
}

/* --- life -------------------------------------------------------------------------------------------------- */

void lease_init(struct server *s)
{
	timer_init(&s->lease, s->t->loop, renew, s);
}

void lease_stop(struct server *s)
{
	timer_stop(&s->lease);
}
