#include "gateway/core/grants.h"

#include <stdlib.h>

enum form { FORM_EXACT, FORM_PREFIX, FORM_PATTERN };

struct rule {
	uint8_t can;  /* GRANT_BIT()s */
	uint8_t form; /* of the pattern */
	uint8_t n;
	uint32_t at; /* in the text */
};

struct grants {
	uint32_t first[TOPIC_KINDS + 1]; /* rules of a kind: from here to the next kind's */
	struct rule *rules;
	char *text; /* in the same allocation */
};

/* A star at the end alone is the usual pattern, and cheap. */
static struct rule compile(const struct token_rule *r, uint32_t at)
{
	const char *star = r->pattern.n == 0 ? NULL : memchr(r->pattern.p, '*', r->pattern.n);
	struct rule out = { .can = (uint8_t)r->can, .n = (uint8_t)r->pattern.n, .at = at };

	if (star == NULL) {
		out.form = FORM_EXACT;
	} else if (star == r->pattern.p + r->pattern.n - 1) {
		out.form = FORM_PREFIX;
		out.n--;
	} else {
		out.form = FORM_PATTERN;
	}
	return out;
}

struct grants *grants_new(const struct token *t)
{
	size_t bytes = 0;
	struct grants *g;
	uint32_t n = 0, at = 0;

	for (uint32_t i = 0; i < t->n_rules; i++)
		bytes += t->rules[i].pattern.n;
	g = malloc(sizeof *g + t->n_rules * sizeof *g->rules + bytes);
	if (g == NULL)
		return NULL;
	g->rules = (struct rule *)(g + 1);
	g->text = (char *)(g->rules + t->n_rules);
	for (enum topic_kind k = 0; k < TOPIC_KINDS; k++) {
		g->first[k] = n;
		for (uint32_t i = 0; i < t->n_rules; i++) {
			const struct token_rule *r = &t->rules[i];

			if (r->kind != k)
				continue;
			g->rules[n++] = compile(r, at);
			memcpy(g->text + at, r->pattern.p, r->pattern.n);
			at += (uint32_t)r->pattern.n;
		}
	}
	g->first[TOPIC_KINDS] = n;
	return g;
}

void grants_free(struct grants *g)
{
	free(g);
}

static bool fits(const struct grants *g, const struct rule *r, struct slice name)
{
	struct slice pattern = { g->text + r->at, r->n };

	switch ((enum form)r->form) {
	case FORM_EXACT: return slice_eq(pattern, name);
	case FORM_PREFIX: return slice_starts(name, pattern);
	case FORM_PATTERN: break;
	}
	return topic_match(pattern, name);
}

bool grants_allow(const struct grants *g, enum grant what, const struct topic *t)
{
	for (uint32_t i = g->first[t->kind]; i < g->first[t->kind + 1]; i++)
		if ((g->rules[i].can & GRANT_BIT(what)) != 0 && fits(g, &g->rules[i], t->name))
			return true;
	return false;
}
