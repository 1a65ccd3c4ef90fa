#include "tests/support/tier_world.h"

#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One operation; kept to the end, so that an answer too many is seen. */
struct ask {
	struct list_node node;
	struct node *of;
	bool abandoned, answered;
	void (*then)(void);
	struct slice topic;
	char text[];
};

static struct ask *ask_new(int node, const char *topic)
{
	size_t n = topic == NULL ? 0 : strlen(topic);
	struct ask *a = calloc(1, sizeof *a + n);

	a->of = &world.node[node];
	a->topic = (struct slice){ a->text, n };
	if (n > 0)
		memcpy(a->text, topic, n);
	list_push(&world.asks, &a->node);
	world.unanswered++;
	return a;
}

/* The tier took it (or else it is an answer too, which the promise must expect). */
static void taken(struct ask *a, enum err e)
{
	world.inside--;
	if (e == ERR_OK)
		return;
	note(&a->of->answers, "refused %s", err_name(e));
	a->abandoned = true;
	world.unanswered--;
}

static struct lines *answer_to(struct ask *a)
{
	heard();
	if (a->answered)
		world.broken = "an operation was answered twice";
	else if (a->abandoned)
		world.broken = "an answer came that was not due";
	else
		world.unanswered--;
	a->answered = true;
	return &a->of->answers;
}

void asks_abandon(const struct node *n)
{
	for (struct list_node *i = list_first(&world.asks); i != NULL;
	     i = list_next(&world.asks, i)) {
		struct ask *a = container_of(i, struct ask, node);

		if (a->of != n || a->answered || a->abandoned)
			continue;
		a->abandoned = true;
		world.unanswered--;
	}
}

void asks_free(void)
{
	struct list_node *n;

	while ((n = list_shift(&world.asks)) != NULL)
		free(container_of(n, struct ask, node));
}

/* --- answers -------------------------------------------------------------------------------------------- */

static void on_published(void *ctx, enum err e, const struct tier_accepted *a)
{
	note(answer_to(ctx), "published %s %u %d%s", err_name(e), a == NULL ? 0 : a->nodes,
	     a == NULL ? 0 : (int)a->receivers, a != NULL && a->duplicate ? " duplicate" : "");
}

static void on_done(void *ctx, enum err e)
{
	struct ask *a = ctx;

	note(answer_to(a), "done %s", err_name(e));
	if (a->then != NULL)
		a->then();
}

static void on_room(void *ctx, enum err e, const struct tier_room *r)
{
	struct ask *a = ctx;
	struct lines *l = answer_to(a);

	if (e != ERR_OK) {
		note(l, "room %s", err_name(e));
		return;
	}
	note(l, "room ok rev %ld count %d users %d of %d/%d named %d%s",
	     relative_rev(a->topic, r->rev), (int)r->count, (int)r->users, (int)r->connections,
	     (int)r->gateways, (int)r->n_members, r->counts_only ? " counts" : "");
	note_list(a->of, r->members, r->n_members);
}

/* Without a list only the rev is promised, and only of who is visible. */
static void on_entered(void *ctx, enum err e, const struct tier_room *r)
{
	struct ask *a = ctx;
	struct lines *l = answer_to(a);

	if (e == ERR_OK)
		note(l, "entered rev %ld", relative_rev(a->topic, r->rev));
	else
		note(l, "room %s", err_name(e));
}

