/* roomcastctl publish: one message, and whether it was taken. */
#include "tools/ctl/publish.h"
#include "broker-common/json.h"
#include "broker-common/topic.h"
#include "tools/ctl/client.h"
#include "tools/ctl/clock.h"
#include "tools/ctl/command.h"
#include "tools/ctl/endpoint.h"
#include "tools/ctl/say.h"

#include <errno.h>
#include <stdio.h>

static struct {
	const char *key, *once, *priority;
	bool json;
	uint64_t timeout_ms;
} given = { .timeout_ms = 10000 };

static const struct option_row options[] = {
	{ "once", OPTION_TEXT, "K", "idempotency key: the same key within 5 minutes is sent once",
	  &given.once, 0 },
	{ "key", OPTION_TEXT, "K", "the same as --once; with --endpoint it is the API key",
	  &given.key, 0 },
	{ "priority", OPTION_TEXT, "P",
	  "high, normal or low: low is dropped first when queues are short", &given.priority, 0 },
	{ "json", OPTION_FLAG, NULL, "say what became of it as JSON", &given.json, 0 },
	{ "timeout", OPTION_SECONDS, "SECS", "how long all of it may take (10)", &given.timeout_ms,
	  0 },
	{ .name = NULL },
};

/* ---- what was given ---- */

static bool read_stdin(struct buf *b)
{
	char chunk[65536];
	size_t n;

	while ((n = fread(chunk, 1, sizeof(chunk), stdin)) > 0)
		buf_add(b, chunk, n);
	if (ferror(stdin)) {
		say("cannot read standard input: %s", strerror(errno));
		return false;
	}
	if (b->failed) {
		say("what standard input holds is larger than any gateway takes");
		return false;
	}
	return true;
}

static bool priority_ok(const char *priority)
{
	static const char *const known[] = { "high", "normal", "low" };

	for (size_t i = 0; priority != NULL && i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(priority, known[i]) == 0)
			return true;
	}
	if (priority != NULL)
		say("--priority must be high, normal or low, not '%s'", priority);
	return priority == NULL;
}

/* TOPIC EVENT_TYPE JSON, or event:TYPE JSON. */
static bool outgoing_read(struct outgoing *m, int argc, char **argv, struct buf *input)
{
	const char *payload = argv[argc - 1];
	const char *why;

	if (topic_parse(slice_of(argv[0]), &m->topic) != ERR_OK) {
		say("'%s': %s", argv[0], err_sentence(ERR_BAD_TOPIC));
		return false;
	}
	m->event_type = argc == 3 ? slice_of(argv[1]) : m->topic.name;
	if (argc == 2 && m->topic.kind != TOPIC_EVENT) {
		say("EVENT_TYPE may be left out for event: topics only");
		return false;
	}
	if (!topic_name_ok(m->event_type)) {
		say("EVENT_TYPE must be 1 to 200 of A-Z a-z 0-9 _ - = @ , . ; :, not '%s'",
		    argv[1]);
		return false;
	}
	m->payload = slice_of(payload);
	if (strcmp(payload, "-") == 0) {
		if (!read_stdin(input))
			return false;
		m->payload = buf_view(input);
	}
	if (json_check(m->payload, &json_default_limits, &why) != JSON_INVALID)
		return true;
	say("the payload is not valid JSON: %s", why);
	return false;
}

/* ---- sending ---- */

static void add_text(struct buf *b, const char *name, struct slice value)
{
	buf_printf(b, ",\"%s\":", name);
	buf_json(b, value);
}

void outgoing_write(struct buf *b, const struct outgoing *m)
{
	add_text(b, "topic", m->topic.text);
	add_text(b, "event_type", m->event_type);
	if (m->once != NULL)
		add_text(b, "key", slice_of(m->once));
	if (m->priority != NULL)
		add_text(b, "priority", slice_of(m->priority));
	buf_str(b, ",\"payload\":");
	buf_slice(b, m->payload);
}

static void frame_write(struct buf *b, const struct outgoing *m)
{
	buf_str(b, "{\"type\":\"publish\",\"id\":1");
	outgoing_write(b, m);
	buf_char(b, '}');
}

