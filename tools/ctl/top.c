/* roomcastctl top: the cluster on one screen, anew every second. */
#include "tools/ctl/top.h"
#include "tools/ctl/clock.h"
#include "tools/ctl/command.h"
#include "tools/ctl/endpoint.h"
#include "tools/ctl/http.h"
#include "tools/ctl/say.h"
#include "tools/ctl/table.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ROUND_MS 1000

static const struct {
	const char *path, *list; /* NULL: no list */
} asked[TOP_PARTS] = {
	[TOP_STATS] = { "/v1/stats", NULL },
	[TOP_NODES] = { "/v1/nodes", "nodes" },
	[TOP_ROOMS] = { "/v1/rooms?limit=1000", "rooms" },
	[TOP_CLIENTS] = { "/v1/clients?limit=1000", "clients" },
};

/* One round: all parts are asked at once. */
struct round {
	struct http *http;
	struct http_call *calls[TOP_PARTS];
	uint64_t next; /* when it is due */
	bool under_way;
};

static struct pages *pages_of(struct top *t, enum top_part part)
{
	return part == TOP_NODES      ? &t->nodes
		: part == TOP_ROOMS   ? &t->rooms
		: part == TOP_CLIENTS ? &t->clients
				      : NULL;
}

static void begin(struct round *r, struct top *t)
{
	r->under_way = true;
	r->next = clock_ms() + ROUND_MS;
	for (size_t i = 0; i < TOP_PARTS; i++) {
		r->calls[i] = http_start(r->http, asked[i].path, (struct slice){ NULL, 0 });
		if (r->calls[i] == NULL)
			snprintf(t->trouble, sizeof(t->trouble), "out of memory");
	}
}

static void end(struct round *r)
{
	for (size_t i = 0; i < TOP_PARTS; i++) {
		http_free(r->calls[i]);
		r->calls[i] = NULL;
	}
	r->under_way = false;
}

/* Keep a part's new answer, or what stood in its way. */
static bool take(struct top *t, enum top_part part, const struct http_call *c)
{
	char why[sizeof(t->trouble) - 32];
	struct answer new;

	answer_init(&new);
	buf_slice(&new.text, http_body(c));
	if (http_status(c) == 0)
		snprintf(why, sizeof(why), "%s", http_why(c));
	else if (!new.text.failed &&
	         api_read(buf_view(&new.text), http_status(c), &new.object, why, sizeof(why))) {
		answer_fini(&t->parts[part]);
		t->parts[part] = new;
		return true;
	}
	answer_fini(&new);
	if (t->trouble[0] == '\0')
		snprintf(t->trouble, sizeof(t->trouble), "trying again: %s", why);
	return false;
}

static void index_list(struct top *t, enum top_part part)
{
	struct pages *p = pages_of(t, part);
	struct slice object = t->parts[part].object, list;

	if (p == NULL)
		return;
	list = field_get(object, asked[part].list);
	pages_fini(p);
	*p = (struct pages){ .cut = field_get(object, "next").p != NULL };
	pages_take(p, list); /* without memory it is shorter, and says so */
}

static void finish(struct round *r, struct top *t)
{
	t->trouble[0] = '\0';
	for (size_t i = 0; i < TOP_PARTS; i++) {
		if (r->calls[i] == NULL || !take(t, (enum top_part)i, r->calls[i]))
			continue;
		index_list(t, (enum top_part)i);
		if (i == TOP_STATS)
			rates_take(&t->rates, t->parts[i].object, clock_ms());
	}
	end(r);
	top_sort(t);
}

static bool all_done(const struct round *r)
{
	for (size_t i = 0; i < TOP_PARTS; i++) {
		if (r->calls[i] != NULL && !http_is_done(r->calls[i]))
			return false;
	}
	return true;
}

/* False: quit. */
static bool on_keys(struct top *t)
{
	enum top_key key;

	while ((key = screen_key(t)) != KEY_NONE) {
		if (key == KEY_QUIT)
			return false;
	}
	screen_draw(t);
	return true;
}

static void watch(struct round *r, struct top *t)
{
	for (;;) {
		uint64_t now = clock_ms();

		if (!r->under_way && !t->paused && now >= r->next)
			begin(r, t);
		switch (http_turn(r->http, STDIN_FILENO,
		                  r->under_way || t->paused ? now + ROUND_MS : r->next)) {
		case HTTP_INTERRUPTED: return;
		case HTTP_READABLE:
			if (!on_keys(t))
				return;
			break;
		case HTTP_FINISHED:
			if (!all_done(r))
				break;
			finish(r, t);
			screen_draw(t);
			break;
		case HTTP_TIMEOUT:
			if (!on_keys(t)) /* a resize is a key, but nothing to read */
				return;
			break;
		}
	}
}

static void top_fini(struct top *t)
{
	for (size_t i = 0; i < TOP_PARTS; i++) {
		struct pages *p = pages_of(t, (enum top_part)i);

		if (p != NULL)
			pages_fini(p);
		answer_fini(&t->parts[i]);
	}
	rates_fini(&t->rates);
}

static int run(int argc, char **argv)
{
	struct round r = { .http = http_open(endpoint_get()) };
	struct top t = { .order = ORDER_BYTES };
	int code = FAILED;

	(void)argc;
	(void)argv;
	for (size_t i = 0; i < TOP_PARTS; i++)
		answer_init(&t.parts[i]);
	if (r.http == NULL) {
		say("out of memory");
	} else if (screen_open()) {
		screen_draw(&t);
		watch(&r, &t);
		screen_close();
		code = DONE;
	}
	end(&r);
	http_close(r.http);
	top_fini(&t);
	return code;
}

const struct command command_top = {
	.name = "top",
	.arguments = "",
	.summary = "a live screen: rates, nodes, busiest rooms, slowest clients",
	.about = "Keys: q quit, s sort the clients otherwise, p pause, ? help.\n",
	.takes = TAKES_ENDPOINT,
	.most_given = -1,
	.run = run,
};
