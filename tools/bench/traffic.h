/*
 * Traffic: who publishes what and when, and the judgement of each delivery.
 *
 * Closed loop: each publisher keeps `window` messages under way, one counting as under way until
 * all members of its room have it. Fixed rate: messages are due at their times whatever the server
 * does, and latency counts from that time, so that a server that stalls cannot hide it by slowing
 * the load (coordinated omission).
 */
#ifndef ROOMCAST_BENCH_TRAFFIC_H
#define ROOMCAST_BENCH_TRAFFIC_H

#include "tools/bench/crowd.h"
#include "tools/bench/histogram.h"
#include "tools/bench/ledger.h"

struct publisher {
	struct client *client;
	uint32_t next_stream;
	uint32_t under_way;
	bool is_eager;        /* listed in `eager` */
	uint64_t progress_ns; /* when something last reached everybody */
};

struct traffic_plan {
	uint32_t payload_bytes; /* at least STAMP_BYTES */
	uint32_t window;        /* 0: fixed rate */
	double rate;            /* messages a second, all publishers together */
};

struct traffic {
	struct traffic_plan plan;
	struct crowd *crowd;
	struct ledger ledger;
	struct histogram latency; /* of messages due within the measured span */
	struct publisher *publisher;
	struct publisher **eager; /* those whose window has room */
	uint32_t eager_count;
	uint32_t next_publisher;
	struct buf *head; /* of each stream: all that stands before the payload */
	char *tail;       /* padding of the payload and what stands behind it */
	size_t tail_bytes;
	double due_ns, interval_ns; /* fixed rate: the next message */
	uint64_t span_begin_ns, span_end_ns;
	bool in_span;
	uint64_t span_deliveries, span_published;
	uint64_t published, deliveries, wire_bytes;
	uint64_t given_up;
};

/* `crowd` may still be empty; it is given traffic_delivered() and traffic_gone() as its events. False: no
 * memory. */
bool traffic_init(struct traffic *t, struct crowd *crowd, const struct traffic_plan *plan);
void traffic_fini(struct traffic *t);

void traffic_delivered(void *traffic, struct client *c, const struct stamp *s, size_t wire_bytes);
void traffic_gone(void *traffic, struct client *c);

/* The crowd is ready: begin. The measured span is [begin, end). */
void traffic_start(struct traffic *t, uint64_t now_ns, uint64_t span_begin_ns,
                   uint64_t span_end_ns);

/* Publish what the windows allow, or what is due by `now`; whether that was anything. */
bool traffic_publish(struct traffic *t, uint64_t now_ns);

/* To be called some times a second: windows of which nothing returns are opened again. */
void traffic_unblock(struct traffic *t, uint64_t now_ns);

/* Messages that were due before `now` and could not be sent. */
uint64_t traffic_behind(const struct traffic *t, uint64_t now_ns);

#endif
