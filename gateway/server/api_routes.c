/*
 * What the HTTP API offers. A new route is a row in the table, a function above it, and its words in
 * openapi.json.
 */
#include "gateway/base/config.h"
#include "gateway/core/inspect.h"
#include "gateway/core/steer.h"
#include "gateway/server/api.h"

#define ORDER_MOST 1024 /* bytes of a body that is not a message */

extern const char server_openapi_json[];
extern const size_t server_openapi_json_len;

/* --- bodies ---------------------------------------------------------------------------------------------------- */

static int64_t order_most(const struct config *c)
{
	(void)c;
	return ORDER_MOST;
}

static int64_t message_most(const struct config *c)
{
	return c->max_message_bytes;
}

static int64_t batch_most(const struct config *c)
{
	return c->api_batch_bytes;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

static struct slice text(const struct api_call *c, unsigned int which)
{
	return api_query_text(&c->query, which);
}

static size_t limit(const struct api_call *c)
{
	return (size_t)c->query.limit;
}

static enum err rooms(struct api_call *c)
{
	return inspect_rooms(c->admin->hub, text(c, API_PREFIX), text(c, API_GLOB),
	                     text(c, API_AFTER), limit(c), api_call_done, c);
}

static enum err room(struct api_call *c)
{
	return inspect_room(c->admin->hub, api_call_name(c), text(c, API_AFTER), limit(c),
	                    api_call_done, c);
}

static enum err user(struct api_call *c)
{
	return inspect_user(c->admin->hub, api_call_name(c), api_call_done, c);
}

static enum err clients(struct api_call *c)
{
	return inspect_clients(c->admin->hub, text(c, API_NODE), text(c, API_AFTER), limit(c),
	                       api_call_done, c);
}

static enum err client(struct api_call *c)
{
	return inspect_client(c->admin->hub, api_call_name(c), api_call_done, c);
}

static enum err nodes(struct api_call *c)
{
	return inspect_nodes(c->admin->hub, api_call_done, c);
}

static enum err stats(struct api_call *c)
{
	return inspect_stats(c->admin->hub, api_call_done, c);
}

static enum err config(struct api_call *c)
{
	config_json(c->admin->config, &c->reply);
	api_call_done(c, ERR_OK, (struct slice){ "", 0 });
	return ERR_OK;
}

static enum err description(struct api_call *c)
{
	/* The file's last byte is the line end that every answer has. */
	api_call_done(c, ERR_OK,
	              (struct slice){ server_openapi_json, server_openapi_json_len - 1 });
	return ERR_OK;
}

/* --- orders -------------------------------------------------------------------------------------------------------- */

typedef enum err order(struct hub *h, struct slice name, inspect_done *done, void *ctx);

static enum err give(struct api_call *c, order *o)
{
	enum err e = api_call_fields(c, NULL, 0);

	return e != ERR_OK ? e : o(c->admin->hub, api_call_name(c), api_call_done, c);
}

static enum err disconnect_client(struct api_call *c)
{
	return give(c, steer_disconnect_client);
}

static enum err disconnect_user(struct api_call *c)
{
	return give(c, steer_disconnect_user);
}

static enum err disconnect_room(struct api_call *c)
{
	return give(c, steer_disconnect_room);
}

static enum err drain(struct api_call *c)
{
	return give(c, steer_drain);
}

static enum err kick(struct api_call *c)
{
	struct api_field who[] = { { "client", { NULL, 0 } }, { "user", { NULL, 0 } } };
	enum err e = api_call_fields(c, who, 2);

	if (e != ERR_OK)
		return e;
	if ((who[0].text.p == NULL) == (who[1].text.p == NULL))
		return api_call_refuse(c, ERR_BAD_FRAME, "either client or user must be given");
	return steer_kick(c->admin->hub, api_call_name(c), who[0].text, who[1].text, api_call_done,
	                  c);
}

/* --- the table ----------------------------------------------------------------------------------------------------- */

static const char no_room[] = "nobody is in this room", no_user[] = "this user has no connection",
		  no_client[] = "no such client; it has disconnected",
		  no_node[] = "there is no such gateway in this cluster",
		  not_in_room[] = "nobody like that is in this room";

/* clang-format off */
const struct api_route api_routes[] = {
	/* method, path,                          scope,       parameters,                        status, body,         handler,             when gone */
	{ "POST", "/v1/publish",                  API_PUBLISH, 0,                                 200, message_most, api_publish,        NULL },
	{ "POST", "/v1/publish/batch",            API_PUBLISH, 0,                                 200, batch_most,   api_publish_batch,  NULL },
	{ "GET",  "/v1/rooms",                    API_READ,    API_PREFIX | API_GLOB | API_PAGED, 200, NULL,         rooms,              NULL },
	{ "GET",  "/v1/rooms/{room}",             API_READ,    API_PAGED,                         200, NULL,         room,               no_room },
	{ "POST", "/v1/rooms/{room}/disconnect",  API_ADMIN,   0,                                 200, order_most,   disconnect_room,    no_room },
	{ "POST", "/v1/rooms/{room}/kick",        API_ADMIN,   0,                                 200, order_most,   kick,               not_in_room },
	{ "GET",  "/v1/users/{user}",             API_READ,    0,                                 200, NULL,         user,               no_user },
	{ "POST", "/v1/users/{user}/disconnect",  API_ADMIN,   0,                                 200, order_most,   disconnect_user,    no_user },
	{ "GET",  "/v1/clients",                  API_READ,    API_NODE | API_PAGED,              200, NULL,         clients,            no_node },
	{ "GET",  "/v1/clients/{client}",         API_READ,    0,                                 200, NULL,         client,             no_client },
	{ "POST", "/v1/clients/{client}/disconnect", API_ADMIN, 0,                                200, order_most,   disconnect_client,  no_client },
	{ "GET",  "/v1/nodes",                    API_READ,    0,                                 200, NULL,         nodes,              NULL },
	{ "POST", "/v1/nodes/{node}/drain",       API_ADMIN,   0,                                 202, order_most,   drain,              no_node },
	{ "GET",  "/v1/stats",                    API_READ,    0,                                 200, NULL,         stats,              NULL },
	{ "GET",  "/v1/config",                   API_ADMIN,   0,                                 200, NULL,         config,             NULL },
	{ "GET",  "/v1/openapi.json",             API_READ,    0,                                 200, NULL,         description,        NULL },
};
/* clang-format on */
const size_t api_routes_n = sizeof api_routes / sizeof *api_routes;
