/*
 * Reader: the receiving side of a WebSocket (RFC 6455 section 5), for one connection.
 *
 * It is fed what was read from the socket, in a buffer that all connections share. A message
 * that came whole is unmasked there and handed over in place; memory is held only for what is
 * incomplete. Everything that the RFC forbids a client is refused: frames without a mask, reserved
 * bits and opcodes, lengths not in their shortest form, fragmented or long control frames, wrong
 * fragments, wrong close payloads.
 */
#ifndef ROOMCAST_READER_H
#define ROOMCAST_READER_H

#include "broker-common/err.h"
#include "broker-common/slice.h"
#include "gateway/server/joiner.h"

/* Bytes of a control frame, header included: the most that is kept of an incomplete head. */
#define READER_TAIL_MAX 131u

struct reader {
	struct joined *joined; /* the message so far, when it is incomplete */
	char *tail;            /* a frame's beginning that can not be looked at yet */
	uint64_t left;         /* bytes to come of the data frame under way */
	uint8_t mask[4];       /* for the next of them */
	uint8_t tail_n;
	bool in_message; /* a fragment without FIN has come */
	bool last;       /* the frame under way has FIN */
	bool mute;       /* nothing is handed over any more: frames are only stepped over */
	bool done;       /* not even that: the peer has closed, or where frames begin is lost */
};

/* What comes out, called from inside reader_feed(). */
struct reader_events {
	void (*message)(void *ctx, char *text,
	                size_t n); /* may be written to; not yet known as UTF-8 */
	void (*ping)(void *ctx, struct slice payload);
	void (*pong)(void *ctx, struct slice payload);

	/* The peer's close frame; 1005 for one without a code. Comes also when the reader is mute, since
	 * it answers ours. Nothing comes behind it. */
	void (*closed)(void *ctx, int code, struct slice reason);

	/* The connection must be failed, with this code. The reader is mute from here on. */
	void (*broken)(void *ctx, enum close_why why);
};

struct reader_options {
	const struct reader_events *events;
	void *ctx;
	struct joiner *joiner;
	struct joiner_limits limits;
};

/* Give back what is held. */
void reader_fini(struct reader *r, const struct reader_options *o);

/* The first bytes of what is read next belong here: copied to `out` (READER_TAIL_MAX); how many. */
size_t reader_tail(struct reader *r, char *out);

/* Look at `n` bytes (those of reader_tail() in front); they are written to. */
void reader_feed(struct reader *r, const struct reader_options *o, char *bytes, size_t n);

#endif
