#include "tests/support/cluster.h"

#include "broker-common/json.h"
#include "broker-common/log.h"
#include "gateway/verbs/dispatch.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the transport ----------------------------------------------------------------------------- */

static void keep_frame(struct client *c, const char *text, size_t n)
{
	c->frames = realloc(c->frames, (c->n_frames + 1) * sizeof *c->frames);
	assert_non_null(c->frames);
	c->frames[c->n_frames++] = strndup(text, n);
}

/* Undo the framing of RFC 6455: text frames, or fragments of one message. */
static void keep_bytes(struct client *c, const char *bytes, size_t n)
{
	static char message[4 << 20];
	static size_t have;

	while (n > 0) {
		unsigned char first = (unsigned char)bytes[0], len = (unsigned char)bytes[1];
		size_t head = len == 127 ? 10 : len == 126 ? 4 : 2, size = len;

		if (len == 126)
			size = (size_t)(unsigned char)bytes[2] << 8 | (unsigned char)bytes[3];
		assert_int_not_equal(len, 127); /* fragments keep below that */
		assert_true(head + size <= n);
		if ((first & 15) == 1)
			have = 0;
		assert_true(have + size < sizeof message);
		memcpy(message + have, bytes + head, size);
		have += size;
		if (first & 0x80)
			keep_frame(c, message, have);
		bytes += head + size;
		n -= head + size;
	}
}

static void fake_wake(void *transport)
{
	((struct client *)transport)->woken = true;
}

static void fake_close(void *transport, enum close_why why)
{
	struct client *c = transport;

	assert_false(c->closing);
	c->closing = true;
	c->why = why;
}

static void fake_pause(void *transport, bool paused)
{
	((struct client *)transport)->paused = paused;
}

static void fake_ping(void *transport)
{
	((struct client *)transport)->pings++;
}

static const struct transport_ops fake = { fake_wake, fake_close, fake_pause, fake_ping };

static void gone(struct client *c)
{
	struct session *s = c->session;

	c->session = NULL;
	session_gone(s, 0, (struct slice){ NULL, 0 });
}

static void pump(struct client *c)
{
	static char out[65536];
	size_t n;

	if (c->session == NULL)
		return;
	if (c->reads && (c->woken || c->closing)) {
		c->woken = false;
		while ((n = session_take(c->session, out, sizeof out)) > 0)
			keep_bytes(c, out, n);
	}
	if (c->closing)
		gone(c);
}

/* --- the cluster ----------------------------------------------------------------------------------- */

static struct config *configure(const char *const flags[])
{
	char *argv[32] = { "test" };
	char *const environment[] = { NULL };
	enum config_action action;
	struct buf error;
	bool unreadable;
	struct config *c;
	int argc = 1;

	for (; flags != NULL && flags[argc - 1] != NULL; argc++)
		argv[argc] = (char *)flags[argc - 1];
	buf_init(&error);
	c = config_load(argc, argv, environment, &action, &error, &unreadable);
	if (c == NULL)
		fail_msg("%.*s", (int)error.n, error.p);
	buf_fini(&error);
	return c;
}

static struct jwt_keys *open_keys(struct cluster *c, int i)
{
	struct jwt_keys *k;
	struct buf error;

	if (!keys_configured(c->gateway[i].config))
		return NULL;
	buf_init(&error);
	k = keys_open(c->gateway[i].config, c->loop, &c->gateway[i].metrics, &error);
	if (k == NULL)
		fail_msg("%.*s", (int)error.n, error.p);
	buf_fini(&error);
	return k;
}

static void count_drain(void *ctx)
{
	++*(int *)ctx;
}

struct slice cluster_node(const struct cluster *c, int gateway)
{
	return hub_node(c->gateway[gateway].hub);
}

struct cluster *cluster_open_on(int gateways, const struct tier_ops *tier,
                                const char *const flags[])
{
	struct cluster *c = calloc(1, sizeof *c);

	assert_non_null(c);
	log_setup(LOG_ERROR, LOG_KV);
	assert_in_range(gateways, 1, CLUSTER_GATEWAYS);
	c->loop = loop_new_manual(42);
	c->exchange = exchange_new(c->loop, 1000, 300000);
	c->n = gateways;
	for (int i = 0; i < gateways; i++) {
		struct hub_options o = { .loop = c->loop,
			                 .tier = tier,
			                 .medium = c->exchange,
			                 .dispatch = dispatch_input,
			                 .drain = count_drain,
			                 .drain_ctx = &c->gateway[i].drains };

		c->gateway[i].config = configure(flags);
		o.config = c->gateway[i].config;
		o.metrics = &c->gateway[i].metrics;
		o.keys = c->gateway[i].keys = open_keys(c, i);
		c->gateway[i].hub = hub_open(&o);
		assert_non_null(c->gateway[i].hub);
	}
	cluster_turn(c, 0);
	return c;
}

