/*
 * A client of the gateway: connects, gets its welcome, sends requests, receives frames.
 *
 * Blocking, for commands. It keeps the connection alive and notices when the gateway has gone
 * silent. Commands that take TAKES_SOCKET read their URL and token through client_options.
 */
#ifndef ROOMCAST_CTL_CLIENT_H
#define ROOMCAST_CTL_CLIENT_H

#include "broker-common/buf.h"
#include "tools/ctl/options.h"

struct client; /* opaque */

enum client_got {
	CLIENT_FRAME,
	CLIENT_ENDED, /* the connection; see client_why() */
	CLIENT_TIMEOUT,
	CLIENT_INTERRUPTED, /* SIGINT, SIGTERM */
};

extern const struct option_row client_options[];
extern bool client_insecure; /* --insecure, for every road */

/* Whether the options make sense; else it has been said what is wrong. */
bool client_options_ok(void);

/* Connect and wait for the welcome until `deadline` (clock_ms()). NULL: it has been said why not. */
struct client *client_open(uint64_t deadline);
void client_close(struct client *c);

/* From the welcome: topics that this connection receives without asking. */
struct slice client_own_topic(const struct client *c);  /* client:ID */
struct slice client_user_topic(const struct client *c); /* user:ID; `p` NULL: no user */
uint64_t client_max_message_bytes(const struct client *c);

/* Send one frame. False when out of memory, which has been said. */
bool client_send(struct client *c, const struct buf *frame);

/* Wait for the next frame, an object and valid JSON; it is valid until the next call. Pongs are
 * swallowed. A `deadline` of 0: none. */
enum client_got client_next(struct client *c, uint64_t deadline, struct slice *frame);

const char *client_why(const struct client *c);

/* Fields of a frame: the raw value (`p` NULL when it is not there), a string's text (unescaped in
 * place, so only once; "" when it is none), an integer (`other` when it is none). */
struct slice frame_field(struct slice frame, const char *name);
struct slice frame_text(struct slice frame, const char *name);
int64_t frame_int(struct slice frame, const char *name, int64_t other);
bool frame_is(struct slice frame, const char *type);

/* Append the frame's fields as JSON, each with a comma in front, `type` and `id` left out. */
void frame_add_fields(struct buf *b, struct slice frame);

/* Say what an `error` frame says: "ABOUT: name: sentence". */
void frame_say_error(struct slice frame, const char *about);

#endif
