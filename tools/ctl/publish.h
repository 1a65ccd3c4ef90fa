/* One message to publish, on either road. */
#ifndef ROOMCAST_CTL_PUBLISH_H
#define ROOMCAST_CTL_PUBLISH_H

#include "broker-common/buf.h"
#include "broker-common/topic.h"

struct outgoing {
	struct topic topic;
	struct slice event_type;
	struct slice payload;
	const char *once, *priority; /* NULL: not said */
};

/* Append its fields as JSON, each with a comma in front, the payload last. */
void outgoing_write(struct buf *b, const struct outgoing *m);

/* Say what became of it: a sentence, or with `json` the topic and the fields of the answer. */
bool outgoing_say_done(const struct outgoing *m, struct slice answer, bool json);

/* POST /v1/publish. The exit code. */
int publish_over_http(const struct outgoing *m, bool json);

#endif
