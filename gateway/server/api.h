/*
 * The HTTP API, from a request's head to its answer.
 *
 * api_routes.c has the table: a method, a path, a scope, and a function that is called when the request is
 * whole. It starts something (usually in the hub) whose end is api_call_done(); the answer goes out when
 * lws can write. The connection may go at any time; then the call goes on to its end, and nobody hears of it.
 */
#ifndef ROOMCAST_API_H
#define ROOMCAST_API_H

#include "gateway/server/admin_core.h"
#include "gateway/server/api_path.h"

struct api_route {
	const char *method; /* GET answers HEAD too */
	const char *path;
	unsigned int scope;                           /* one of api_keys.h */
	unsigned int query;                           /* parameters that it takes */
	int status;                                   /* of a good answer */
	int64_t (*body_most)(const struct config *c); /* bytes; NULL: it is read with GET */

	/* Not ERR_OK: refused at once, and api_call_done() must not be called. */
	enum err (*handle)(struct api_call *c);
	const char *gone; /* said for ERR_GONE; NULL: the error's own sentence */
};
extern const struct api_route api_routes[];
extern const size_t api_routes_n;

/* Who asks. */
struct api_caller {
	unsigned int scopes;
	const char *key; /* its name, until the keys are read again; NULL: none was needed */
};

enum api_state { API_READING, API_WAITING, API_ANSWERED };

struct api_call {
	struct list_node node;
	struct admin *admin;
	struct admin_guest *guest; /* NULL: gone */
	const struct api_route *route;
	enum api_state state;
	enum err e;
	bool head, keep_alive;
	bool excess; /* more came than was announced: the next request is lost in it */
	bool late;   /* less came than was announced, for too long */
	struct timer slow;
	struct api_query query;
	size_t name_n;
	char name[TOPIC_NAME_MAX]; /* from the path */
	char key[65];              /* the caller's, for the log */
	char detail[160];          /* why, or empty */
	struct buf reply;
	void *own; /* of the route; `fini` frees it */
	void (*fini)(void *own);
	size_t n, length;
	char body[];
};

/* The end of a call: an inspect_done with the call as `ctx`. Also from inside `handle`. */
void api_call_done(void *ctx, enum err e, struct slice json);

/* What a person is told with an error that `handle` returns. */
enum err api_call_refuse(struct api_call *c, enum err e, const char *detail);
struct slice api_call_name(const struct api_call *c);

/* The body as an object with some of these fields, each a name or an id. Absent: NULL. An empty body is {}. */
struct api_field {
	const char *name;
	struct slice text;
};
enum err api_call_fields(struct api_call *c, struct api_field *fields, size_t n) must_check;

/* --- for admin.c --- */

bool api_is_path(const char *path);

/* A request with its head complete: `length` bytes of body come. The value is for lws. */
int api_request(struct admin *a, struct admin_guest *g, const char *path, int method,
                int64_t length);

/* Whether this key, or none, may be used here. False: refused, `*answer` is for lws. */
bool api_admit(struct admin *a, struct lws *wsi, struct api_caller *who, int *answer);

/* A request that may be answered: read its body, if any, then do it. */
int api_call_begin(struct admin_guest *g, const struct api_call *head, size_t length);

/* lws's callbacks for a connection with a call under way. */
int api_call_body(struct api_call *c, const char *piece, size_t n);
int api_call_body_ends(struct api_call *c);
int api_call_writable(struct api_call *c);
void api_call_abandoned(struct api_call *c);
void api_call_free_all(struct admin *a);

/* Routes with files of their own. */
enum err api_publish(struct api_call *c);
enum err api_publish_batch(struct api_call *c);

#endif
