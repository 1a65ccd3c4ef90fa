/*
 * POST /v1/publish: read the body, hand it to the hub, answer when the tier has.
 *
 * The connection may go at any time; then the answer finds nobody and the request ends there.
 */
#include "broker-common/buf.h"
#include "gateway/core/hub.h"
#include "gateway/server/admin_core.h"

#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

enum publish_state { PUBLISH_READING, PUBLISH_WAITING, PUBLISH_ANSWERED };

struct publish {
	struct list_node node;
	struct admin *admin;
	struct lws *wsi; /* NULL: gone */
	enum publish_state state;
	enum err e;
	struct tier_accepted accepted;
	bool keep_alive;
	bool excess; /* more came than was announced: the next request is lost in it */
	char detail[128];
	size_t n, length;
	char body[];
};

static void publish_free(struct publish *p)
{
	list_remove(&p->node);
	if (p->wsi != NULL)
		lws_set_opaque_user_data(p->wsi, NULL);
	free(p);
}

void publish_free_all(struct admin *a)
{
	struct list_node *n;

	while ((n = list_first(&a->publishes)) != NULL)
		publish_free(container_of(n, struct publish, node));
}

void publish_abandoned(struct publish *p)
{
	p->wsi = NULL;
	if (p->state != PUBLISH_WAITING)
		publish_free(p);
}

int publish_begin(struct admin *a, struct lws *wsi, size_t length)
{
	struct publish *p = malloc(sizeof *p + length);

	if (p == NULL)
		return admin_error(wsi, ERR_INTERNAL, NULL, false);
	*p = (struct publish){
		.admin = a, .wsi = wsi, .length = length, .keep_alive = admin_may_go_on(wsi)
	};
	list_push(&a->publishes, &p->node);
	lws_set_opaque_user_data(wsi, p);
	return 0;
}

/* Answers go out from one place, when lws says that it can write. */
static void answered(struct publish *p, enum err e)
{
	p->state = PUBLISH_ANSWERED;
	p->e = e;
	lws_callback_on_writable(p->wsi);
}

static void on_published(void *ctx, enum err e, const struct tier_accepted *a)
{
	struct publish *p = ctx;

	if (p->wsi == NULL) {
		publish_free(p);
		return;
	}
	if (e == ERR_OK)
		p->accepted = *a;
	answered(p, e);
}

static void submit(struct publish *p)
{
	const char *detail = NULL;
	char scratch[128];
	enum err e;

	if (p->state != PUBLISH_READING)
		return;
	p->state = PUBLISH_WAITING;
	e = hub_publish_json(p->admin->hub, p->body, p->n, scratch, &detail, on_published, p);
	if (e == ERR_OK)
		return;
	if (detail != NULL)
		strncpy(p->detail, detail, sizeof p->detail - 1);
	answered(p, e);
}

/* lws counts a body that is too long below zero and then never calls it complete. */
int publish_body(struct publish *p, const char *piece, size_t n)
{
	size_t left = p->length - p->n;

	if (p->state != PUBLISH_READING || n > left)
		p->excess = true;
	if (p->state != PUBLISH_READING || n == 0)
		return 0;
	memcpy(p->body + p->n, piece, n < left ? n : left);
	p->n += n < left ? n : left;
	if (p->excess)
		submit(p);
	return 0;
}

int publish_body_ends(struct publish *p)
{
	submit(p);
	return 0;
}

static int answer_accepted(struct publish *p, bool keep_alive)
{
	struct buf body;
	int answer = -1;

	buf_init(&body);
	buf_printf(&body, "{\"nodes\":%u,\"receivers\":%llu%s}\n", p->accepted.nodes,
	           (unsigned long long)p->accepted.receivers,
	           p->accepted.duplicate ? ",\"duplicate\":true" : "");
	if (!body.failed)
		answer = admin_answer(p->wsi,
		                      &(struct http_reply){ .status = 200,
		                                            .body = buf_view(&body),
		                                            .keep_alive = keep_alive });
	buf_fini(&body);
	return answer;
}

int publish_writable(struct publish *p)
{
	bool excess = p->excess, keep_alive = p->keep_alive && !excess;
	int answer;

	if (p->state != PUBLISH_ANSWERED)
		return 0;
	if (p->e == ERR_OK)
		answer = answer_accepted(p, keep_alive);
	else
		answer = admin_error(p->wsi, p->e, p->detail[0] != '\0' ? p->detail : NULL,
		                     keep_alive);
	publish_free(p);
	return excess ? -1 : answer;
}
