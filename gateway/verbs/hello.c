/*
 * hello: the first frame of a client that could not send its credentials in a header.
 */
#include "gateway/verbs/verb.h"

enum err verb_hello(struct verb_call *v)
{
	struct session *s = v->session;
	enum err e;

	if (!client_hello_due(s)) {
		v->detail = "hello was not promised (?hello=1), or has come already";
		return ERR_BAD_FRAME;
	}
	e = client_login(s, v->frame->token);
	if (e == ERR_OK)
		client_hello(s);
	else
		client_turn_away(s, v->frame->id, e);
	return ERR_OK;
}
