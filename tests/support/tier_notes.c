#include "tests/support/tier_world.h"

#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONG_TEXT 80

void heard(void)
{
	world.heard++;
	if (world.inside > 0)
		world.broken = "a callback came from inside a call";
}

static void keep(struct lines *l, char *text)
{
	if (l->n == l->room) {
		l->room = l->room == 0 ? 64 : l->room * 2;
		l->text = realloc(l->text, l->room * sizeof *l->text);
	}
	l->text[l->n++] = text;
}

void note(struct lines *l, const char *format, ...)
{
	va_list rest;
	char *text;

	va_start(rest, format);
	if (vasprintf(&text, format, rest) < 0)
		abort();
	va_end(rest);
	keep(l, text);
}

void lines_forget(struct lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->text[i]);
	free(l->text);
	*l = (struct lines){ 0 };
}

const char *digest(struct slice text)
{
	static char ring[4][LONG_TEXT + 1];
	static unsigned int next;
	char *out = ring[next++ % 4];
	uint64_t hash = 14695981039346656037u; /* FNV-1a */

	if (text.n <= LONG_TEXT) {
		snprintf(out, sizeof ring[0], "%.*s", SLICE_ARGS(text));
		return out;
	}
	for (size_t i = 0; i < text.n; i++)
		hash = (hash ^ (unsigned char)text.p[i]) * 1099511628211u;
	snprintf(out, sizeof ring[0], "<%zu bytes, %016llx>", text.n, (unsigned long long)hash);
	return out;
}

