/*
 * Entering topics: what join and subscribe share.
 */
#ifndef ROOMCAST_ENTER_H
#define ROOMCAST_ENTER_H

#include "gateway/verbs/verb.h"

/* Enter every topic that the frame names; the answer comes when all are settled. */
enum err enter_topics(struct verb_call *v, enum topic_kind kind);

/* Leave every one of them; the answer is queued at once. */
enum err leave_topics(struct verb_call *v, enum topic_kind kind);

#endif
