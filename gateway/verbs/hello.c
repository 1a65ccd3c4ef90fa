/*
 * hello: the first frame of a client that could not send its credentials in a header.
 */
#include "gateway/verbs/verb.h"

enum err verb_hello(struct verb_call *v)
{
	if (!client_hello_due(v->session)) {
		v->detail = "hello was not promised (?hello=1), or has come already";
		return ERR_BAD_FRAME;
	}
	client_hello(v->session);
	return ERR_OK;
}