bool outgoing_say_done(const struct outgoing *m, struct slice ack, bool json)
{
	bool duplicate = json_type_of(frame_field(ack, "duplicate")) == JSON_TRUE;
	struct buf line;
	bool said;

	buf_init(&line);
	if (json) {
		buf_str(&line, "{\"topic\":");
		buf_json(&line, m->topic.text);
		add_text(&line, "event_type", m->event_type);
		frame_add_fields(&line, ack);
		buf_char(&line, '}');
	} else {
		buf_printf(&line, "published to %.*s%s", SLICE_ARGS(m->topic.text),
		           duplicate ? " (already before, with the same key: not sent again)" : "");
	}
	said = say_line(buf_view(&line));
	buf_fini(&line);
	return said;
}

/* Other frames come too: a publisher is a client like any other. */
static int await_ack(struct client *c, const struct outgoing *m, uint64_t deadline)
{
	static const char maybe[] =
		"the message may have been sent (repeat it with the same --once)";
	char about[TOPIC_MAX + 1];
	struct slice frame;

	snprintf(about, sizeof(about), "%.*s", SLICE_ARGS(m->topic.text));
	for (;;) {
		switch (client_next(c, deadline, &frame)) {
		case CLIENT_ENDED: say("%s; %s", client_why(c), maybe); return FAILED;
		case CLIENT_TIMEOUT: say("no answer in time; %s", maybe); return FAILED;
		case CLIENT_INTERRUPTED: say("interrupted; %s", maybe); return FAILED;
		case CLIENT_FRAME: break;
		}
		if (frame_is(frame, "error")) {
			frame_say_error(frame, about);
			return FAILED;
		}
		if (frame_is(frame, "ack") && frame_int(frame, "id", 0) == 1)
			return outgoing_say_done(m, frame, given.json) ? DONE : FAILED;
	}
}

static int send_and_wait(const struct outgoing *m, uint64_t deadline)
{
	struct client *c = client_open(deadline);
	struct buf frame;
	int code = FAILED;

	if (c == NULL)
		return FAILED;
	buf_init(&frame);
	frame_write(&frame, m);
	/* The gateway would cut the connection in the middle of it. */
	if (frame.n > client_max_message_bytes(c))
		say("%s: the message has %zu bytes, this gateway takes %llu", err_name(ERR_TOO_BIG),
		    frame.n, (unsigned long long)client_max_message_bytes(c));
	else if (client_send(c, &frame))
		code = await_ack(c, m, deadline);
	buf_fini(&frame);
	client_close(c);
	return code;
}

/* Whose --key it is. With an endpoint it goes with that, as for every other command. */
static bool choose_keys(struct outgoing *m, bool http)
{
	m->once = given.once;
	if (http) {
		endpoint_use_timeout(given.timeout_ms);
		return given.key == NULL || endpoint_use_key(given.key);
	}
	if (given.once != NULL && given.key != NULL) {
		say("either --once or --key: both are the idempotency key here");
		return false;
	}
	if (m->once == NULL)
		m->once = given.key;
	return true;
}

static int run(int argc, char **argv)
{
	struct outgoing m = { .priority = given.priority };
	bool http = endpoint_is_given();
	struct buf input;
	int code = USAGE;

	buf_init(&input);
	if (choose_keys(&m, http) && priority_ok(given.priority) &&
	    outgoing_read(&m, argc, argv, &input))
		code = http ? publish_over_http(&m, given.json)
			    : send_and_wait(&m, clock_ms() + given.timeout_ms);
	buf_fini(&input);
	return code;
}

const struct command command_publish = {
	.name = "publish",
	.arguments = "TOPIC EVENT_TYPE JSON",
	.summary = "publish one message and wait until the gateway has taken it",
	.about =
		"TOPIC is room:NAME, event:TYPE, user:ID, client:ID or all. For event:TYPE the\n"
		"EVENT_TYPE may be left out. JSON is any JSON value; - reads it from standard input.\n"
		"\n"
		"It goes over a WebSocket (--url, --token), as a client's messages do. With --endpoint or\n"
		"--key-file it goes to the HTTP API instead, as a backend's do, and --key is the API key;\n"
		"ROOMCAST_ENDPOINT and ctl.conf alone do not change the road.\n",
	.options = options,
	.takes = TAKES_SOCKET | TAKES_ENDPOINT,
	.least_given = 2,
	.most_given = 3,
	.run = run,
};
