/*
 * What conn.c and conn_open.c share.
 */
#ifndef ROOMCAST_REDIS_CONN_INSIDE_H
#define ROOMCAST_REDIS_CONN_INSIDE_H

#include "gateway/tier/redis/conn.h"

/* A command whatever the state is; NULL: no memory. */
struct command *conn_enter(struct conn *c, command_reply *reply);

/* Write what waits, as far as the socket takes it; ctx is the conn. */
void conn_flush(void *ctx);

/* Be called when the socket takes more. */
void conn_want_write(struct conn *c, bool wanted);

/* Read and answer what has come, some of it at a time. True: there is likely more. */
bool conn_take_in(struct conn *c);

void conn_break_with_errno(struct conn *c);

#endif
