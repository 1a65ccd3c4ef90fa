/*
 * A peer: one client's WebSocket, the transport of its session.
 *
 * After the handshake, which is lws's, frames are read and written here: lws would read some hundred
 * bytes at a time into a buffer that each connection holds for life, lets pass what RFC 6455
 * forbids, and costs a tenth of a delivery on the way out. Output is written in whole frames, many
 * at once; nothing is taken from the session while the socket is full. Closing is for us to time,
 * too: lws would wait for 5 s, with a timer each.
 */
#ifndef ROOMCAST_PEER_H
#define ROOMCAST_PEER_H

#include "broker-common/err.h"
#include "broker-common/slice.h"
#include "gateway/base/loop.h"
#include "gateway/server/reader.h"

struct config;
struct hub;
struct login;
struct lws;
struct lws_loop;
struct metrics;
struct peer;

/* What all peers share. */
struct peers {
	struct lws_loop *lws;
	struct loop *loop;
	const struct config *config;
	struct metrics *metrics;
	struct joiner joiner;
	struct list closing; /* peers, by the time at which they are cut */
	struct timer cut;
	uint64_t secret;    /* hides the time in a ping, and shows which pongs answer one */
	uint32_t n_refused; /* let in only to hear that there is no place */
};

void peers_init(struct peers *all, struct lws_loop *lws, struct loop *loop, const struct config *c,
                struct metrics *m);
void peers_fini(struct peers *all); /* every peer must be gone */

struct peer_options {
	struct hub *hub;
	struct slice user, address;
	struct login *login; /* taken over, also on failure */
	bool hello;
	bool refused;    /* no place: it only hears so */
	enum err denied; /* the same for what is wrong with its token; ERR_OK: nothing */
};

/* The upgrade is done. NULL: no memory. Freed by peer_gone(). */
struct peer *peer_open(struct peers *all, struct lws *wsi, const struct peer_options *o);

/* lws_loop's. */
void peer_readable(void *peer);
void peer_writable(void *peer);

/* lws's callbacks. */
void peer_gone(struct peer *p);

/* Frames that came in one piece with the handshake have been read by lws; one of its pieces. */
void peer_early(struct peer *p, char *piece, size_t n);

#endif
