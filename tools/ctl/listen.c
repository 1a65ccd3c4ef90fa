/* roomcastctl listen: what arrives on some topics, one line of JSON for each. */
#include "broker-common/topic.h"
#include "tools/ctl/client.h"
#include "tools/ctl/clock.h"
#include "tools/ctl/command.h"
#include "tools/ctl/say.h"

#include <stdio.h>
#include <stdlib.h>

#define ANSWER_MS 10000 /* for the welcome and each confirmation, where no --timeout says less */

static struct {
	bool presence, raw;
	uint64_t count, timeout_ms;
} given;

static const struct option_row options[] = {
	{ "presence", OPTION_FLAG, NULL, "be visible in the rooms and show who comes and goes",
	  &given.presence, 0 },
	{ "count", OPTION_NUMBER, "N", "end after N events (presence and gap lines do not count)",
	  &given.count, 0 },
	{ "timeout", OPTION_SECONDS, "SECS",
	  "end after that time; a failure when --count is not reached", &given.timeout_ms, 0 },
	{ "raw", OPTION_FLAG, NULL, "every frame byte for byte as it came, answers too", &given.raw,
	  0 },
	{ .name = NULL },
};

/* One TOPIC argument. */
struct wanted {
	const char *text;
	struct topic topic;
};

struct listening {
	struct client *client;
	struct wanted *wanted;
	int n_wanted, unconfirmed;
	uint64_t deadline; /* 0: none */
	uint64_t confirm_by;
	uint64_t events; /* shown */
	struct buf line;
};

enum step { GO_ON, STOP_DONE, STOP_FAILED };

static bool is_own(const char *text)
{
	return strcmp(text, "client") == 0 || strcmp(text, "user") == 0;
}

static bool topics_ok(struct wanted *wanted, int n, char **argv)
{
	for (int i = 0; i < n; i++) {
		wanted[i].text = argv[i];
		if (!is_own(argv[i]) &&
		    topic_parse(slice_of(argv[i]), &wanted[i].topic) != ERR_OK) {
			say("'%s': %s", argv[i], err_sentence(ERR_BAD_TOPIC));
			return false;
		}
	}
	return true;
}

/* `client`, `user` and topics of that kind: only one's own, which needs no request. */
static bool own_topic_ok(struct listening *l, struct wanted *w)
{
	bool user = strncmp(w->text, "user", 4) == 0;
	struct slice own = user ? client_user_topic(l->client) : client_own_topic(l->client);

	if (own.p == NULL) {
		say("%s: this connection has no user", w->text);
		return false;
	}
	if (!is_own(w->text) && !slice_is(own, w->text)) {
		say("%s: only that %s receives it; this connection is %.*s", w->text,
		    user ? "user" : "client", SLICE_ARGS(own));
		return false;
	}
	w->topic.text = own;
	return true;
}

/* The id of a request is the topic's place among the arguments. */
static void write_request(struct buf *b, int id, const struct topic *t)
{
	bool room = t->kind == TOPIC_ROOM;

	buf_printf(b, "{\"type\":\"%s\",\"id\":%d,\"%s", room ? "join" : "subscribe", id,
	           room ? "room\":" : "events\":[");
	buf_json(b, t->name);
	buf_str(b, room ? "" : "]");
	buf_str(b, room && given.presence ? ",\"presence\":true}" : "}");
}

static bool request_all(struct listening *l)
{
	for (int i = 0; i < l->n_wanted; i++) {
		struct wanted *w = &l->wanted[i];

		if (is_own(w->text) || w->topic.kind == TOPIC_USER ||
		    w->topic.kind == TOPIC_CLIENT) {
			if (!own_topic_ok(l, w))
				return false;
			continue;
		}
		if (w->topic.kind == TOPIC_ALL)
			continue;
		buf_reset(&l->line);
		write_request(&l->line, i, &w->topic);
		if (!client_send(l->client, &l->line))
			return false;
		l->unconfirmed++;
	}
	return true;
}

/* ---- frames ---- */

static enum step show(struct listening *l, struct slice frame)
{
	buf_reset(&l->line);
	say_json(&l->line, frame);
	return say_line(given.raw ? frame : buf_view(&l->line)) ? GO_ON : STOP_FAILED;
}

/* Who is there already, before the first change. */
static enum step show_members(struct listening *l, const struct wanted *w, struct slice ack)
{
	buf_reset(&l->line);
	buf_str(&l->line, "{\"type\":\"members\",\"room\":");
	buf_json(&l->line, w->topic.name);
	frame_add_fields(&l->line, ack);
	buf_char(&l->line, '}');
	return say_line(buf_view(&l->line)) ? GO_ON : STOP_FAILED;
}

static void say_listening(const struct listening *l)
{
	struct buf names;

	buf_init(&names);
	for (int i = 0; i < l->n_wanted; i++)
		buf_printf(&names, "%s%s", i == 0 ? "" : ", ", l->wanted[i].text);
	say("listening to %.*s as %.*s", SLICE_ARGS(buf_view(&names)),
	    SLICE_ARGS(client_own_topic(l->client)));
	buf_fini(&names);
}

/* The request that the frame answers, or NULL. */
static const struct wanted *answered(const struct listening *l, struct slice frame)
{
	int64_t id = frame_int(frame, "id", -1);

	return id >= 0 && id < l->n_wanted ? &l->wanted[id] : NULL;
}

