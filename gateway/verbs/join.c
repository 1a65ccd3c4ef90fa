/*
 * join: become a member of rooms.
 */
#include "gateway/verbs/enter.h"

enum err verb_join(struct verb_call *v)
{
	return enter_topics(v, TOPIC_ROOM);
}
