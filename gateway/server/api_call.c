/*
 * One request to the API: read its body, let its route do it, answer.
 */
#include "broker-common/json.h"
#include "broker-common/log.h"
#include "gateway/base/config.h"
#include "gateway/base/lws_loop.h"
#include "gateway/server/api.h"

#include <libwebsockets.h>
#include <stdlib.h>

#define BODIES_MOST 8 /* of the largest size, held at a time by all calls */

static const struct http_refusal too_slow = { 408, "request_timeout",
	                                      "the body did not come in time", NULL };

static void call_free(struct api_call *c)
{
	list_remove(&c->node);
	timer_stop(&c->slow);
	if (c->guest != NULL)
		c->guest->call = NULL;
	if (c->fini != NULL)
		c->fini(c->own);
	c->admin->body_bytes -= c->length;
	buf_fini(&c->reply);
	free(c);
}

void api_call_free_all(struct admin *a)
{
	struct list_node *n;

	while ((n = list_first(&a->calls)) != NULL)
		call_free(container_of(n, struct api_call, node));
}

void api_call_abandoned(struct api_call *c)
{
	c->guest->call = NULL;
	c->guest = NULL;
	if (c->state != API_WAITING)
		call_free(c);
}

/* --- its end ------------------------------------------------------------------------------------------------- */

/* Who did what to the cluster. */
static void log_order(const struct api_call *c)
{
	char address[HTTP_ADDRESS_MAX] = "";
	struct slice peer = slice_of(address);

	if (c->route->body_most == NULL || !(c->route->scope & API_ADMIN))
		return;
	if (c->guest != NULL)
		peer = http_peer(c->guest->wsi, address);
	log_write(LOG_INFO, "api.order", LOG_TEXT("key", c->key), LOG_SLICE("address", peer),
	          LOG_TEXT("path", c->route->path), LOG_SLICE("name", api_call_name(c)),
	          LOG_TEXT("result", c->e == ERR_OK ? "ok" : err_name(c->e)), LOG_END);
}

/* Answers go out from one place, when lws says that it can write. */
static void answered(struct api_call *c)
{
	timer_stop(&c->slow);
	log_order(c);
	c->state = API_ANSWERED;
	if (c->guest == NULL) {
		call_free(c);
		return;
	}
	/* Who does not read its answer is not waited for either. */
	lws_set_timeout(c->guest->wsi, PENDING_TIMEOUT_HTTP_CONTENT,
	                (int)((c->admin->config->api_body_ms + 999) / 1000));
	lws_callback_on_writable(c->guest->wsi);
	lws_loop_poke(c->admin->lws);
}

void api_call_done(void *ctx, enum err e, struct slice json)
{
	struct api_call *c = ctx;

	c->e = e;
	if (e == ERR_OK) {
		buf_slice(&c->reply, json);
		buf_char(&c->reply, '\n');
		if (c->reply.failed)
			c->e = ERR_INTERNAL;
	}
	answered(c);
}

enum err api_call_refuse(struct api_call *c, enum err e, const char *detail)
{
	strncpy(c->detail, detail, sizeof c->detail - 1);
	return e;
}

struct slice api_call_name(const struct api_call *c)
{
	return (struct slice){ c->name, c->name_n };
}

/* --- its beginning --------------------------------------------------------------------------------------------- */

static void submit(struct api_call *c)
{
	enum err e;

	if (c->state != API_READING)
		return;
	timer_stop(&c->slow);
	/* The tier has time limits of its own. */
	lws_set_timeout(c->guest->wsi, NO_PENDING_TIMEOUT, 0);
	c->state = API_WAITING;
	e = c->route->handle(c);
	if (e == ERR_OK)
		return;
	c->e = e;
	answered(c);
}

static void on_slow(void *ctx)
{
	struct api_call *c = ctx;

	c->late = true;
	c->state = API_ANSWERED;
	lws_callback_on_writable(c->guest->wsi);
	lws_loop_poke(c->admin->lws);
}

static bool has_room(const struct admin *a, size_t length)
{
	const struct config *c = a->config;
	int64_t largest = c->api_batch_bytes > c->max_message_bytes ? c->api_batch_bytes
								    : c->max_message_bytes;

	return length == 0 || a->body_bytes + length <= (size_t)largest * BODIES_MOST;
}