/* An event type's result is in `results`: {TYPE: {}} or {TYPE: {"error": …}}. */
static bool item_refused(const struct wanted *w, struct slice ack)
{
	struct slice item = frame_field(ack, "results");
	struct slice error = { NULL, 0 };
	char name[TOPIC_NAME_MAX + 1];

	snprintf(name, sizeof(name), "%.*s", SLICE_ARGS(w->topic.name));
	if (item.p != NULL)
		item = frame_field(item, name);
	if (item.p != NULL)
		error = frame_field(item, "error");
	if (error.p == NULL)
		return false;
	frame_say_error(error, w->text);
	return true;
}

static enum step on_ack(struct listening *l, struct slice frame)
{
	const struct wanted *w = answered(l, frame);
	enum step step = GO_ON;

	if (w == NULL)
		return GO_ON;
	if (item_refused(w, frame))
		return STOP_FAILED;
	if (w->topic.kind == TOPIC_ROOM && given.presence && !given.raw)
		step = show_members(l, w, frame);
	if (--l->unconfirmed == 0)
		say_listening(l);
	return step;
}

/* One without an id is about nothing that we asked for: it is said, and no more. */
static enum step on_error(struct listening *l, struct slice frame)
{
	const struct wanted *w = answered(l, frame);

	frame_say_error(frame, w == NULL ? "the gateway" : w->text);
	return w == NULL ? GO_ON : STOP_FAILED;
}

/* Messages to `all` and to us come unasked: they are shown when they were asked for. */
static bool is_wanted(const struct listening *l, struct slice topic)
{
	for (int i = 0; i < l->n_wanted; i++) {
		if (slice_eq(l->wanted[i].topic.text, topic))
			return true;
	}
	return false;
}

static enum step on_event(struct listening *l, struct slice frame)
{
	struct slice topic = frame_field(frame, "topic");

	if (topic.p == NULL || topic.n < 2 ||
	    !is_wanted(l, (struct slice){ topic.p + 1, topic.n - 2 }))
		return GO_ON;
	if (!given.raw && show(l, frame) != GO_ON)
		return STOP_FAILED;
	return ++l->events == given.count ? STOP_DONE : GO_ON;
}

static enum step on_frame(struct listening *l, struct slice frame)
{
	if (given.raw && show(l, frame) != GO_ON)
		return STOP_FAILED;
	if (frame_is(frame, "event"))
		return on_event(l, frame);
	if (frame_is(frame, "ack"))
		return on_ack(l, frame);
	if (frame_is(frame, "error"))
		return on_error(l, frame);
	if (frame_is(frame, "reconnect"))
		say("the gateway is about to close and asks to come back in %lld ms",
		    (long long)frame_int(frame, "after_ms", 0));
	if (!given.raw && (frame_is(frame, "presence") || frame_is(frame, "gap")))
		return show(l, frame);
	return GO_ON;
}

/* ---- the command ---- */

static enum step on_timeout(const struct listening *l)
{
	if (l->unconfirmed > 0) {
		say("not all topics were confirmed in time");
		return STOP_FAILED;
	}
	if (given.count == 0)
		return STOP_DONE;
	say("the time is over with %llu of %llu events", (unsigned long long)l->events,
	    (unsigned long long)given.count);
	return STOP_FAILED;
}

static enum step next(struct listening *l)
{
	uint64_t until = l->deadline;
	struct slice frame;

	if (l->unconfirmed > 0 && (until == 0 || l->confirm_by < until))
		until = l->confirm_by;
	switch (client_next(l->client, until, &frame)) {
	case CLIENT_FRAME: return on_frame(l, frame);
	case CLIENT_ENDED: say("%s", client_why(l->client)); return STOP_FAILED;
	case CLIENT_TIMEOUT: return on_timeout(l);
	case CLIENT_INTERRUPTED: return STOP_DONE;
	}
	return STOP_FAILED;
}

static int listen_to(struct listening *l)
{
	uint64_t now = clock_ms();
	enum step step = GO_ON;

	l->confirm_by = now + ANSWER_MS;
	if (given.timeout_ms > 0)
		l->deadline = now + given.timeout_ms;
	l->client = client_open(l->deadline != 0 && l->deadline < l->confirm_by ? l->deadline
	                                                                        : l->confirm_by);
	if (l->client == NULL)
		return FAILED;
	if (!request_all(l))
		step = STOP_FAILED;
	else if (l->unconfirmed == 0)
		say_listening(l);
	while (step == GO_ON)
		step = next(l);
	client_close(l->client);
	return step == STOP_DONE ? DONE : FAILED;
}

static int run(int argc, char **argv)
{
	struct listening l = { .n_wanted = argc };
	int code = USAGE;

	l.wanted = calloc((size_t)argc, sizeof(*l.wanted));
	if (l.wanted == NULL) {
		say("out of memory");
		return FAILED;
	}
	buf_init(&l.line);
	if (topics_ok(l.wanted, argc, argv))
		code = listen_to(&l);
	buf_fini(&l.line);
	free(l.wanted);
	return code;
}

const struct command command_listen = {
	.name = "listen",
	.arguments = "TOPIC...",
	.summary = "show what arrives on topics: one line of JSON for each event",
	.about =
		"TOPIC is room:NAME (joins it), event:TYPE (subscribes to it), all, or what this connection\n"
		"receives anyway: user (its user) and client (itself); user:ID and client:ID when these are\n"
		"its own. Gaps are shown too, where messages were missed. Ends by Ctrl-C, or when the\n"
		"connection ends (exit code 1): it does not connect again.\n",
	.options = options,
	.takes = TAKES_SOCKET,
	.least_given = 1,
	.run = run,
};
