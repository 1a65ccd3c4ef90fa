#include "tools/ctl/client.h"

#include "broker-common/json.h"
#include "broker-common/topic.h"
#include "tools/ctl/clock.h"
#include "tools/ctl/say.h"
#include "tools/ctl/wsclient.h"

#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_URL "ws://127.0.0.1:8000/v1/ws"
#define SILENCE_MS 30000 /* before we ask, when the gateway does not ping by itself */
#define ANSWER_MS 10000  /* for the answer, where the welcome does not say */
#define FRAME_DEPTH 40   /* more than any gateway lets pass */

struct client {
	struct wsclient *ws;
	char own[TOPIC_MAX + 1], user[TOPIC_MAX + 1]; /* topics; "" */
	uint64_t max_message_bytes;
	uint64_t ping_after_ms, gone_after_ms; /* of silence */
	uint64_t heard;                        /* when something came last */
	bool asked;                            /* a ping is under way */
	char why[256];                         /* when it is not wsclient's to say */
};

static struct {
	const char *url, *token, *user;
	struct url parsed;
} given;

bool client_insecure;

const struct option_row client_options[] = {
	{ "url", OPTION_TEXT, "URL", "the gateway; else ROOMCAST_URL, else " DEFAULT_URL,
	  &given.url, 0 },
	{ "token", OPTION_TEXT, "T", "who we are; else ROOMCAST_TOKEN (others can see arguments)",
	  &given.token, 0 },
	{ "user", OPTION_TEXT, "ID", "be this user, where the gateway allows that without a token",
	  &given.user, 0 },
	{ "insecure", OPTION_FLAG, NULL,
	  "wss: take any certificate (SSL_CERT_FILE names a CA to trust)", &client_insecure, 0 },
	{ .name = NULL },
};

static const char *from_environment(const char *name)
{
	const char *value = getenv(name);

	return value == NULL || value[0] == '\0' ? NULL : value;
}

/* It becomes part of a header. */
static bool token_ok(const char *token)
{
	for (; token != NULL && *token != '\0'; token++) {
		if ((unsigned char)*token <= ' ' || (unsigned char)*token >= 0x7f) {
			say("the token holds a character that no token has (blank, line break, …)");
			return false;
		}
	}
	return true;
}

bool client_options_ok(void)
{
	char why[512];

	if (given.url == NULL)
		given.url = from_environment("ROOMCAST_URL");
	if (given.url == NULL)
		given.url = DEFAULT_URL;
	if (given.token == NULL)
		given.token = from_environment("ROOMCAST_TOKEN");
	if (!url_parse(given.url, &given.parsed, why, sizeof(why))) {
		say("%s", why);
		return false;
	}
	if (given.user != NULL && !topic_name_ok(slice_of(given.user))) {
		say("--user must be 1 to 200 of A-Z a-z 0-9 _ - = @ , . ; :");
		return false;
	}
	if (given.user != NULL && !url_add(&given.parsed, "user", given.user)) {
		say("the URL is too long");
		return false;
	}
	return token_ok(given.token);
}

/* ---- frames ---- */

struct slice frame_field(struct slice frame, const char *name)
{
	struct slice key, value;

	for (size_t at = 0; json_next_member(frame, &at, &key, &value);) {
		if (json_text_is(key, name))
			return value;
	}
	return (struct slice){ NULL, 0 };
}

struct slice frame_text(struct slice frame, const char *name)
{
	struct slice value = frame_field(frame, name), text;

	if (value.p == NULL || json_type_of(value) != JSON_STRING || !json_unescape(value, &text))
		return slice_of("");
	return text;
}

int64_t frame_int(struct slice frame, const char *name, int64_t other)
{
	struct slice value = frame_field(frame, name);
	int64_t number;

	return value.p != NULL && json_int(value, &number) ? number : other;
}

bool frame_is(struct slice frame, const char *type)
{
	struct slice value = frame_field(frame, "type");

	return value.p != NULL && json_type_of(value) == JSON_STRING &&
		json_text_is((struct slice){ value.p + 1, value.n - 2 }, type);
}

void frame_add_fields(struct buf *b, struct slice frame)
{
	struct slice key, value;

	for (size_t at = 0; json_next_member(frame, &at, &key, &value);) {
		if (json_text_is(key, "type") || json_text_is(key, "id"))
			continue;
		buf_str(b, ",\"");
		say_json(b, key);
		buf_str(b, "\":");
		say_json(b, value);
	}
}

void frame_say_error(struct slice frame, const char *about)
{
	struct slice name = frame_text(frame, "name"), message = frame_text(frame, "message");

	say("%s: %.*s: %.*s", about, SLICE_ARGS(name), SLICE_ARGS(message));
}

/* ---- receiving ---- */

