/*
 * ack: the client has received messages that asked for it.
 */
#include "gateway/verbs/verb.h"

static bool named_before(const struct frame *f, uint32_t at)
{
	for (uint32_t i = 0; i < at; i++)
		if (slice_eq(f->names[i], f->names[at]))
			return true;
	return false;
}

enum err verb_ack(struct verb_call *v)
{
	const struct frame *f = v->frame;

	for (uint32_t i = 0; i < f->n_names; i++)
		if (!named_before(f, i))
			client_confirm(v->session, f->names[i]);
	return ERR_OK;
}
