/*
 * ack: the client has received messages that asked for it.
 */
#include "gateway/verbs/verb.h"

enum err verb_ack(struct verb_call *v)
{
	const struct frame *f = v->frame;

	/* Each id is a message through the tier: it costs what a message costs. */
	if (f->n_names > 1 && !client_rate(v->session, f->n_names - 1))
		return ERR_RATE_LIMITED;
	for (uint32_t i = 0; i < f->n_names; i++)
		client_confirm(v->session, f->names[i]);
	return ERR_OK;
}
