/*
 * What the files of the admin vhost share.
 */
#ifndef ROOMCAST_ADMIN_CORE_H
#define ROOMCAST_ADMIN_CORE_H

#include "broker-common/list.h"
#include "gateway/server/admin.h"
#include "gateway/server/api_keys.h"
#include "gateway/server/http.h"

struct api_call;
struct lws;

struct admin {
	struct hub *hub;
	struct loop *loop;
	struct lws_loop *lws;
	const struct config *config;
	struct metrics *metrics;
	struct lws_vhost *vhost;
	struct list guests; /* connections, the one that asked last at the end */
	uint32_t n_guests;
	struct list calls;     /* requests to the API under way */
	size_t body_bytes;     /* that those may hold */
	struct api_keys *keys; /* NULL: none are configured */
	bool loopback;

	/* Wrong keys: how many more may be told so now, and how many the log has not told of. */
	int64_t guesses_milli;
	uint64_t guessed_ms, told_ms;
	uint32_t untold;
};

/* One connection. */
struct admin_guest {
	struct list_node node;
	struct admin *admin;
	struct lws *wsi;
	struct api_call *call; /* NULL: nothing under way */
	bool leaving;          /* it has been told to make room */
};

/* Send an answer and end the transaction; the value is for lws. */
int admin_answer(struct lws *wsi, const struct http_reply *r);
int admin_refuse(struct lws *wsi, const struct http_refusal *r);

/* `detail` instead of the error's own sentence, `headers` as in struct http_reply; or NULL. */
int admin_error(struct lws *wsi, enum err e, const char *detail, const char *headers,
                bool keep_alive);

/* Unless the client asked for the connection's end, it may go on with it. Only before the body. */
bool admin_may_go_on(struct lws *wsi);

#endif
