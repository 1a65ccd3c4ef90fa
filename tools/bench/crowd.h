/*
 * The crowd: all clients of one run, subscribers first, then publishers.
 *
 * Brings each of them through its dialogue (connect, welcome, join, ack) and then hands over what
 * carries a stamp of this run; everything else that a server may say is counted here.
 */
#ifndef ROOMCAST_BENCH_CROWD_H
#define ROOMCAST_BENCH_CROWD_H

#include "tools/bench/conn.h"
#include "tools/bench/stamp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The words of a protocol; a room's number goes between head and tail. */
struct dialect {
	const char *join_head, *join_tail, *join_tail_presence;
	const char *publish_head, *publish_middle, *publish_tail; /* room, payload */
};

extern const struct dialect dialect_roomcast;
extern const struct dialect dialect_floor; /* of floor.h: what costs a server least */

enum client_state { CLIENT_NEW, CLIENT_GREETED_NOT, CLIENT_JOINING, CLIENT_READY, CLIENT_GONE };

struct client {
	struct conn conn; /* first: events come with its address */
	struct crowd *crowd;
	enum client_state state;
	uint32_t index;    /* in the crowd */
	uint32_t room;     /* subscribers only */
	uint32_t stamp_at; /* where the last message had its stamp, a good guess for the next */
	uint64_t deadline_ns;
};

struct crowd_events {
	void (*delivered)(void *ctx, struct client *c, const struct stamp *s, size_t wire_bytes);
	/* A ready client's connection was lost. */
	void (*gone)(void *ctx, struct client *c);
	void *ctx;
};

struct crowd_plan {
	const char *label; /* for complaints */
	const struct dialect *dialect;
	const struct endpoints *endpoints;
	SSL_CTX *trust;
	uint32_t subscribers, publishers, rooms;
	bool presence;
	double connect_rate; /* connections a second; 0: as fast as they get ready */
	double timeout_s;    /* for one connection to get ready */
};

struct crowd {
	struct crowd_plan plan;
	struct crowd_events events;
	struct net net;
	struct client *client;
	uint64_t mark; /* in the stamps of this run */
	/* Of `count`: settled are those that got ready or failed; ready, those that ever were; open, those
	 * that are now; closed, those that the server or the network closed. */
	uint32_t count, started, settled, ready, failed, open, closed;
	uint64_t gaps, errors, strangers;
	uint32_t complaints;
};

/* Plan and events are copied; what they point to is borrowed. False: no memory. */
bool crowd_init(struct crowd *c, const struct crowd_plan *plan, const struct crowd_events *events);
void crowd_fini(struct crowd *c);

/* Open all connections and wait until each is ready or has failed. False: so many fail that going
 * on makes no sense. */
bool crowd_connect(struct crowd *c);

/* Keep reading for so long. */
void crowd_wait(struct crowd *c, uint64_t ns);

/* Close them with a close frame, and wait a moment for the answers. */
void crowd_finish(struct crowd *c);

static inline bool client_is_publisher(const struct client *c)
{
	return c->index >= c->crowd->plan.subscribers;
}

#endif
