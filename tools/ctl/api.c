#include "tools/ctl/api.h"

#include "broker-common/json.h"
#include "tools/ctl/clock.h"
#include "tools/ctl/http.h"
#include "tools/ctl/say.h"
#include "tools/ctl/table.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGE_MOST 1000  /* that the API gives at once */
#define ANSWER_DEPTH 40 /* more than any answer has */
#define WHY_BYTES 1024
#define EMPTY_PAGES_MOST 100 /* in a row: their cursors go nowhere */

static struct http *http; /* opened when it is first needed, and kept: one connection for all */

void api_close(void)
{
	http_close(http);
	http = NULL;
}

/* ---- paths ---- */

void path_add(struct buf *path, const char *name)
{
	for (; *name != '\0'; name++) {
		unsigned char c = (unsigned char)*name;

		buf_printf(path, isalnum(c) || strchr("-_.~", c) != NULL ? "%c" : "%%%02X", c);
	}
}

void query_add(struct buf *path, const char *name, const char *value)
{
	bool first = path->n == 0 || memchr(path->p, '?', path->n) == NULL;

	buf_printf(path, "%c%s=", first ? '?' : '&', name);
	path_add(path, value);
}

/* ---- answers ---- */

void answer_init(struct answer *a)
{
	*a = (struct answer){ .status = 0 };
	buf_init(&a->text);
}

void answer_fini(struct answer *a)
{
	buf_fini(&a->text);
}

static const char *hint(int status)
{
	switch (status) {
	case 401: return " (give a key: --key-file, ROOMCAST_KEY or ctl.conf)";
	case 403: return " (is the key's scope enough? without keys only loopback is served)";
	case 404: return " (is this a gateway's admin_listen, and its version this tool's?)";
	case 429: return " (try again in a moment)";
	default: return "";
	}
}

static void explain_error(struct slice object, int status, char *why, size_t why_bytes)
{
	struct buf text;

	buf_init(&text);
	field_text(&text, object, "error.name");
	buf_str(&text, ": ");
	field_text(&text, object, "error.message");
	snprintf(why, why_bytes, "%.*s%s", SLICE_ARGS(buf_view(&text)),
	         field_is(object, "error.name", "gone") ? "" : hint(status));
	buf_fini(&text);
}

bool api_read(struct slice text, int status, struct slice *object, char *why, size_t why_bytes)
{
	static const struct json_limits limits = { .depth = ANSWER_DEPTH, .keys = 1u << 20 };
	bool ok = json_check(text, &limits, NULL) == JSON_OBJECT;
	bool good = status >= 200 && status < 300;

	*object = text;
	if (ok && good && field_get(text, "error").p == NULL)
		return true;
	if (ok && field_get(text, "error").p != NULL)
		explain_error(text, status, why, why_bytes);
	else if (good)
		snprintf(why, why_bytes,
		         "answers with something that is no JSON object: not a gateway?");
	else
		snprintf(why, why_bytes, "answers with HTTP status %d%s", status, hint(status));
	return false;
}

static void say_unreached(const struct http_call *c)
{
	say("%s: %s%s", endpoint_get()->url, http_why(c),
	    http_not_reached(c) ? " (is a gateway running there? --endpoint names its admin_listen)"
	                        : "");
}

/* Run one call to its end. */
static bool finish(struct http_call *c)
{
	/* its own limit comes first; this one is for a library that forgot it */
	uint64_t deadline = clock_ms() + endpoint_get()->timeout_ms + 5000;

	while (!http_is_done(c)) {
		switch (http_turn(http, -1, deadline)) {
		case HTTP_INTERRUPTED: say("interrupted"); return false;
		case HTTP_TIMEOUT: say("%s: no answer in time", endpoint_get()->url); return false;
		default: break;
		}
	}
	if (http_status(c) == 0)
		say_unreached(c);
	return http_status(c) != 0;
}

static bool read_answer(struct answer *a, const struct http_call *c, const char *missing)
{
	char why[WHY_BYTES];

	a->status = http_status(c);
	buf_slice(&a->text, http_body(c));
	if (a->text.failed) {
		say("out of memory");
		return false;
	}
	if (api_read(buf_view(&a->text), a->status, &a->object, why, sizeof(why)))
		return true;
	if (missing != NULL && a->status == 404 && field_is(a->object, "error.name", "gone"))
		say("%s", missing);
	else
		say("%s: %s", endpoint_get()->url, why);
	return false;
}

bool api_ask(struct answer *a, const char *path, struct slice body, const char *missing)
{
	struct http_call *c = NULL;
	bool ok;

	if (http == NULL)
		http = http_open(endpoint_get());
	if (http != NULL)
		c = http_start(http, path, body);
	if (c == NULL) {
		say("out of memory");
		return false;
	}
	ok = finish(c) && read_answer(a, c, missing);
	http_free(c);
	return ok;
}

