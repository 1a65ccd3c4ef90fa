/*
 * Reading the registry: a room from its server; topics and nodes from all partitions, gathered.
 */
#include "broker-common/log.h"
#include "gateway/tier/redis/registry.h"
#include "gateway/tier/redis/resp.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

static const struct slice none = { NULL, 0 };

static bool is_count(const struct redisReply *r)
{
	return r->type == REDIS_REPLY_INTEGER && r->integer >= 0 &&
		(uint64_t)r->integer <= PARCEL_NUMBER_MAX;
}

static struct slice text_of(const struct redisReply *r)
{
	return r->type == REDIS_REPLY_STRING ? (struct slice){ r->str, r->len } : none;
}

/* --- a room --------------------------------------------------------------------------------------------- */

bool read_rev(const struct redisReply *r, struct tier_room *out)
{
	*out = (struct tier_room){ 0 };
	if (!is_count(r->element[1]))
		return false;
	out->rev = (uint64_t)r->element[1]->integer;
	return true;
}

/* Members that nobody could have entered are left out, once there may be some: the rest is true. */
static size_t read_members(struct redisReply *const *from, size_t n, struct member *list)
{
	size_t taken = 0;

	for (size_t i = 0; i < n; i++)
		if (parcel_decode_member(text_of(from[i]), &list[taken]))
			taken++;
	if (taken < n)
		log_write(LOG_ERROR, "tier.members_broken", LOG_NUM("members", n - taken), LOG_END);
	return taken;
}

bool read_room(const struct redisReply *r, struct tier_room *out, struct member **list)
{
	size_t n = r->elements - ROOM_HEAD;

	*list = NULL;
	for (size_t i = 1; i < ROOM_HEAD; i++)
		if (!is_count(r->element[i]))
			return false;
	*out = (struct tier_room){
		.rev = (uint64_t)r->element[1]->integer,
		.count = (uint64_t)r->element[2]->integer,
		.users = (uint64_t)r->element[3]->integer,
		.connections = (uint64_t)r->element[4]->integer,
		.gateways = (uint32_t)r->element[5]->integer,
		.counts_only = r->element[6]->integer != 0,
	};
	if (n == 0)
		return true;
	*list = malloc(n * sizeof **list);
	if (*list == NULL)
		return false;
	out->members = *list;
	out->n_members = read_members(r->element + ROOM_HEAD, n, *list);
	return true;
}

static void on_room(struct conn *c, const struct command *cmd, struct redisReply *r)
{
	struct server *s = c->o->owner;
	struct tier_room room = { 0 };
	struct member *list = NULL;
	enum err err = ERR_UNAVAILABLE;
	enum reg_status status;

	if (s->t->closing)
		return;
	if (r != NULL && reg_answer(c, SCRIPT_ROOM, r, ROOM_HEAD, &status)) {
		if (status == REG_OK && read_room(r, &room, &list))
			err = ERR_OK;
		else
			conn_break(c, "an absurd room");
	}
	cmd->call.room(cmd->ctx, err, &room);
	free(list);
}

enum err reg_room(struct server *s, struct slice topic, uint64_t limit, tier_room_done *done,
                  void *ctx)
{
	struct command *cmd;

	if (!s->registered)
		return ERR_UNAVAILABLE;
	cmd = script_call(s, SCRIPT_ROOM, 1, 2, on_room);
	if (cmd == NULL)
		return ERR_UNAVAILABLE;
	cmd->call.room = done;
	cmd->ctx = ctx;
	reg_key(s, place_partition(topic));
	resp_slice(conn_out(&s->cmd), topic);
	resp_u64(conn_out(&s->cmd), limit);
	return ERR_OK;
}

/* --- names from several answers ------------------------------------------------------------------------- */

struct named {
	size_t at, n; /* in gather.text */
	uint64_t connections;
	uint32_t gateways;
};

/* Names of several partitions; lives until the last has answered. */
struct gather {
	struct redis_tier *t;
	tier_names_done *done; /* NULL: it could not be asked for completely */
	void *ctx;
	uint32_t waiting;
	bool failed;
	bool nodes; /* names are incarnations, of which the node is told */
	size_t limit;
	struct buf text;
	struct named *names;
	size_t n, room;
};

static struct gather *gather_new(struct redis_tier *t, tier_names_done *done, void *ctx)
{
	struct gather *g = calloc(1, sizeof *g);

	if (g == NULL)
		return NULL;
	g->t = t;
	g->done = done;
	g->ctx = ctx;
	buf_init(&g->text);
	return g;
}

static void gather_free(struct gather *g)
{
	buf_fini(&g->text);
	free(g->names);
	free(g);
}

static bool gather_add(struct gather *g, struct slice name, int64_t connections, int64_t gateways)
{
	if (g->n == g->room) {
		size_t room = g->room == 0 ? 64 : g->room * 2;
		struct named *names = realloc(g->names, room * sizeof *names);

		if (names == NULL)
			return false;
		g->names = names;
		g->room = room;
	}
	g->names[g->n++] = (struct named){ g->text.n, name.n, (uint64_t)connections,
		                           (uint32_t)gateways };
	buf_slice(&g->text, name);
	return !g->text.failed;
}

static int by_name(const void *a, const void *b)
{
	const struct slice x = ((const struct tier_name *)a)->name;
	const struct slice y = ((const struct tier_name *)b)->name;
	int order = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);

	return order != 0 ? order : (x.n > y.n) - (x.n < y.n);
}

