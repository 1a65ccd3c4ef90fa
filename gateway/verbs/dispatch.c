#include "gateway/verbs/dispatch.h"

#include "broker-common/utf8.h"
#include "gateway/verbs/verb.h"

static enum err (*const verbs[VERB_COUNT])(struct verb_call *v) = {
#define VERB(symbol, type, flags) [VERB_##symbol] = verb_##symbol,
#include "broker-common/verbs.def"
};

void dispatch_input(struct hub *h, struct session *s, char *text, size_t n)
{
	struct frame frame;
	struct verb_call call = { .hub = h, .session = s, .frame = &frame };
	char scratch[128];
	enum err e = envelope_decode(text, n, &frame, scratch, &call.detail);

	/* Valid JSON is valid UTF-8, so only what is wrong has to be looked at twice. */
	if (e == ERR_BAD_JSON && !utf8_is((struct slice){ text, n })) {
		session_close(s, CLOSE_NOT_UTF8);
		return;
	}
	/* Decoded first, so that a refusal carries the frame's id. */
	if (!client_rate(s, e == ERR_OK && frame.n_names > 1 ? frame.n_names : 1)) {
		client_error(s, frame.id, ERR_RATE_LIMITED, NULL);
		return;
	}
	if (client_hello_due(s) && (e != ERR_OK || frame.verb != VERB_hello)) {
		client_error(s, frame.id, ERR_NOT_AUTHENTICATED, "the first frame must be hello");
		session_close(s, CLOSE_UNAUTHENTICATED);
		return;
	}
	if (e == ERR_OK) {
		call.detail = NULL;
		e = verbs[frame.verb](&call);
	}
	if (e != ERR_OK)
		client_error(s, frame.id, e, call.detail);
}
