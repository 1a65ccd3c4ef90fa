/*
 * A parcel: what travels between gateways, as a struct. Everything it points to is borrowed.
 */
#ifndef ROOMCAST_PARCEL_H
#define ROOMCAST_PARCEL_H

#include "broker-common/message.h"
#include "broker-common/slice.h"

/* Somebody in a room. */
struct member {
	struct slice client;
	struct slice user; /* NULL: anonymous */
	struct slice info; /* raw JSON, NULL: none */
};

enum parcel_kind {
	PARCEL_EVENT,    /* a published message */
	PARCEL_PRESENCE, /* one change of a room's visible members */
	PARCEL_ACKED,    /* a receiver has confirmed a message, to its publisher's `client:` */
};

struct parcel {
	enum parcel_kind kind;
	struct slice topic; /* whole, checked */
	struct member from; /* publisher; client NULL: a backend. ACKED: who confirms */
	struct slice id; /* string; EVENT: receivers shall confirm it. ACKED: what is confirmed */

	/* EVENT */
	struct slice event_type; /* checked */
	struct slice payload;    /* raw JSON, checked, never changed */
	struct slice exclude;    /* client that shall not receive it, or NULL */
	int64_t ts_ms;           /* wall clock of acceptance */
	uint64_t born_us;        /* the same in µs, for latency figures; 0: not known */
	enum drop_class drop;

	/* PRESENCE */
	struct member member;
	bool joined;           /* else left */
	bool user_edge;        /* the user's first connection in the room, or its last */
	bool counts_only;      /* the room is above `presence_max` */
	uint64_t rev;          /* one more than the change before */
	uint64_t count, users; /* visible connections and distinct users, after the change */
};

#endif
