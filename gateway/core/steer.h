/*
 * What an operator does to clients and gateways, wherever in the cluster they are. Names, errors and `done`
 * are those of inspect.h; nodes that did not answer stand in "unanswered": there it may have been done.
 */
#ifndef ROOMCAST_STEER_H
#define ROOMCAST_STEER_H

#include "gateway/core/inspect.h"

/* Close with 4003: {"disconnected":n}. A client, user or room that is not there: ERR_GONE. */
enum err steer_disconnect_client(struct hub *h, struct slice id, inspect_done *done, void *ctx)
	must_check;
enum err steer_disconnect_user(struct hub *h, struct slice user, inspect_done *done, void *ctx)
	must_check;
enum err steer_disconnect_room(struct hub *h, struct slice room, inspect_done *done, void *ctx)
	must_check;

/* Out of this room only: {"kicked":n}. Either `client` or all clients of `user`; the other is NULL. Who
 * is not in the room: ERR_GONE. */
enum err steer_kick(struct hub *h, struct slice room, struct slice client, struct slice user,
                    inspect_done *done, void *ctx) must_check;

/* Let a gateway send its clients away and end, as SIGTERM does: {"node":…,"draining":true}. Again:
 * the same answer. ERR_NOT_SUPPORTED: the process of that hub cannot (hub_options.drain is NULL). */
enum err steer_drain(struct hub *h, struct slice node, inspect_done *done, void *ctx) must_check;

#endif
