/*
 * What the verbs see of a client: its requests, its answers, its topics.
 */
#ifndef ROOMCAST_CLIENT_H
#define ROOMCAST_CLIENT_H

#include "broker-common/buf.h"
#include "broker-common/envelope.h"
#include "broker-common/list.h"
#include "broker-common/token.h"
#include "gateway/core/session.h"
#include "gateway/tier/tier.h"

struct hub;

/* --- identity ---------------------------------------------------------------------------- */

struct member client_member(const struct session *s); /* client and user; no info */
enum session_state session_state(const struct session *s);
bool client_hello_due(const struct session *s);

/* --- answers: all on the control lane ------------------------------------------------------ */

/* One JSON object as a text message. Closes the session (4009) when the lane is full. */
void client_send(struct session *s, const struct buf *json);

/* `detail` NULL: the error's own sentence. Counts to `max_errors` and closes with 4010 above. An error
 * without id that repeats the one still waiting is not queued again. */
void client_error(struct session *s, struct slice id, enum err e, const char *detail);

/* The part of client_error() that is not telling: for an error that stands inside another answer. */
void client_count_error(struct session *s, enum err e);

/* A buffer for building one frame, empty; valid until the next call of anything in the core. */
struct buf *client_text(struct session *s);
bool client_text_failed(const struct session *s); /* no memory for what was built in it */

/* --- requests that are answered later ---------------------------------------------------------- */

/* The head of every such request. It keeps the session (as memory, not alive) until request_end(). */
struct request {
	struct list_node node;
	struct session *session;
	struct slice id;                 /* a copy, in the same allocation; NULL: none */
	void (*fini)(struct request *r); /* before it is freed, or NULL */
};

/* `size` bytes that begin with a struct request, zeroed. request_end() frees them: by the owner, or
 * when the hub closes and no answer will come any more. */
void *request_new(struct session *s, size_t size, struct slice id);

/* Whether anybody still waits for the answer. */
bool request_is_live(const struct request *r);
void request_end(struct request *r);

/* While a barrier stands, later frames of the client wait (and reading stops when one came). */
void client_barrier(struct session *s, bool stands);

/* While held, only answers go out: what the client joined a moment ago waits for the ack. */
void client_hold(struct session *s, bool held);

/* --- topics ---------------------------------------------------------------------------------------- */

struct membership_wish {
	enum topic_kind kind; /* room, event, user or all */
	struct slice name;    /* checked */
	bool presence;        /* be seen and see (where the room's policy allows) */
	struct slice info;
};

/* Become a receiver. `done` comes when the tier has confirmed, in the same turn in which messages
 * begin to come; with the room's list when `presence` was wished. Being one already: the same. */
enum err membership_enter(struct session *s, const struct membership_wish *w, tier_room_done *done,
                          void *ctx) must_check;

/* False: it was none. */
bool membership_leave(struct session *s, enum topic_kind kind, struct slice name);

/* A room's members as the registry has them. */
enum err membership_list(struct session *s, struct slice room, tier_room_done *done, void *ctx)
	must_check;

/* --- publishing ----------------------------------------------------------------------------------------- */

#define PUBLISH_COUNT 1u /* tell how many connections it is for */
#define PUBLISH_EXACT 2u /* to a client: ask its gateway whether it is there (not with a key) */

/* Hand to the tier: `p` without topic and ts. ERR_OVERLOADED: memory is short. ERR_GONE: a client that
 * is not there (of this gateway, or PUBLISH_EXACT), or whose gateway is not. */
enum err hub_publish(struct hub *h, const struct topic *t, struct parcel *p, struct slice key,
                     unsigned int wishes, tier_published *done, void *ctx) must_check;

/* Expect confirmations of a message to `topic`: its event id is written to `id` (CLIENT_EVENT_ID_MAX bytes);
 * `request_id` is what the client called it. The oldest expectation of 64 is forgotten. */
#define CLIENT_EVENT_ID_MAX 40
struct slice client_expect_ack(struct session *s, const struct topic *topic,
                               struct slice request_id, char id[CLIENT_EVENT_ID_MAX]);

/* Tell the publisher that `s` has the message with this event id. Best effort. */
void client_confirm(struct session *s, struct slice event_id);

/* --- what is allowed ------------------------------------------------------------------------------------- */

/* By its token, by the room's policy, or because no keys are configured. */
bool client_may(const struct session *s, enum grant g, const struct topic *t);

/* Whether the room's policy lets it join whatever its token says. */
bool client_is_admitted(const struct session *s, const struct topic *room);

/* Whether the room takes a message of this size now (its policy): ERR_TOO_BIG, ERR_RATE_LIMITED. */
enum err client_room_takes(struct session *s, const struct topic *t, size_t payload_n) must_check;

/* Whether it may see who is in the room, once it is a member. */
bool client_may_see(const struct session *s, const struct topic *room);

/* What its token says of it (raw JSON), which is shown instead of what it says itself; or NULL. */
struct slice client_info(const struct session *s);

/* Whether the room's members may be seen at all (its policy). */
bool client_room_has_presence(const struct session *s, struct slice room);

/* One frame more, `cost` times: false above the rate. Closes with 4029 when it does not stop. */
bool client_rate(struct session *s, uint32_t cost);

/* A promised `hello` has come; client_login() first. */
void client_hello(struct session *s);

/* --- tokens ------------------------------------------------------------------------------------------------ */

/* The token of `hello` (NULL: none came). Not ERR_OK: client_turn_away(). */
enum err client_login(struct session *s, struct slice token) must_check;

/* Tell why, and close: 4001, 4002, or with `reconnect` 1013 when the keys are not there yet. */
void client_turn_away(struct session *s, struct slice id, enum err e);

/* A new token instead of the one it has; ERR_OK: it has been answered, or will be. ERR_FORBIDDEN: it is another
 * user's. */
enum err client_refresh(struct session *s, struct slice token, struct slice id) must_check;

#endif
