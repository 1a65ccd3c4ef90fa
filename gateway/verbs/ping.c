/*
 * ping: for browsers, which cannot see WebSocket pings.
 */
#include "gateway/verbs/verb.h"

enum err verb_ping(struct verb_call *v)
{
	struct buf *b = client_text(v->session);

	buf_str(b, "{\"type\":\"pong\"");
	if (v->frame->id.p != NULL) {
		buf_str(b, ",\"id\":");
		buf_slice(b, v->frame->id);
	}
	buf_char(b, '}');
	client_send(v->session, b);
	return ERR_OK;
}
