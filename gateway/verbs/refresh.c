/*
 * refresh: a new token for a running connection.
 */
#include "gateway/verbs/verb.h"

enum err verb_refresh(struct verb_call *v)
{
	enum err e = client_refresh(v->session, v->frame->token, v->frame->id);

	if (e == ERR_FORBIDDEN)
		v->detail = "a connection stays its user's; connect anew to become another one";
	else if (e == ERR_NOT_SUPPORTED)
		v->detail = "no keys are configured here, so there are no tokens";
	else if (e == ERR_UNAVAILABLE)
		v->detail = "the keys of tokens are being fetched; try again in a moment";
	return e;
}
