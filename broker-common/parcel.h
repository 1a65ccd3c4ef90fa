/*
 * A parcel: what travels between gateways, as a struct and as bytes. Everything it points to is
 * borrowed.
 *
 * On the wire, version 1, every number little endian: 'R' 'C', major 1 (u8), minor (u8, not looked
 * at), the length of what follows (u32); then parts: tag (u8), length (u32), bytes, in any order.
 * What is not there is NULL or 0; a tag that is not known is skipped; a known one that comes twice
 * breaks the parcel. Numbers are 8 bytes, those marked u8 one byte.
 *
 *   1 kind, u8      6 from.user   11 drop class, u8      16 users
 *   2 topic         7 exclude     12 member              17 node
 *   3 event_type    8 ts_ms       13 presence flags, u8  18 call number
 *   4 payload       9 born_us     14 rev                 19 error number
 *   5 from.client  10 id          15 count               20 body
 *
 * A member is one blob: length (u8) and client, length (u8; 0: anonymous) and user, and the rest
 * is info. Presence flags: 1 joined, 2 user_edge, 4 counts_only. A parcel that begins with `{` is
 * JSON: the body of POST /v1/publish, so that a backend can publish without knowing any of this.
 */
#ifndef ROOMCAST_PARCEL_H
#define ROOMCAST_PARCEL_H

#include "broker-common/buf.h"
#include "broker-common/err.h"
#include "broker-common/message.h"
#include "broker-common/slice.h"

#define PARCEL_NUMBER_MAX ((UINT64_C(1) << 53) - 1) /* exact in every JSON reader, and in Lua */

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
	PARCEL_CALL,     /* one node asks another: between tiers, no receiver sees it */
	PARCEL_REPLY,    /* the answer to it */
	PARCEL_KINDS
};

struct parcel {
	enum parcel_kind kind;
	struct slice topic; /* whole, checked; CALL, REPLY: NULL */
	struct member from; /* publisher; client NULL: a backend. ACKED: who confirms. No info */
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

	/* CALL, REPLY */
	struct slice node; /* who calls; who answers */
	uint64_t number;   /* the caller's own, to know the answer by */
	struct slice body; /* any bytes, or NULL */
	enum err error;    /* REPLY: how the call ended */
};

/* Append the wire form. `p` is of our own making and as parcel_decode() would have it. */
void parcel_encode(struct buf *b, const struct parcel *p);

/* Check every byte and set all of `out`, which points into `bytes`; nothing is allocated. Not ERR_OK:
 * `out` is of no use, and `*why` says for the log which part is wrong (valid until the next call).
 * ERR_NOT_SUPPORTED: of another major version, "version". The JSON form, its `key` refused as nobody
 * could claim it, is written to, has no `ts_ms`, and fails as envelope_decode_publish() does. */
enum err parcel_decode(char *bytes, size_t n, struct parcel *out, const char **why) must_check;

/* A member alone, as presence parcels carry it. */
void parcel_encode_member(struct buf *b, const struct member *m);
bool parcel_decode_member(struct slice blob, struct member *out) must_check;

#endif
