/*
 * Answers and requests: what verbs do for a client.
 */
#include "gateway/core/client.h"

#include "broker-common/log.h"
#include "gateway/core/login.h"
#include "gateway/core/quota.h"
#include "gateway/core/session_core.h"

#include <stdlib.h>

struct member client_member(const struct session *s)
{
	return (struct member){
		.client = session_id(s),
		.user = { s->user, s->user_n },
	};
}

enum session_state session_state(const struct session *s)
{
	return s->state;
}

bool client_hello_due(const struct session *s)
{
	return s->hello_due;
}

void client_hello(struct session *s)
{
	s->hello_due = false;
	session_welcome(s);
}

struct buf *client_text(struct session *s)
{
	buf_reset(&s->hub->text);
	return &s->hub->text;
}

bool client_text_failed(const struct session *s)
{
	return s->hub->text.failed;
}

void client_count_error(struct session *s, enum err e)
{
	s->hub->metrics->errors[e]++;
	s->counts.errors++;
	if (quota_error(s, e))
		session_close(s, CLOSE_TOO_MANY_ERRORS);
}

void client_error(struct session *s, struct slice id, enum err e, const char *detail)
{
	struct buf *b;

	if (s->state >= SESSION_DISCONNECTING)
		return;
	if (e == ERR_INTERNAL)
		log_write(LOG_ERROR, "client.internal_error", LOG_SLICE("client", session_id(s)),
		          LOG_END);
	if (id.p != NULL || s->last_error != e) {
		b = client_text(s);
		envelope_error(b, id, e, detail);
		client_send(s, b);
		if (id.p == NULL)
			s->last_error = (uint8_t)e;
	}
	client_count_error(s, e);
}

/* --- requests that are answered later ---------------------------------------------------------- */

void *request_new(struct session *s, size_t size, struct slice id)
{
	struct request *r = calloc(1, size + id.n);

	if (r == NULL)
		return NULL;
	r->session = s;
	if (id.p != NULL) {
		r->id = (struct slice){ (char *)r + size, id.n };
		memcpy((char *)r + size, id.p, id.n);
		s->n_asking++;
	}
	s->refs++;
	list_push(&s->hub->requests, &r->node);
	return r;
}

bool request_is_live(const struct request *r)
{
	return r->session->state <= SESSION_CONNECTED;
}

void request_end(struct request *r)
{
	struct session *s = r->session;

	list_remove(&r->node);
	if (r->fini != NULL)
		r->fini(r);
	if (r->id.p != NULL) {
		s->n_asking--;
		session_go_on(s);
	}
	free(r);
	session_unref(s);
}

/* --- what is allowed ------------------------------------------------------------------------------ */

struct slice client_info(const struct session *s)
{
	return login_info(s);
}

void client_turn_away(struct session *s, struct slice id, enum err e)
{
	s->hub->metrics->connections_refused[REFUSED_UNAUTHENTICATED]++;
	if (e != ERR_UNAVAILABLE)
		client_error(s, id, e, NULL);
	session_deny(s, e);
}

bool client_room_has_presence(const struct session *s, struct slice room)
{
	return config_room_policy(s->hub->config, room).presence != PRESENCE_OFF;
}
