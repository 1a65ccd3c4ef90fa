/*
 * Sessions: one connected client.
 *
 * A session owns what waits to be sent and the state of the conversation. It never touches a
 * socket: its transport is woken, takes bytes when it can write, and is told to close. It is
 * cleaned up exactly once, in two phases: leaving (it can join nothing any more, its topics are
 * left, its requests forgotten), then freed when the transport has gone.
 */
#ifndef ROOMCAST_SESSION_H
#define ROOMCAST_SESSION_H

#include "broker-common/err.h"
#include "broker-common/message.h"
#include "broker-common/queue.h"
#include "broker-common/slice.h"

struct hub;
struct login;
struct session;

/* What carries a session's bytes; called by the session, never the other way round inside. */
struct transport_ops {
	/* Something waits: call session_take() as soon as the socket takes bytes. Often; cheap. */
	void (*wake)(void *transport);

	/* Send what session_take() still gives (for 1 s at most), then a close frame, then go, and
	 * call session_gone(). Once. */
	void (*close)(void *transport, enum close_why why);

	/* Stop reading (true) or go on: the session has more input than it may look at now. What was
	 * read already may still be handed over. */
	void (*pause)(void *transport, bool paused);

	/* Send a WebSocket ping; the pong is reported by session_pong(). */
	void (*ping)(void *transport);
};

struct session_options {
	const struct transport_ops *ops;
	void *transport;
	struct slice user;    /* NULL: anonymous, or the login's */
	struct login *login;  /* its token, taken over also on failure; NULL: none */
	struct slice address; /* of the peer, for logs */
	bool hello;           /* a `hello` frame has been promised: wait for it */
};

enum session_state {
	SESSION_CONNECTING, /* no welcome yet */
	SESSION_CONNECTED,
	SESSION_DISCONNECTING, /* told to close; its topics are left */
	SESSION_DISCONNECTED,  /* the transport has gone; freed at the end of the turn */
};

/* Before the upgrade: may one more client come in? The hub counts it from session_open() on.
 * `address` is the peer's, without port. */
enum admission {
	ADMIT_OK,
	ADMIT_FULL,       /* 503 */
	ADMIT_ADDRESS,    /* 429 */
	ADMIT_OVERLOADED, /* 503 */
	ADMIT_DRAINING,   /* 503 */
	ADMIT_TIER,       /* 503: no topic could be reached */
};
enum admission session_admit(struct hub *h, struct slice address);

/* Metrics label of a refusal (REFUSED_… of metrics.h). */
int admission_label(enum admission a);

/* The upgrade is done. NULL: no memory. The welcome goes out by itself. */
struct session *session_open(struct hub *h, const struct session_options *o);

/* The upgrade is done but there is no place (`hello` clients hear it so): sends `reconnect` and closes
 * with 1013. A session like another, but it counts nowhere. */
struct session *session_open_refused(struct hub *h, const struct session_options *o);

/* The same for one whose token is no good (`hello` clients hear it so): closed with 4001, 4002, or 1013 where the
 * keys are not there yet. */
struct session *session_open_denied(struct hub *h, const struct session_options *o, enum err why);

/* One whole text message from the client; `text` may be written to during the call. */
void session_input(struct session *s, char *text, size_t n);

/* Any byte came from the client (a pong, a piece of a message): once per read is enough. */
void session_alive(struct session *s);
void session_pong(struct session *s, uint64_t round_trip_us);

/* Whole WebSocket frames to send now, at most `room` (≥ SESSION_TAKE_MIN) bytes; 0: nothing. */
#define SESSION_TAKE_MIN (MESSAGE_CHUNK + MESSAGE_CHUNK_HEAD)
size_t session_take(struct session *s, char *out, size_t room);
bool session_has_output(const struct session *s);

/* Pieces of a message that is not complete are charged to the process's budget. */
struct budget *session_budget(struct session *s);

/* Close from our side: now leaves, transport's close() is called, freed later. Twice is fine. */
void session_close(struct session *s, enum close_why why);

/* The transport is gone: the last call for `s`. `code` 0 when the peer sent no close frame (1006). */
void session_gone(struct session *s, int code, struct slice reason);

struct slice session_id(const struct session *s);

#endif
