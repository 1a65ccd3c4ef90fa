/*
 * leave: leave rooms.
 */
#include "gateway/verbs/enter.h"

enum err verb_leave(struct verb_call *v)
{
	return leave_topics(v, TOPIC_ROOM);
}
