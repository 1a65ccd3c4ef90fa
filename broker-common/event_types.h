/*
 * Event types whose payload the server knows and checks: event_types.def.
 */
#ifndef ROOMCAST_EVENT_TYPES_H
#define ROOMCAST_EVENT_TYPES_H

#include "broker-common/err.h"
#include "broker-common/slice.h"

/* ERR_OK for a type it does not know; ERR_BAD_PAYLOAD with `scratch` naming the field and what it
 * must be; ERR_FORBIDDEN for `roomcast.*`, the server's own. `payload` has passed json_check(). */
enum err event_type_check(struct slice event_type, struct slice payload, char scratch[128])
	must_check;

#endif