int api_call_begin(struct admin_guest *g, const struct api_call *head, size_t length)
{
	struct admin *a = g->admin;
	struct api_call *c = has_room(a, length) ? malloc(sizeof *c + length) : NULL;

	if (c == NULL)
		return admin_error(g->wsi, ERR_OVERLOADED, NULL, NULL, admin_may_go_on(g->wsi));
	*c = *head;
	c->admin = a;
	c->guest = g;
	c->length = length;
	c->keep_alive = admin_may_go_on(g->wsi);
	buf_init(&c->reply);
	timer_init(&c->slow, a->loop, on_slow, c);
	a->body_bytes += length;
	list_push(&a->calls, &c->node);
	g->call = c;
	if (c->route->body_most == NULL)
		submit(c);
	else
		timer_set(&c->slow, (uint64_t)a->config->api_body_ms);
	return 0;
}

/* lws counts a body that is too long below zero and then never calls it complete. */
int api_call_body(struct api_call *c, const char *piece, size_t n)
{
	size_t left = c->length - c->n;

	if (c->state != API_READING || n > left)
		c->excess = true;
	if (c->state != API_READING || n == 0)
		return 0;
	memcpy(c->body + c->n, piece, n < left ? n : left);
	c->n += n < left ? n : left;
	if (c->excess)
		submit(c);
	return 0;
}

int api_call_body_ends(struct api_call *c)
{
	submit(c);
	return 0;
}

/* --- bodies of orders -------------------------------------------------------------------------------------------- */

static enum err take_field(struct api_call *c, struct api_field *fields, size_t n, struct slice key,
                           struct slice value)
{
	for (size_t i = 0; i < n; i++) {
		if (!json_text_is(key, fields[i].name))
			continue;
		if (fields[i].text.p != NULL)
			return api_call_refuse(c, ERR_BAD_FRAME, "a field is there twice");
		if (json_type_of(value) != JSON_STRING || !json_unescape(value, &fields[i].text) ||
		    !topic_name_ok(fields[i].text))
			return api_call_refuse(c, ERR_BAD_FRAME, "a field is not a name or an id");
		return ERR_OK;
	}
	return api_call_refuse(c, ERR_BAD_FRAME, "this path knows no such field");
}

enum err api_call_fields(struct api_call *c, struct api_field *fields, size_t n)
{
	struct slice body = { c->body, c->n }, key, value;
	const char *why;
	enum err e = ERR_OK;
	size_t at = 0;

	if (body.n == 0)
		return ERR_OK;
	switch (json_check(body, &json_default_limits, &why)) {
	case JSON_INVALID: return api_call_refuse(c, ERR_BAD_JSON, why);
	case JSON_OBJECT: break;
	default: return api_call_refuse(c, ERR_BAD_FRAME, "the body is not a JSON object");
	}
	while (e == ERR_OK && json_next_member(body, &at, &key, &value))
		e = take_field(c, fields, n, key, value);
	return e;
}

/* --- its answer ---------------------------------------------------------------------------------------------------- */

static const char *detail_of(const struct api_call *c)
{
	if (c->detail[0] != '\0')
		return c->detail;
	if (c->e == ERR_GONE)
		return c->route->gone;
	if (c->route->scope == API_PUBLISH)
		return NULL;
	if (c->e == ERR_OVERLOADED)
		return "too many such requests are under way; try again";
	if (c->e == ERR_UNCERTAIN)
		return "the gateway that knows did not answer in time";
	return NULL;
}

static int send_reply(struct api_call *c, bool keep_alive)
{
	return admin_answer(c->guest->wsi,
	                    &(struct http_reply){ .status = c->route->status,
	                                          .body = buf_view(&c->reply),
	                                          .keep_alive = keep_alive,
	                                          .no_body = c->head });
}

static int send_error(struct api_call *c, bool keep_alive)
{
	const char *detail = detail_of(c);
	struct buf body;
	int answer = -1;

	buf_init(&body);
	http_error_body(&body, err_number(c->e), err_name(c->e),
	                detail != NULL ? detail : err_sentence(c->e));
	if (!body.failed)
		answer = admin_answer(c->guest->wsi,
		                      &(struct http_reply){ .status = err_http_status(c->e),
		                                            .body = buf_view(&body),
		                                            .keep_alive = keep_alive,
		                                            .no_body = c->head });
	buf_fini(&body);
	return answer;
}

int api_call_writable(struct api_call *c)
{
	bool lost = c->excess || c->late, keep_alive = c->keep_alive && !lost;
	int answer = -1;

	if (c->state != API_ANSWERED)
		return 0;
	if (c->late)
		http_refuse(c->guest->wsi, &too_slow, false);
	else if (c->e == ERR_OK)
		answer = send_reply(c, keep_alive);
	else
		answer = send_error(c, keep_alive);
	call_free(c);
	return lost ? -1 : answer;
}
