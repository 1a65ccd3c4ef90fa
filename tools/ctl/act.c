/* roomcastctl kick, disconnect, drain: send clients away. */
#include "broker-common/json.h"
#include "tools/ctl/api.h"
#include "tools/ctl/clock.h"
#include "tools/ctl/command.h"
#include "tools/ctl/endpoint.h"
#include "tools/ctl/names.h"
#include "tools/ctl/output.h"
#include "tools/ctl/say.h"
#include "tools/ctl/signals.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define WAIT_MS 300000
#define LOOK_MS 500 /* between two looks whether it is gone */

static struct {
	const char *room;
	uint64_t wait_ms;
} given;

static const struct option_row kick_options[] = {
	{ "room", OPTION_TEXT, "R", "out of that room only; the connection stays", &given.room, 0 },
	{ .name = NULL },
};

static const struct option_row drain_options[] = {
	{ "wait", OPTION_MAYBE_SECONDS, "SECS", "until the gateway is gone (300 at most)",
	  &given.wait_ms, WAIT_MS },
	{ .name = NULL },
};

/* POST to BASE + name + `verb`. */
static bool post(struct answer *a, const char *base, const char *name, const char *verb,
                 struct slice body, const char *missing)
{
	struct buf path;
	bool ok;

	buf_init(&path);
	buf_str(&path, base);
	path_add(&path, name);
	buf_str(&path, verb);
	buf_char(&path, '\0');
	ok = !path.failed && api_ask(a, path.p, body, missing);
	buf_fini(&path);
	return ok;
}

/* How many it were: 0 is a failure, as nobody was there. */
static int tell(struct slice object, const char *field, const char *what, const char *nobody)
{
	long long n = (long long)field_int(object, field, 0);
	char line[400];
	bool ok;

	if (output_json)
		ok = output_value(object);
	else if (n > 0) {
		snprintf(line, sizeof(line), "%s: %lld connection%s", what, n, n == 1 ? "" : "s");
		ok = say_line(slice_of(line));
	} else {
		say("%s", nobody);
		ok = false;
	}
	ok = api_all_answered(object) && ok;
	return ok && n > 0 ? DONE : FAILED;
}

/* ---- disconnect ---- */

static int disconnect(const char *what, const char *name)
{
	char base[32], done[300], nobody[300];
	struct answer a;
	int code = FAILED;

	snprintf(base, sizeof(base), "/v1/%ss/", what);
	snprintf(done, sizeof(done), "disconnected %s %s", what, name);
	snprintf(nobody, sizeof(nobody),
	         strcmp(what, "room") == 0 ? "nobody is in %s %s" : "no %s %s is connected", what,
	         name);
	answer_init(&a);
	if (post(&a, base, name, "/disconnect", slice_of("{}"), nobody))
		code = tell(a.object, "disconnected", done, nobody);
	answer_fini(&a);
	return code;
}

static int run_disconnect(int argc, char **argv)
{
	static const char *const kinds[] = { "client", "user", "room" };

	(void)argc;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(argv[0], kinds[i]) == 0)
			return name_ok(argv[0], argv[1]) ? disconnect(argv[0], argv[1]) : USAGE;
	}
	say("disconnect what? client, user or room, not '%s'", argv[0]);
	return USAGE;
}

/* ---- kick ---- */

static int kick_from_room(const char *client)
{
	char done[500], nobody[500];
	struct answer a;
	struct buf body;
	int code = FAILED;

	snprintf(done, sizeof(done), "kicked client %s out of room %s", client, given.room);
	snprintf(nobody, sizeof(nobody), "client %s is not in room %s", client, given.room);
	answer_init(&a);
	buf_init(&body);
	buf_str(&body, "{\"client\":");
	buf_json(&body, slice_of(client));
	buf_char(&body, '}');
	if (post(&a, "/v1/rooms/", given.room, "/kick", buf_view(&body), nobody))
		code = tell(a.object, "kicked", done, nobody);
	buf_fini(&body);
	answer_fini(&a);
	return code;
}

static int run_kick(int argc, char **argv)
{
	(void)argc;
	if (!name_ok("client", argv[0]) || (given.room != NULL && !name_ok("room", given.room)))
		return USAGE;
	return given.room == NULL ? disconnect("client", argv[0]) : kick_from_room(argv[0]);
}

