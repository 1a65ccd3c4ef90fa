/*
 * unsubscribe: receive event types no longer.
 */
#include "gateway/verbs/enter.h"

enum err verb_unsubscribe(struct verb_call *v)
{
	return leave_topics(v, TOPIC_EVENT);
}