static enum client_got end(struct client *c, const char *why)
{
	snprintf(c->why, sizeof(c->why), "%s", why);
	return CLIENT_ENDED;
}

static enum client_got check(struct client *c, struct slice text)
{
	static const struct json_limits limits = { .depth = FRAME_DEPTH, .keys = 1u << 20 };

	if (json_check(text, &limits, NULL) != JSON_OBJECT)
		return end(c, "the gateway sent something that is not a JSON object");
	return CLIENT_FRAME;
}

/* Silence until the next step is due: ask, then give up. */
static uint64_t due(const struct client *c)
{
	return c->heard + (c->asked ? c->gone_after_ms : c->ping_after_ms);
}

static enum client_got on_silence(struct client *c)
{
	static const char ping[] = "{\"type\":\"ping\"}";

	if (c->asked)
		return end(c, "the gateway has gone silent");
	c->asked = true;
	if (!wsclient_send(c->ws, (struct slice){ ping, sizeof(ping) - 1 }))
		return end(c, "out of memory");
	return CLIENT_TIMEOUT;
}

enum client_got client_next(struct client *c, uint64_t deadline, struct slice *frame)
{
	for (;;) {
		uint64_t until = deadline != 0 && deadline < due(c) ? deadline : due(c);

		switch (wsclient_next(c->ws, until, frame)) {
		case WSCLIENT_ENDED: return end(c, wsclient_why(c->ws));
		case WSCLIENT_INTERRUPTED: return CLIENT_INTERRUPTED;
		case WSCLIENT_TIMEOUT:
			if (until == deadline)
				return CLIENT_TIMEOUT;
			if (on_silence(c) == CLIENT_ENDED)
				return CLIENT_ENDED;
			break;
		case WSCLIENT_TEXT:
			c->heard = clock_ms();
			c->asked = false;
			if (check(c, *frame) == CLIENT_ENDED)
				return CLIENT_ENDED;
			if (!frame_is(*frame, "pong"))
				return CLIENT_FRAME;
			break;
		}
	}
}

const char *client_why(const struct client *c)
{
	return c->why;
}

/* ---- opening ---- */

static void keep_topic(char out[TOPIC_MAX + 1], enum topic_kind kind, struct slice name)
{
	out[0] = '\0';
	if (topic_name_ok(name))
		out[topic_make(kind, name, out).n] = '\0';
}

static void read_welcome(struct client *c, struct slice frame)
{
	int64_t ping = frame_int(frame, "ping_interval_ms", 0);
	int64_t timeout = frame_int(frame, "client_timeout_ms", 0);

	c->max_message_bytes = (uint64_t)frame_int(frame, "max_message_bytes", INT64_MAX);
	c->ping_after_ms = ping > 0 ? (uint64_t)ping : SILENCE_MS;
	c->gone_after_ms = timeout > ping ? (uint64_t)timeout : c->ping_after_ms + ANSWER_MS;
	keep_topic(c->own, TOPIC_CLIENT, frame_text(frame, "client"));
	keep_topic(c->user, TOPIC_USER, frame_text(frame, "user"));
}

static bool await_welcome(struct client *c, uint64_t deadline)
{
	struct slice frame;

	for (;;) {
		switch (client_next(c, deadline, &frame)) {
		case CLIENT_FRAME:
			if (frame_is(frame, "error"))
				frame_say_error(frame, given.url);
			if (!frame_is(frame, "welcome"))
				break; /* the reason of an end that is near */
			read_welcome(c, frame);
			return true;
		case CLIENT_ENDED: say("%s: %s", given.url, c->why); return false;
		case CLIENT_TIMEOUT: say("%s: no answer in time", given.url); return false;
		case CLIENT_INTERRUPTED:
			say("interrupted before the gateway answered");
			return false;
		}
	}
}

struct client *client_open(uint64_t deadline)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		say("out of memory");
		return NULL;
	}
	c->heard = clock_ms();
	c->ping_after_ms = UINT64_MAX / 4; /* until the welcome there is `deadline` */
	c->ws = wsclient_open(&given.parsed, given.token, client_insecure);
	if (c->ws != NULL && await_welcome(c, deadline))
		return c;
	client_close(c);
	return NULL;
}

void client_close(struct client *c)
{
	if (c == NULL)
		return;
	wsclient_close(c->ws);
	free(c);
}

struct slice client_own_topic(const struct client *c)
{
	return slice_of(c->own);
}

struct slice client_user_topic(const struct client *c)
{
	return slice_of(c->user[0] == '\0' ? NULL : c->user);
}

uint64_t client_max_message_bytes(const struct client *c)
{
	return c->max_message_bytes;
}

bool client_send(struct client *c, const struct buf *frame)
{
	if (!frame->failed && wsclient_send(c->ws, buf_view(frame)))
		return true;
	say("out of memory");
	return false;
}
