/*
 * The list of rooms: pages of the registry, until enough of them match.
 */
#include "gateway/core/glob.h"
#include "gateway/core/inquiry.h"

#include <assert.h>

#define SCAN_PAGE 1000u /* names looked at in one step, when only some may match */
#define SCANS_MOST 32u  /* for one answer: who wants more asks again behind `next` */

/* Topics in one step. One more than is wanted, to know whether that is all. */
static size_t page_size(const struct inquiry *q)
{
	return q->other.p == NULL ? q->limit + 1 : SCAN_PAGE;
}

static const char room_prefix[] = "room:";

static struct slice room_topic(struct slice name, char out[TOPIC_MAX])
{
	size_t n = sizeof room_prefix - 1;

	memcpy(out, room_prefix, n);
	if (name.n > 0)
		memcpy(out + n, name.p, name.n);
	return (struct slice){ out, n + name.n };
}

static void on_page(void *ctx, enum err e, const struct tier_name *names, size_t n);

static enum err scan(struct inquiry *q, struct slice after)
{
	char prefix[TOPIC_MAX], behind[TOPIC_MAX];
	struct slice begin = room_topic(q->name, prefix);

	if (after.p != NULL)
		after = room_topic(after, behind);
	q->rounds++;
	return q->hub->tier->ops->topics(q->hub->tier, begin, after, page_size(q), on_page, q);
}

static void write_room(struct inquiry *q, struct slice name, const struct tier_name *t)
{
	buf_str(&q->out, q->n++ == 0 ? "{\"name\":" : ",{\"name\":");
	buf_json(&q->out, name);
	buf_str(&q->out, ",\"members\":");
	buf_u64(&q->out, t->connections);
	buf_str(&q->out, ",\"gateways\":");
	buf_u64(&q->out, t->gateways);
	buf_char(&q->out, '}');
}

/* `next`: where the next page begins, or NULL. */
static void finish(struct inquiry *q, struct slice next)
{
	buf_char(&q->out, ']');
	if (next.p != NULL) {
		buf_str(&q->out, ",\"next\":");
		buf_json(&q->out, next);
	}
	buf_char(&q->out, '}');
	inquiry_end(q, ERR_OK);
}

static void on_page(void *ctx, enum err e, const struct tier_name *names, size_t n)
{
	struct inquiry *q = ctx;
	struct slice last = { NULL, 0 };

	for (size_t i = 0; e == ERR_OK && i < n; i++) {
		struct slice name = { names[i].name.p + sizeof room_prefix - 1,
			              names[i].name.n - (sizeof room_prefix - 1) };

		if (q->other.p == NULL || glob_match(q->other, name)) {
			if (q->n == q->limit) {
				finish(q, last);
				return;
			}
			write_room(q, name, &names[i]);
		}
		last = name;
	}
	if (e != ERR_OK)
		inquiry_end(q, e);
	else if (n < page_size(q))
		finish(q, (struct slice){ NULL, 0 });
	else if (q->rounds == SCANS_MOST)
		finish(q, last);
	else if ((e = scan(q, last)) != ERR_OK)
		inquiry_end(q, e);
}

enum err inspect_rooms(struct hub *h, struct slice prefix, struct slice glob, struct slice after,
                       size_t limit, inspect_done *done, void *ctx)
{
	struct slice begin = glob.p == NULL ? prefix : glob_head(glob);
	enum err e;
	struct inquiry *q;

	assert(limit >= 1 && limit <= INSPECT_LIMIT_MAX && (prefix.p == NULL || glob.p == NULL));
	if (begin.n > TOPIC_NAME_MAX || after.n > TOPIC_NAME_MAX)
		return ERR_TOO_BIG;
	q = inquiry_new(h, begin, glob, after, done, ctx, &e);
	if (q == NULL)
		return e;
	q->limit = limit;
	buf_str(&q->out, "{\"rooms\":[");
	e = scan(q, q->after);
	if (e != ERR_OK)
		inquiry_free(q);
	return e;
}