struct cluster *cluster_open(int gateways, const char *const flags[])
{
	return cluster_open_on(gateways, &tier_memory, flags);
}

void cluster_turn(struct cluster *c, uint64_t ms)
{
	/* Answers wake others, which takes a turn each; the time passes in the middle. */
	for (int i = 0; i < 6; i++) {
		loop_turn(c->loop, i == 2 ? ms : 0);
		for (struct client *x = c->clients; x != NULL; x = x->next)
			pump(x);
	}
}

static struct hub *hub_of(struct client *x)
{
	for (int i = 0; i < x->cluster->n; i++)
		if (x->cluster->gateway[i].hub != NULL &&
		    strncmp(x->id, hub_node(x->cluster->gateway[i].hub).p, NODE_ID_LEN) == 0)
			return x->cluster->gateway[i].hub;
	return NULL;
}

void cluster_kill(struct cluster *c, int gateway)
{
	struct hub *h = c->gateway[gateway].hub;

	for (struct client *x = c->clients; x != NULL; x = x->next)
		if (x->session != NULL && hub_of(x) == h)
			gone(x);
	hub_close(h);
	keys_close(c->gateway[gateway].keys);
	config_free(c->gateway[gateway].config);
	c->gateway[gateway].hub = NULL;
	cluster_turn(c, 0);
}

void cluster_close(struct cluster *c)
{
	struct client *x;

	for (x = c->clients; x != NULL; x = x->next)
		if (x->session != NULL)
			gone(x);
	for (int i = 0; i < c->n; i++)
		if (c->gateway[i].hub != NULL)
			cluster_kill(c, i);
	while ((x = c->clients) != NULL) {
		c->clients = x->next;
		for (size_t i = 0; i < x->n_frames; i++)
			free(x->frames[i]);
		free(x->frames);
		free(x);
	}
	exchange_free(c->exchange);
	loop_free(c->loop);
	free(c);
}

/* --- clients ------------------------------------------------------------------------------------------- */

struct client *cluster_dial(struct cluster *c, int gateway, const char *user, bool hello)
{
	struct client *x = calloc(1, sizeof *x);
	struct session_options o = { .ops = &fake,
		                     .transport = x,
		                     .user = slice_of(user),
		                     .address = slice_of("192.0.2.1"),
		                     .hello = hello };

	assert_non_null(x);
	x->cluster = c;
	x->reads = true;
	x->next = c->clients;
	c->clients = x;
	x->session = session_open(c->gateway[gateway].hub, &o);
	assert_non_null(x->session);
	snprintf(x->id, sizeof x->id, "%.*s", SLICE_ARGS(session_id(x->session)));
	return x;
}

struct client *cluster_connect(struct cluster *c, int gateway, const char *user)
{
	struct client *x = cluster_dial(c, gateway, user, false);

	cluster_turn(c, 0);
	client_expect(x, "{\"type\":\"welcome\"");
	return x;
}

void client_say(struct client *c, const char *json)
{
	size_t n = strlen(json);
	char *text = malloc(n + 1);

	assert_non_null(text);
	assert_non_null(c->session);
	memcpy(text, json, n + 1);
	session_alive(c->session);
	session_input(c->session, text, n);
	free(text);
}

void client_cut(struct client *c)
{
	gone(c);
	cluster_turn(c->cluster, 0);
}

const char *client_next(struct client *c)
{
	return c->read < c->n_frames ? c->frames[c->read++] : NULL;
}

const char *client_expect(struct client *c, const char *start)
{
	const char *frame = client_next(c);

	if (frame == NULL)
		fail_msg("expected %s, got nothing", start);
	if (strncmp(frame, start, strlen(start)) != 0)
		fail_msg("expected %s, got %s", start, frame);
	return frame;
}

void client_expect_nothing(struct client *c)
{
	const char *frame = client_next(c);

	if (frame != NULL)
		fail_msg("expected nothing, got %s", frame);
}

void client_join(struct client *c, const char *room)
{
	char frame[300];

	snprintf(frame, sizeof frame, "{\"type\":\"join\",\"id\":\"j\",\"room\":\"%s\"}", room);
	client_say(c, frame);
	cluster_turn(c->cluster, 0);
	client_expect(c, "{\"type\":\"ack\",\"id\":\"j\"");
}

const char *frame_field(const char *frame, const char *field)
{
	static char out[4][256];
	static int turn;
	struct slice key, value, object = slice_of(frame);
	size_t at = 0;
	char *to = out[turn++ & 3];

	assert_int_equal(json_check(object, &json_default_limits, NULL), JSON_OBJECT);
	to[0] = '\0';
	while (json_next_member(object, &at, &key, &value)) {
		if (!slice_is(key, field))
			continue;
		if (value.n >= 2 && value.p[0] == '"')
			value = (struct slice){ value.p + 1, value.n - 2 };
		snprintf(to, 256, "%.*s", SLICE_ARGS(value));
		break;
	}
	return to;
}
