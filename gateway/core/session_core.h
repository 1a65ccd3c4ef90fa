/*
 * What the core's own files do with sessions.
 */
#ifndef ROOMCAST_SESSION_CORE_H
#define ROOMCAST_SESSION_CORE_H

#include "gateway/core/state.h"

map_key session_key;
struct session *session_find(struct hub *h, struct slice id);

/* Queue a shared message; a client whose queue is full and may not drop is closed. Sessions that are
 * closing take nothing. */
void session_push(struct session *s, struct message *m);

/* Messages were given up for it; `why`: DROPPED_… of metrics.h. */
void session_dropped(struct session *s, int why, uint32_t messages);

/* A gap stands at the end of `lane` now. */
void session_gap(struct session *s, enum lane lane, struct slice topic, enum gap_reason why,
                 uint32_t count);

void session_unref(struct session *s);

/* What made its frames wait may be over. */
void session_go_on(struct session *s);

/* As the logs and operators have it. */
const char *session_state_name(const struct session *s);

/* The one place where a state changes. */
void session_move(struct session *s, enum session_state to);

/* Hub's deferred call: sessions that were closed or went leave their topics. */
void session_end_all(void *hub);

/* membership.c: leave every topic. */
void membership_leave_all(struct session *s);

/* A confirmation for the client with this id has come. acks.c */
void session_confirmed(struct hub *h, struct slice client, const struct parcel *p);
void session_forget_acks(struct session *s);

/* welcome.c: attach to its own topics, then say so. */
void session_welcome(struct session *s);

/* Send it away before its welcome: `reconnect`, close 1013. */
void session_refuse(struct session *s, const char *reason);

/* Send it away before its welcome because of its token: 4001, 4002, or 1013 for ERR_UNAVAILABLE. */
void session_deny(struct session *s, enum err why);

/* Whose it is from now on; false: no memory. It had none. */
bool session_set_user(struct session *s, struct slice user) must_check;
void session_drop_user(struct session *s);

/* The frames of `reconnect` before a close that shall not be for ever. */
void session_send_reconnect(struct session *s, uint64_t after_ms, const char *reason);

/* publish.c: publishes whose answers will not come any more. */
void hub_forget_publishes(struct hub *h);

/* hub.c: longest delay of the loop since this reader asked last. */
uint64_t hub_lag_ms(struct hub *h, enum lag_reader reader);
const char *hub_status_word(const struct hub *h, bool ready); /* ok, degraded, draining */

/* drain.c */
void drain_init(struct hub *h);
void drain_fini(struct hub *h);

/* heartbeat.c */
void heartbeat_init(struct hub *h);
void heartbeat_fini(struct hub *h);
void heartbeat_add(struct session *s);
void heartbeat_heard(struct session *s);

#endif
