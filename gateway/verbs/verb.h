/*
 * What a verb is: a function that looks at a decoded frame.
 *
 * Not ERR_OK: the client gets an `error` with the frame's id (and `detail`, where set), and
 * nothing has changed. ERR_OK: the verb has answered, or will. `v->frame` is valid during the call.
 */
#ifndef ROOMCAST_VERB_H
#define ROOMCAST_VERB_H

#include "gateway/core/client.h"

struct verb_call {
	struct hub *hub;
	struct session *session;
	const struct frame *frame;
	const char *detail; /* out: for a person, static */
};

#define VERB(symbol, type, flags) enum err verb_##symbol(struct verb_call *v);
#include "broker-common/verbs.def"

#endif
