/*
 * Quotas: how many clients, how fast, how many mistakes, how much memory.
 */
#ifndef ROOMCAST_QUOTA_H
#define ROOMCAST_QUOTA_H

#include "gateway/core/state.h"

/* Take over the configuration's limits. */
void quota_configure(struct hub *h);

/* Compare the memory held with `memory_limit`; logs and counts a change of the overload state. */
void quota_look(struct hub *h);

/* Whether a message of this class may be published now. */
bool quota_takes(struct hub *h, enum drop_class drop);

/* Count one error of the client; true when it was one too many. */
bool quota_error(struct session *s, enum err e);

/* The client and its address are counted from here to quota_drop(). False: no memory. */
bool quota_count(struct session *s, struct slice address);
void quota_drop(struct session *s);

#endif
