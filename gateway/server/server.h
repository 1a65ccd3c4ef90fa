/*
 * The server: both listeners and what stands behind them.
 *
 * Opened before the hub, so that a busy port is found before anything else begins; started when the hub is
 * there; closed before it, so that every session has gone; freed behind it.
 */
#ifndef ROOMCAST_SERVER_H
#define ROOMCAST_SERVER_H

#include "broker-common/buf.h"
#include "gateway/base/loop.h"

struct config;
struct hub;
struct metrics;
struct server;

struct server_options {
	struct loop *loop;
	const struct config *config; /* read afresh at each use */
	struct metrics *metrics;
	uint64_t descriptors; /* the process's limit */
};

/* Files that the options name: false with one sentence in `error`, and whether it is that one of them cannot be
 * read. */
bool server_check(const struct config *c, struct buf *error, bool *unreadable);

/* Bind both ports, after server_check(). NULL with one sentence in `error`. */
struct server *server_open(const struct server_options *o, struct buf *error);

/* Let clients and operators in. False: no memory. */
bool server_start(struct server *s, struct hub *hub);

/* After a reload of the configuration. */
void server_reconfigure(struct server *s);

/* New clients find nobody listening; who is there stays, and operators too. */
void server_stop_accepting(struct server *s);

/* Cut every connection. */
void server_close(struct server *s);
void server_free(struct server *s);

/* Addresses as bound, with their real ports; "off". */
const char *server_address(const struct server *s);
const char *server_admin_address(const struct server *s);

/* Whether clients can come from this machine only. */
bool server_is_loopback(const struct server *s);

#endif