static void on_entered_unseen(void *ctx, enum err e, const struct tier_room *r)
{
	(void)r;
	if (e == ERR_OK)
		note(answer_to(ctx), "entered");
	else
		note(answer_to(ctx), "room %s", err_name(e));
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void note_names(struct lines *l, enum err e, const struct lines *names)
{
	struct buf b;

	buf_init(&b);
	for (size_t i = 0; i < names->n; i++)
		buf_printf(&b, " %s", names->text[i]);
	note(l, "names %s%.*s", err_name(e), SLICE_ARGS(buf_view(&b)));
	buf_fini(&b);
}

static void on_topics(void *ctx, enum err e, const struct tier_name *names, size_t n)
{
	struct lines all = { 0 };

	for (size_t i = 0; i < n; i++)
		note(&all, "%.*s=%d/%d", SLICE_ARGS(names[i].name), (int)names[i].connections,
		     (int)names[i].gateways);
	note_names(answer_to(ctx), e, &all);
	lines_forget(&all);
}

static void on_nodes(void *ctx, enum err e, const struct tier_name *names, size_t n)
{
	struct lines all = { 0 };

	for (size_t i = 0; i < n; i++)
		note(&all, "%.*s", SLICE_ARGS(names[i].name));
	if (n > 0)
		qsort(all.text, all.n, sizeof *all.text, by_bytes);
	note_names(answer_to(ctx), e, &all);
	lines_forget(&all);
}

static void on_reply(void *ctx, enum err e, struct slice reply)
{
	if (e == ERR_OK)
		note(answer_to(ctx), "reply %s", digest(reply));
	else
		note(answer_to(ctx), "reply %s", err_name(e));
}

/* --- questions ------------------------------------------------------------------------------------------ */

static struct tier *tier_of(int node)
{
	world.inside++;
	return world.node[node].tier;
}

void subscribe_then(int node, const char *topic, void (*then)(void))
{
	struct ask *a = ask_new(node, topic);
	struct tier *t = tier_of(node);

	a->then = then;
	taken(a, t->ops->subscribe(t, slice_of(topic), on_done, a));
}

void subscribe(int node, const char *topic)
{
	subscribe_then(node, topic, NULL);
}

void unsubscribe(int node, const char *topic)
{
	struct tier *t = tier_of(node);

	t->ops->unsubscribe(t, slice_of(topic));
	world.inside--;
}

void publish_message(int node, const struct tier_message *m)
{
	struct ask *a = ask_new(node, NULL);
	struct tier *t = tier_of(node);

	taken(a, t->ops->publish(t, m, on_published, a));
}

void publish(int node, const char *topic, const char *payload)
{
	const struct parcel p = { .kind = PARCEL_EVENT,
		                  .topic = slice_of(topic),
		                  .event_type = slice_of("m"),
		                  .ts_ms = ANY_TS,
		                  .payload = slice_of(payload) };

	publish_message(node, &(struct tier_message){ .parcel = &p, .count = true });
}

void publish_with_key(int node, const char *topic, struct slice key)
{
	const struct parcel p = { .kind = PARCEL_EVENT,
		                  .topic = slice_of(topic),
		                  .event_type = slice_of("m"),
		                  .ts_ms = ANY_TS,
		                  .payload = slice_of("1") };

	publish_message(node, &(struct tier_message){ .parcel = &p, .key = key, .count = true });
}

static struct slice client_of(int node, const char *name, char out[64])
{
	int n = snprintf(out, 64, "%s-%s", world.node[node].id, name);

	assert_in_range(n, 1, 63);
	return (struct slice){ out, (size_t)n };
}

void enter(int node, const char *topic, const char *name, const char *user, struct tier_entry e)
{
	struct ask *a = ask_new(node, topic);
	struct tier *t = tier_of(node);
	tier_room_done *done = e.list ? on_room : e.visible ? on_entered : on_entered_unseen;
	char client[64];

	e.topic = slice_of(topic);
	e.member.client = client_of(node, name, client);
	e.member.user = slice_of(user);
	if (e.presence_max == 0)
		e.presence_max = PRESENCE_MAX;
	taken(a, t->ops->enter(t, &e, done, a));
}

void leave(int node, const char *topic, const char *name)
{
	struct tier *t = tier_of(node);
	char client[64];

	t->ops->leave(t, slice_of(topic), client_of(node, name, client));
	world.inside--;
}

void ask_room(int node, const char *topic, uint64_t limit)
{
	struct ask *a = ask_new(node, topic);
	struct tier *t = tier_of(node);

	taken(a, t->ops->room(t, slice_of(topic), limit, on_room, a));
}

void ask_topics(int node, const char *prefix, const char *after, size_t limit)
{
	struct ask *a = ask_new(node, NULL);
	struct tier *t = tier_of(node);

	taken(a, t->ops->topics(t, slice_of(prefix), slice_of(after), limit, on_topics, a));
}

void ask_nodes(int node)
{
	struct ask *a = ask_new(node, NULL);
	struct tier *t = tier_of(node);

	taken(a, t->ops->nodes(t, on_nodes, a));
}

void call(int node, const char *callee, const char *request, uint64_t deadline_ms)
{
	struct ask *a = ask_new(node, NULL);
	struct tier *t = tier_of(node);

	taken(a, t->ops->call(t, slice_of(callee), slice_of(request), deadline_ms, on_reply, a));
}
