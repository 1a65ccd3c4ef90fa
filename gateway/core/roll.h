/*
 * A roll: clients of several gateways as one page, from their answers to `clients`, `room` and `user`.
 */
#ifndef ROOMCAST_CORE_ROLL_H
#define ROOMCAST_CORE_ROLL_H

#include "gateway/core/inquiry.h"

struct roll_entry {
	struct slice id, client; /* the whole object; in a source's answer */
};

struct roll {
	struct roll_entry *entries; /* by id; each is on the gateway that says so */
	size_t n;
	uint64_t all; /* clients that the gateways count, on whatever page */
	bool more;    /* behind the last one */
};

/* Read what all sources of `q` said: its page of `limit` behind `after`. Answers that make no sense are
 * refused. False: no memory. */
bool roll_read(struct roll *r, struct inquiry *q) must_check;
void roll_fini(struct roll *r);

/* Check what one client is said to be, by this source; false: it is nothing of the kind. */
bool roll_is_client(const struct source *s, struct slice client);

#endif
