/*
 * history: messages of a topic since a point. No tier keeps a log yet.
 */
#include "gateway/verbs/verb.h"

enum err verb_history(struct verb_call *v)
{
	(void)v;
	return ERR_NOT_SUPPORTED;
}