/* ---- drain ---- */

enum presence { GONE, THERE, UNKNOWN };

static bool named(struct slice list, const char *node)
{
	struct slice element;

	for (size_t at = 0; json_next_element(list, &at, &element);) {
		if (json_type_of(element) == JSON_STRING
		            ? json_text_is((struct slice){ element.p + 1, element.n - 2 }, node)
		            : field_is(element, "node", node))
			return true;
	}
	return false;
}

/* When it is the one that we ask, nobody answers any more at its end. */
static enum presence look(const char *node, bool self)
{
	enum presence found = UNKNOWN;
	struct answer a;

	answer_init(&a);
	if (api_ask(&a, "/v1/nodes", (struct slice){ NULL, 0 }, NULL)) {
		bool there = named(field_get(a.object, "nodes"), node) ||
			named(field_get(a.object, "unanswered"), node);

		found = there ? THERE : GONE;
	} else if (a.status == 0 && self) {
		found = GONE;
	}
	answer_fini(&a);
	return found;
}

static bool is_self(const char *node)
{
	struct slice list, element;
	struct answer a;
	bool self = false;

	answer_init(&a);
	if (api_ask(&a, "/v1/nodes", (struct slice){ NULL, 0 }, NULL)) {
		list = field_get(a.object, "nodes");
		for (size_t at = 0; json_next_element(list, &at, &element);)
			self = self ||
				(field_is(element, "node", node) && field_true(element, "self"));
	}
	answer_fini(&a);
	return self;
}

static int wait_until_gone(const char *node, bool self)
{
	uint64_t deadline = clock_ms() + given.wait_ms;
	struct pollfd p = { .fd = signals_fd(), .events = POLLIN };
	char line[64];

	snprintf(line, sizeof(line), "node %s is gone", node);
	while (!signals_caught()) {
		if (look(node, self) == GONE && !signals_caught())
			return output_json || say_line(slice_of(line)) ? DONE : FAILED;
		if (clock_ms() >= deadline) {
			say("node %s is still there after %g s", node,
			    (double)given.wait_ms / 1000);
			return FAILED;
		}
		poll(&p, 1, LOOK_MS);
	}
	say("interrupted; node %s goes on draining", node);
	return FAILED;
}

static int run_drain(int argc, char **argv)
{
	char missing[64], line[64];
	struct answer a;
	bool ok, self;

	(void)argc;
	if (!node_ok(argv[0]))
		return USAGE;
	snprintf(missing, sizeof(missing), "there is no node %s", argv[0]);
	snprintf(line, sizeof(line), "node %s is draining", argv[0]);
	self = given.wait_ms > 0 && is_self(argv[0]);
	answer_init(&a);
	ok = post(&a, "/v1/nodes/", argv[0], "/drain", slice_of("{}"), missing) &&
		(output_json ? output_value(a.object) : say_line(slice_of(line)));
	answer_fini(&a);
	if (!ok)
		return FAILED;
	return given.wait_ms == 0 ? DONE : wait_until_gone(argv[0], self);
}

const struct command command_kick = {
	.name = "kick",
	.arguments = "CLIENT",
	.summary = "disconnect a client (4003), or put it out of one room",
	.about =
		"The key needs the scope admin. Out of a room, it may join again unless it is forbidden to.\n",
	.options = kick_options,
	.takes = TAKES_ENDPOINT | TAKES_JSON,
	.least_given = 1,
	.most_given = 1,
	.run = run_kick,
};

const struct command command_disconnect = {
	.name = "disconnect",
	.arguments = "client|user|room NAME",
	.summary = "disconnect a client, a user everywhere, or all members of a room",
	.about = "The key needs the scope admin. Nobody there is a failure (exit code 1).\n",
	.takes = TAKES_ENDPOINT | TAKES_JSON,
	.least_given = 2,
	.most_given = 2,
	.words = "client user room",
	.run = run_disconnect,
};

const struct command command_drain = {
	.name = "drain",
	.arguments = "NODE",
	.summary = "send a gateway's clients elsewhere and end it, as SIGTERM does",
	.about = "The key needs the scope admin. Whoever runs the gateway may start it again.\n",
	.options = drain_options,
	.takes = TAKES_ENDPOINT | TAKES_JSON,
	.least_given = 1,
	.most_given = 1,
	.run = run_drain,
};