/* Sorted, each name once with the sum of its counts; how many. */
static size_t merge(const struct gather *g, struct tier_name *rows)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++)
		rows[i] = (struct tier_name){
			.name = { g->text.p + g->names[i].at, g->names[i].n },
			.connections = g->names[i].connections,
			.gateways = g->names[i].gateways,
		};
	qsort(rows, g->n, sizeof *rows, by_name);
	for (size_t i = 0; i < g->n; i++) {
		if (n > 0 && slice_eq(rows[n - 1].name, rows[i].name))
			rows[n - 1].connections += rows[i].connections;
		else
			rows[n++] = rows[i];
	}
	return n;
}

static void tell(struct gather *g)
{
	struct tier_name *rows = malloc((g->n + 1) * sizeof *rows);
	size_t n;

	if (rows == NULL) {
		g->done(g->ctx, ERR_INTERNAL, NULL, 0);
		return;
	}
	n = merge(g, rows);
	g->done(g->ctx, ERR_OK, rows, n < g->limit ? n : g->limit);
	free(rows);
}

static bool name_ok(const struct gather *g, struct slice name)
{
	struct topic topic;

	if (name.p == NULL)
		return false;
	return g->nodes ? lease_inc_ok(name) : topic_parse(name, &topic) == ERR_OK;
}

/* Names that nobody could have made are left out. False: absurd, or no memory. */
static bool take_names(struct gather *g, const struct redisReply *r)
{
	if (r->type != REDIS_REPLY_ARRAY || r->elements % 3 != 0)
		return false;
	for (size_t i = 0; i < r->elements; i += 3) {
		struct slice name = text_of(r->element[i]);

		if (!is_count(r->element[i + 1]) || !is_count(r->element[i + 2]))
			return false;
		if (!name_ok(g, name))
			continue;
		if (g->nodes)
			name.n = NODE_ID_LEN;
		if (!gather_add(g, name, r->element[i + 1]->integer, r->element[i + 2]->integer))
			return false;
	}
	return true;
}

static void on_names(struct conn *c, const struct command *cmd, struct redisReply *r)
{
	struct gather *g = cmd->more;

	if (r == NULL) {
		g->failed = true;
	} else if (r->type == REDIS_REPLY_ERROR) {
		server_error(c->o->owner, r);
		g->failed = true;
	} else if (!take_names(g, r)) {
		conn_break(c, "an absurd list of names");
		g->failed = true;
	}
	if (--g->waiting > 0)
		return;
	if (g->done != NULL && !g->t->closing) {
		if (g->failed)
			g->done(g->ctx, ERR_UNAVAILABLE, NULL, 0);
		else
			tell(g);
	}
	gather_free(g);
}

static struct command *ask(struct gather *g, unsigned int partition, enum script which, size_t args)
{
	struct server *s = redis_partition_server(g->t, partition);
	struct command *cmd = script_call(s, which, 1, args, on_names);

	if (cmd == NULL)
		return NULL;
	cmd->more = g;
	g->waiting++;
	reg_key(s, partition);
	return cmd;
}

/* Not all could be asked: nobody is called back, and the answers that come still free it. */
static enum err give_up(struct gather *g)
{
	if (g->waiting == 0)
		gather_free(g);
	else
		g->done = NULL;
	return ERR_UNAVAILABLE;
}

/* --- topics ------------------------------------------------------------------------------------------------ */

/* ZRANGEBYLEX' ends: behind `after`, within `prefix`. No byte of a topic is 0xff. */
static void lex_range(struct slice prefix, struct slice after, struct buf *from, struct buf *to)
{
	size_t n = prefix.n < after.n ? prefix.n : after.n;
	int order = n == 0 ? 0 : memcmp(after.p, prefix.p, n);
	bool behind = after.p != NULL && (order > 0 || (order == 0 && after.n >= prefix.n));

	buf_char(from, behind ? '(' : '[');
	buf_slice(from, behind ? after : prefix);
	buf_char(to, '(');
	buf_slice(to, prefix);
	buf_char(to, '\xff');
}

enum err redis_topics(struct tier *tier, struct slice prefix, struct slice after, size_t limit,
                      tier_names_done *done, void *ctx)
{
	struct redis_tier *t = redis_of(tier);
	struct gather *g;
	struct buf from, to;
	enum err err = ERR_OK;

	for (unsigned int i = 0; i < t->n_servers; i++)
		if (!t->servers[i].registered)
			return ERR_UNAVAILABLE;
	g = gather_new(t, done, ctx);
	if (g == NULL)
		return ERR_INTERNAL;
	g->limit = limit;
	buf_init(&from);
	buf_init(&to);
	lex_range(prefix, after, &from, &to);
	for (unsigned int p = 0; p < PLACE_PARTITIONS && err == ERR_OK; p++) {
		struct buf *out = conn_out(&redis_partition_server(t, p)->cmd);

		if (from.failed || to.failed || ask(g, p, SCRIPT_TOPICS, 3) == NULL) {
			err = give_up(g);
			break;
		}
		resp_slice(out, buf_view(&from));
		resp_slice(out, buf_view(&to));
		resp_u64(out, g->limit);
	}
	buf_fini(&from);
	buf_fini(&to);
	return err;
}

/* --- nodes --------------------------------------------------------------------------------------------------- */

enum err redis_nodes(struct tier *tier, tier_names_done *done, void *ctx)
{
	struct redis_tier *t = redis_of(tier);
	unsigned int partition = place_partition(slice_of("all"));
	struct gather *g;

	if (!redis_partition_server(t, partition)->registered)
		return ERR_UNAVAILABLE;
	g = gather_new(t, done, ctx);
	if (g == NULL)
		return ERR_INTERNAL;
	g->nodes = true;
	g->limit = SIZE_MAX;
	return ask(g, partition, SCRIPT_NODES, 0) == NULL ? give_up(g) : ERR_OK;
}