/* Where the revs of a topic begin is the tier's business. */
long relative_rev(struct slice topic, uint64_t rev)
{
	size_t n = world.n_first;

	if (rev == 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (slice_eq(topic, (struct slice){ world.first[i].topic, world.first[i].n }))
			return (long)(rev - world.first[i].before);
	assert_in_range(n, 0, sizeof world.first / sizeof world.first[0] - 1);
	memcpy(world.first[n].topic, topic.p, topic.n);
	world.first[n].n = topic.n;
	world.first[n].before = rev - 1;
	world.n_first++;
	return 1;
}

/* --- events -------------------------------------------------------------------------------------------- */

/* "CLIENT USER INFO", what there is of them; to be freed. */
static char *member_text(const struct member *m)
{
	char *text;

	if (asprintf(&text, "%.*s%s%.*s%s%.*s", SLICE_ARGS(m->client), m->user.p ? " " : "",
	             SLICE_ARGS(m->user), m->info.p ? " " : "", SLICE_ARGS(m->info)) < 0)
		abort();
	return text;
}

static void note_change(struct node *n, const struct parcel *p)
{
	char *member = member_text(&p->member);

	note(&n->came, "presence %.*s %s %s rev %ld count %d users %d%s%s", SLICE_ARGS(p->topic),
	     p->joined ? "joined" : "left", member, relative_rev(p->topic, p->rev), (int)p->count,
	     (int)p->users, p->user_edge ? " edge" : "", p->counts_only ? " counts" : "");
	free(member);
	if (n->n_changes < sizeof n->changes / sizeof n->changes[0])
		n->changes[n->n_changes++] = (struct change){
			p->joined, p->user_edge, p->rev, p->count, p->users,
		};
}

/* " NAME TEXT", or nothing. */
static void add_text(struct buf *b, const char *name, struct slice text)
{
	if (text.p != NULL)
		buf_printf(b, " %s %.*s", name, SLICE_ARGS(text));
}

static void add_number(struct buf *b, const char *name, uint64_t number)
{
	if (number > 0)
		buf_printf(b, " %s %llu", name, (unsigned long long)number);
}

/* What every field of a message is, where it is anything. */
static void note_message(struct node *n, const struct parcel *p)
{
	struct buf b;

	buf_init(&b);
	buf_printf(&b, "%s %.*s", p->kind == PARCEL_EVENT ? "event" : "acked",
	           SLICE_ARGS(p->topic));
	if (p->payload.p != NULL)
		buf_printf(&b, " %s", digest(p->payload));
	if (!slice_is(p->event_type, "m"))
		add_text(&b, "type", p->event_type);
	add_text(&b, "from", p->from.client);
	add_text(&b, "user", p->from.user);
	add_text(&b, "except", p->exclude);
	add_text(&b, "id", p->id);
	if (p->ts_ms != ANY_TS)
		add_number(&b, "ts", (uint64_t)p->ts_ms);
	add_number(&b, "born", p->born_us);
	add_number(&b, "drop", (uint64_t)p->drop);
	note(&n->came, "%.*s", SLICE_ARGS(buf_view(&b)));
	buf_fini(&b);
}

static void on_message(void *ctx, const struct parcel *p)
{
	heard();
	if (p->kind == PARCEL_PRESENCE)
		note_change(ctx, p);
	else
		note_message(ctx, p);
}

static void on_link(void *ctx, bool up, bool lost, const char *reason)
{
	struct node *n = ctx;

	heard();
	if (reason == NULL || reason[0] == '\0')
		world.broken = "a link came or went without a reason";
	n->ups += up;
	if (!up || lost || n->ups > 1)
		note(&n->came, "link %s%s: %s", up ? "up" : "down", lost ? " lost" : "", reason);
}

static void on_call(void *ctx, struct slice request, struct buf *reply)
{
	struct node *n = ctx;

	heard();
	note(&n->came, "asked %.*s", SLICE_ARGS(request));
	buf_str(reply, "re: ");
	buf_slice(reply, request);
}

static void on_unfit(void *ctx, const char *reason)
{
	(void)ctx, (void)reason;
	heard();
	world.broken = "the tier called what it works with unfit";
}

const struct tier_events node_events = {
	.message = on_message,
	.link = on_link,
	.call = on_call,
	.unfit = on_unfit,
};

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void note_list(struct node *n, const struct member *members, size_t n_members)
{
	lines_forget(&n->list);
	for (size_t i = 0; i < n_members; i++)
		keep(&n->list, member_text(&members[i]));
	if (n_members > 0)
		qsort(n->list.text, n->list.n, sizeof *n->list.text, by_bytes);
}

/* --- expecting ----------------------------------------------------------------------------------------- */

static void expect(int node, struct lines *l, const char *what, const char *line)
{
	if (l->read == l->n)
		fail_msg("node %d: expected %s \"%s\", got nothing", node, what, line);
	if (strcmp(l->text[l->read], line) != 0)
		fail_msg("node %d: expected %s \"%s\", got \"%s\"", node, what, line,
		         l->text[l->read]);
	l->read++;
}

void expect_came(int node, const char *line)
{
	expect(node, &world.node[node].came, "to come", line);
}

void expect_answer(int node, const char *line)
{
	expect(node, &world.node[node].answers, "answer", line);
}

static void expect_end(int node, const struct lines *l)
{
	if (l->read < l->n)
		fail_msg("node %d: unexpected \"%s\"", node, l->text[l->read]);
}

void expect_nothing(void)
{
	for (int i = 0; i < NODES; i++) {
		expect_end(i, &world.node[i].came);
		expect_end(i, &world.node[i].answers);
	}
}

void forget(void)
{
	for (int i = 0; i < NODES; i++) {
		world.node[i].came.read = world.node[i].came.n;
		world.node[i].answers.read = world.node[i].answers.n;
	}
}

int count_answers(int node, const char *start)
{
	const struct lines *l = &world.node[node].answers;
	int n = 0;

	for (size_t i = l->read; i < l->n; i++)
		n += slice_starts(slice_of(l->text[i]), slice_of(start));
	return n;
}

void expect_list(int node, const char *const members[])
{
	const struct lines *l = &world.node[node].list;
	size_t i;

	for (i = 0; members[i] != NULL; i++) {
		if (i == l->n)
			fail_msg("\"%s\" is not in the list", members[i]);
		assert_string_equal(l->text[i], members[i]);
	}
	if (i < l->n)
		fail_msg("\"%s\" is in the list", l->text[i]);
}

void expect_changes_follow(int node, size_t least)
{
	const struct node *n = &world.node[node];

	assert_in_range(n->n_changes, least, sizeof n->changes / sizeof n->changes[0] - 1);
	for (size_t i = 1; i < n->n_changes; i++) {
		const struct change *before = &n->changes[i - 1], *c = &n->changes[i];
		int64_t step = c->joined ? 1 : -1;

		assert_int_equal(c->rev, before->rev + 1);
		assert_int_equal((int64_t)c->count, (int64_t)before->count + step);
		assert_int_equal((int64_t)c->users, (int64_t)before->users + (c->edge ? step : 0));
	}
}
