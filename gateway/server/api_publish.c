/*
 * POST /v1/publish and /v1/publish/batch.
 *
 * A batch that has been read is published to its end, message by message in their order, whether or not
 * anybody waits for the answer; a message that is refused does not keep back those behind it.
 */
#include "broker-common/json.h"
#include "gateway/base/config.h"
#include "gateway/core/hub.h"
#include "gateway/server/api.h"

#include <stdlib.h>

#define BATCH_MOST 100u

static void write_accepted(struct buf *out, const struct tier_accepted *a)
{
	buf_printf(out, "{\"nodes\":%u,\"receivers\":%llu%s}", a->nodes,
	           (unsigned long long)a->receivers, a->duplicate ? ",\"duplicate\":true" : "");
}

/* --- one ----------------------------------------------------------------------------------------------------- */

static void on_published(void *ctx, enum err e, const struct tier_accepted *a)
{
	struct api_call *c = ctx;

	if (e == ERR_OK)
		write_accepted(&c->reply, a);
	api_call_done(c, e, (struct slice){ "", 0 });
}

enum err api_publish(struct api_call *c)
{
	const char *detail = NULL;
	char scratch[128];
	enum err e = hub_publish_json(c->admin->hub, c->body, c->n, scratch, &detail, on_published,
	                              c);

	return detail == NULL ? e : api_call_refuse(c, e, detail);
}

/* --- many ---------------------------------------------------------------------------------------------------- */

struct batch {
	struct api_call *call;
	size_t n, at;
	struct slice message[BATCH_MOST];
};

static void begin_result(struct batch *b)
{
	if (b->at++ > 0)
		buf_char(&b->call->reply, ',');
}

static void add_error(struct batch *b, enum err e, const char *detail)
{
	begin_result(b);
	http_error_object(&b->call->reply, err_number(e), err_name(e),
	                  detail != NULL ? detail : err_sentence(e));
}

static void go_on(struct batch *b);

static void on_message(void *ctx, enum err e, const struct tier_accepted *a)
{
	struct batch *b = ctx;

	if (e == ERR_OK) {
		begin_result(b);
		write_accepted(&b->call->reply, a);
	} else {
		add_error(b, e, NULL);
	}
	go_on(b);
}

/* Each may be as large as one alone. */
static enum err publish(struct batch *b, struct slice m, char scratch[128], const char **detail)
{
	const struct admin *a = b->call->admin;

	if (m.n > (size_t)a->config->max_message_bytes)
		return ERR_TOO_BIG;
	return hub_publish_json(a->hub, (char *)m.p, m.n, scratch, detail, on_message, b);
}

/* Until one has to be waited for. */
static void go_on(struct batch *b)
{
	while (b->at < b->n) {
		const char *detail = NULL;
		char scratch[128];
		enum err e = publish(b, b->message[b->at], scratch, &detail);

		if (e == ERR_OK)
			return;
		add_error(b, e, detail);
	}
	api_call_done(b->call, ERR_OK, slice_of("]}"));
}

/* The messages' slices; they have not been looked into. */
static enum err read_messages(struct api_call *c, struct batch *b, struct slice array)
{
	struct slice m;
	size_t at = 0;

	if (json_type_of(array) != JSON_ARRAY)
		return api_call_refuse(c, ERR_BAD_FRAME, "messages is not an array");
	while (json_next_element(array, &at, &m)) {
		if (b->n == BATCH_MOST)
			return api_call_refuse(c, ERR_BAD_FRAME, "more than 100 messages");
		b->message[b->n++] = m;
	}
	return b->n > 0 ? ERR_OK : api_call_refuse(c, ERR_BAD_FRAME, "there is no message in it");
}

static enum err read_batch(struct api_call *c, struct batch *b)
{
	/* As deep as one alone may be. */
	struct json_limits limits = { .depth = json_default_limits.depth + 2,
		                      .keys = json_default_limits.keys };
	struct slice body = { c->body, c->n }, key, value, array = { NULL, 0 };
	const char *why;
	size_t at = 0;

	switch (json_check(body, &limits, &why)) {
	case JSON_INVALID: return api_call_refuse(c, ERR_BAD_JSON, why);
	case JSON_OBJECT: break;
	default: return api_call_refuse(c, ERR_BAD_FRAME, "the body is not a JSON object");
	}
	while (json_next_member(body, &at, &key, &value)) {
		if (!json_text_is(key, "messages"))
			return api_call_refuse(c, ERR_BAD_FRAME, "this path knows no such field");
		if (array.p != NULL)
			return api_call_refuse(c, ERR_BAD_FRAME, "a field is there twice");
		array = value;
	}
	if (array.p == NULL)
		return api_call_refuse(c, ERR_MISSING_FIELD, "messages is missing");
	return read_messages(c, b, array);
}

enum err api_publish_batch(struct api_call *c)
{
	struct batch *b = calloc(1, sizeof *b);
	enum err e;

	if (b == NULL)
		return ERR_INTERNAL;
	b->call = c;
	c->own = b;
	c->fini = free;
	e = read_batch(c, b);
	if (e != ERR_OK)
		return e;
	buf_str(&c->reply, "{\"results\":[");
	go_on(b);
	return ERR_OK;
}
