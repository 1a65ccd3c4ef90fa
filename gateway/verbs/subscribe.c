/*
 * subscribe: receive event types.
 */
#include "gateway/verbs/enter.h"

enum err verb_subscribe(struct verb_call *v)
{
	return enter_topics(v, TOPIC_EVENT);
}
