/*
 * refresh: a new token for a running connection. There are no tokens in open mode.
 */
#include "gateway/verbs/verb.h"

enum err verb_refresh(struct verb_call *v)
{
	(void)v;
	return ERR_NOT_SUPPORTED;
}
