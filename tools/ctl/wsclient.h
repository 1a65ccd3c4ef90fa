/*
 * One WebSocket connection, for a program that waits on it. libwebsockets is known only here.
 *
 * SIGINT and SIGTERM end every wait from then on; a second signal ends the process.
 */
#ifndef ROOMCAST_CTL_WSCLIENT_H
#define ROOMCAST_CTL_WSCLIENT_H

#include "broker-common/slice.h"
#include "tools/ctl/url.h"

struct wsclient; /* opaque */

enum wsclient_got {
	WSCLIENT_TEXT,
	WSCLIENT_ENDED, /* refused, closed or broken: see wsclient_why() */
	WSCLIENT_TIMEOUT,
	WSCLIENT_INTERRUPTED,
};

/* Begin to connect. `token` may be NULL; `insecure`: take any certificate. NULL: it has been said
 * why not (out of memory, no such host). */
struct wsclient *wsclient_open(const struct url *url, const char *token, bool insecure);

/* Say goodbye (1000), wait a second at most for the answer, free. */
void wsclient_close(struct wsclient *c);

/* Send one text message as soon as that is possible; copies it. False when out of memory. */
bool wsclient_send(struct wsclient *c, struct slice text);

/* Wait for the next message, which is valid until the next call and may be written to. A `deadline`
 * of clock_ms(); 0: none. */
enum wsclient_got wsclient_next(struct wsclient *c, uint64_t deadline, struct slice *text);

/* After WSCLIENT_ENDED: a clause for a person ("the connection broke"). */
const char *wsclient_why(const struct wsclient *c);

#endif