bool api_all_answered(struct slice object)
{
	struct slice list = field_get(object, "unanswered"), element;
	struct buf names;
	size_t n = 0;

	if (list.p == NULL)
		return true;
	for (size_t at = 0; json_next_element(list, &at, &element);)
		n++;
	if (n == 0)
		return true;
	buf_init(&names);
	shape_write(&names, list, SHAPE_TEXT);
	say("incomplete: no answer from %.*s; what only %s know%s is missing",
	    SLICE_ARGS(buf_view(&names)), n == 1 ? "it" : "they", n == 1 ? "s" : "");
	buf_fini(&names);
	return false;
}

/* ---- pages ---- */

static bool keep(struct pages *p, struct slice item)
{
	if (p->n == p->cap) {
		size_t cap = p->cap == 0 ? PAGE_MOST : p->cap * 2;
		struct slice *items = realloc(p->items, cap * sizeof(*items));

		if (items == NULL)
			return false;
		p->items = items;
		p->cap = cap;
	}
	p->items[p->n++] = item;
	return true;
}

bool pages_take(struct pages *p, struct slice list)
{
	struct slice element;

	for (size_t at = 0; json_next_element(list, &at, &element);) {
		if (!keep(p, element)) {
			say("out of memory");
			return false;
		}
	}
	return true;
}

static struct answer *new_page(struct pages *p)
{
	struct answer *answers = realloc(p->answers, (p->n_answers + 1) * sizeof(*answers));

	if (answers == NULL)
		return NULL;
	p->answers = answers;
	answer_init(&answers[p->n_answers]);
	return &answers[p->n_answers++];
}

/* The page behind `after` (or the first); `after` becomes the next cursor, "" at the end. */
static bool one_page(struct pages *p, const char *base, const char *name, uint64_t limit,
                     struct buf *after, const char *missing)
{
	uint64_t most = limit - p->n < PAGE_MOST ? limit - p->n : PAGE_MOST;
	struct answer *a = new_page(p);
	struct slice list;
	char number[24];
	struct buf path;
	bool ok;

	if (a == NULL)
		goto no_memory;
	buf_init(&path);
	buf_str(&path, base);
	snprintf(number, sizeof(number), "%llu", (unsigned long long)most);
	query_add(&path, "limit", number);
	if (after->n > 0)
		query_add(&path, "after", after->p);
	buf_char(&path, '\0');
	ok = !path.failed && api_ask(a, path.p, (struct slice){ NULL, 0 }, missing);
	buf_fini(&path);
	if (!ok)
		return false;
	list = field_get(a->object, name);
	if (list.p == NULL || json_type_of(list) != JSON_ARRAY) {
		say("%s: the answer has no list of %s: another version?", endpoint_get()->url,
		    name);
		return false;
	}
	return pages_take(p, list);

no_memory:
	say("out of memory");
	return false;
}

/* The cursor of the last page into `after`; false when it does not move. */
static bool step(const struct pages *p, struct buf *after)
{
	struct slice object = p->answers[p->n_answers - 1].object;
	struct buf next;
	bool moved;

	buf_init(&next);
	field_text(&next, object, "next");
	buf_char(&next, '\0');
	moved = next.n == 1 || after->n != next.n || memcmp(after->p, next.p, next.n) != 0;
	buf_reset(after);
	if (next.n > 1)
		buf_slice(after, buf_view(&next));
	buf_fini(&next);
	return moved;
}

bool api_pages(struct pages *p, const char *path, const char *name, uint64_t limit,
               const char *missing)
{
	size_t empty = 0;
	struct buf after;
	bool ok, more;

	*p = (struct pages){ .n = 0 };
	buf_init(&after);
	do {
		size_t had = p->n;

		ok = one_page(p, path, name, limit, &after, missing);
		if (!ok)
			break;
		empty = p->n == had ? empty + 1 : 0;
		if (!step(p, &after) || empty > EMPTY_PAGES_MOST) {
			say("%s: its list of %s does not end", endpoint_get()->url, name);
			ok = false;
		}
		more = after.n > 0;
		p->cut = more && p->n >= limit;
	} while (ok && more && !p->cut);
	buf_fini(&after);
	if (!ok) {
		pages_fini(p);
		*p = (struct pages){ .n = 0 };
	}
	return ok;
}

void pages_fini(struct pages *p)
{
	for (size_t i = 0; i < p->n_answers; i++)
		answer_fini(&p->answers[i]);
	free(p->answers);
	free(p->items);
}
