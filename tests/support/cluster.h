/*
 * Several gateways in one process: the memory tier, a clock that the test turns, and clients
 * without sockets.
 */
#ifndef ROOMCAST_TEST_CLUSTER_H
#define ROOMCAST_TEST_CLUSTER_H

#include "gateway/base/keys.h"
#include "gateway/core/hub.h"
#include "gateway/core/session.h"

#define CLUSTER_GATEWAYS 4

struct cluster {
	struct loop *loop;
	struct exchange *exchange;
	struct {
		struct hub *hub;
		struct config *config;
		struct jwt_keys *keys; /* where the flags name some */
		struct metrics metrics;
		int drains; /* times an operator asked it to end; it does not */
	} gateway[CLUSTER_GATEWAYS];
	int n;
	struct client *clients;
};

/* A client: what it was sent is kept as text, frame by frame. */
struct client {
	struct client *next;
	struct cluster *cluster;
	struct session *session; /* NULL: gone */
	char **frames;
	size_t n_frames, read;
	bool reads; /* takes what waits (set at first) */
	bool woken;
	bool paused;  /* the session asked not to be given more */
	bool closing; /* the session closes it */
	enum close_why why;
	int pings;
	char id[64];
};

/* `flags` are options for all gateways, NULL at the end. The tier is up when it returns. */
struct cluster *cluster_open(int gateways, const char *const flags[]);
struct cluster *cluster_open_on(int gateways, const struct tier_ops *tier,
                                const char *const flags[]);

/* Everybody is cut off and everything freed; fails the test when memory is still charged. */
void cluster_close(struct cluster *c);

/* Let `ms` pass; clients that read have read everything afterwards. */
void cluster_turn(struct cluster *c, uint64_t ms);

/* Connects and reads the welcome. `user` NULL: anonymous. */
struct client *cluster_connect(struct cluster *c, int gateway, const char *user);

/* The same without waiting for anything; `hello`: promised. */
struct client *cluster_dial(struct cluster *c, int gateway, const char *user, bool hello);

/* NODE_ID_LEN bytes. */
struct slice cluster_node(const struct cluster *c, int gateway);

/* The gateway is killed: its clients are cut, nothing is said. */
void cluster_kill(struct cluster *c, int gateway);

void client_say(struct client *c, const char *json);

/* The peer goes without a word. */
void client_cut(struct client *c);

/* The next frame not looked at yet, or NULL. Valid until cluster_close(). */
const char *client_next(struct client *c);

/* Fails unless the next frame begins with `start`; returns it. */
const char *client_expect(struct client *c, const char *start);
void client_expect_nothing(struct client *c);

/* Join and read the ack. */
void client_join(struct client *c, const char *room);

/* The text of a top-level field ("rev", "client"), without quotes; "" when missing. Static memory. */
const char *frame_field(const char *frame, const char *field);

#endif
