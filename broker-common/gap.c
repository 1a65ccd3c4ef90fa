#include "broker-common/gap.h"

#include "broker-common/envelope.h"

#include <stdlib.h>

#define LONGEST_NAME 255u /* its length is one byte */

struct gap *gap_new(void)
{
	struct gap *g = calloc(1, sizeof(*g));

	if (g != NULL)
		g->span = 1;
	return g;
}

void gap_forget(struct gap *g, enum gap_reason why)
{
	free(g->part[why].names);
	g->part[why] = (struct gap_part){ .names = NULL };
}

void gap_free(struct gap *g)
{
	if (g == NULL)
		return;
	for (int why = 0; why < GAP_REASONS; why++)
		gap_forget(g, why);
	free(g);
}

bool gap_has(const struct gap *g, enum gap_reason why)
{
	return g->part[why].topics != 0 || g->part[why].everything;
}

static struct slice name_at(const struct gap_part *p, size_t at)
{
	return (struct slice){ p->names + at + 1, (unsigned char)p->names[at] };
}

static bool names(const struct gap_part *p, struct slice topic)
{
	struct slice name;

	for (size_t at = 0; at < p->names_n; at += 1 + name.n) {
		name = name_at(p, at);
		if (slice_eq(name, topic))
			return true;
	}
	return false;
}

static void set_everything(struct gap_part *p)
{
	free(p->names);
	*p = (struct gap_part){ .count = p->count, .everything = true };
}

static void add_name(struct gap_part *p, struct slice topic)
{
	char *more;

	if (p->everything || names(p, topic))
		return;
	if (topic.p == NULL || slice_is(topic, "*") || topic.n > LONGEST_NAME ||
	    p->topics == QUEUE_GAP_TOPICS) {
		set_everything(p);
		return;
	}
	more = realloc(p->names, p->names_n + 1 + topic.n);
	if (more == NULL) {
		set_everything(p);
		return;
	}
	p->names = more;
	p->names[p->names_n] = (char)topic.n;
	memcpy(p->names + p->names_n + 1, topic.p, topic.n);
	p->names_n = (uint16_t)(p->names_n + 1 + topic.n);
	p->topics++;
}

void gap_add(struct gap *g, enum gap_reason why, struct slice topic, uint64_t count)
{
	g->part[why].count += count;
	add_name(&g->part[why], topic);
}

void gap_absorb(struct gap *g, struct gap *other)
{
	struct slice name;

	for (int why = 0; why < GAP_REASONS; why++) {
		const struct gap_part *p = &other->part[why];

		g->part[why].count += p->count;
		if (p->everything)
			set_everything(&g->part[why]);
		for (size_t at = 0; at < p->names_n; at += 1 + name.n) {
			name = name_at(p, at);
			add_name(&g->part[why], name);
		}
	}
	gap_free(other);
}

struct message *gap_frame(const struct gap *g, enum gap_reason why, struct budget *b)
{
	const struct gap_part *p = &g->part[why];
	struct slice topics[QUEUE_GAP_TOPICS];
	struct message *m = NULL;
	struct buf text;
	size_t n = 0;

	for (size_t at = 0; at < p->names_n; at += 1 + topics[n++].n)
		topics[n] = name_at(p, at);
	buf_init(&text);
	envelope_gap(&text, topics, n, why, p->count);
	if (!text.failed)
		m = message_new(b, buf_view(&text));
	buf_fini(&text);
	return m;
}
