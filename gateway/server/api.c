/*
 * A request's head: which route, who asks, what it asks for.
 */
#include "gateway/server/api.h"

#include "gateway/base/config.h"

#include <libwebsockets.h>
#include <strings.h>

#define ROOT "/v1/"
#define ARGUMENT_MOST 16384 /* more than all of a request's headers */

static const struct http_refusal no_length = { 411, "length_required",
	                                       "the body's Content-Length is missing", NULL },
				 not_json = { 415, "unsupported_media_type",
	                                      "the body must be application/json", NULL };

bool api_is_path(const char *path)
{
	return strncmp(path, ROOT, sizeof ROOT - 1) == 0;
}

/* --- routes --------------------------------------------------------------------------------------------------- */

static const char *method_name(int method)
{
	switch (method) {
	case LWSHUMETH_GET:
	case LWSHUMETH_HEAD: return "GET";
	case LWSHUMETH_POST: return "POST";
	default: return "";
	}
}

/* NULL: none; `*other` is then one of this path with another method. */
static const struct api_route *find(const char *path, const char *method, struct slice *name,
                                    const struct api_route **other)
{
	*other = NULL;
	for (size_t i = 0; i < api_routes_n; i++) {
		const struct api_route *r = &api_routes[i];

		if (!api_path_fits(r->path, slice_of(path), name))
			continue;
		if (strcmp(r->method, method) == 0)
			return r;
		*other = r;
	}
	return NULL;
}

static int refuse_method(struct lws *wsi, const struct api_route *r)
{
	static const struct http_refusal get_only = { 405, "method_not_allowed",
		                                      "this is read with GET",
		                                      "Allow: GET, HEAD\r\n" },
					 post_only = { 405, "method_not_allowed",
		                                       "this is done with POST",
		                                       "Allow: POST\r\n" };

	return admin_refuse(wsi, r->body_most == NULL ? &get_only : &post_only);
}

/* --- the head -------------------------------------------------------------------------------------------------- */

static bool is_json(struct lws *wsi)
{
	static const char json[] = "application/json";
	char type[128];
	size_t n = sizeof json - 1;

	return http_header(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, type, sizeof type) &&
		strncasecmp(type, json, n) == 0 && strchr(" \t;", type[n]) != NULL;
}

/* NULL, or what is wrong. */
static const char *read_query(struct lws *wsi, unsigned int allowed, struct api_query *q)
{
	static char argument[ARGUMENT_MOST];
	const char *wrong = NULL;
	int n;

	api_query_init(q);
	for (int i = 0; wrong == NULL; i++) {
		n = lws_hdr_copy_fragment(wsi, argument, sizeof argument, WSI_TOKEN_HTTP_URI_ARGS,
		                          i);
		if (n < 0)
			break;
		if (n > 0)
			wrong = api_query_take(q, allowed, (struct slice){ argument, (size_t)n });
	}
	return wrong;
}

static bool go_on(struct lws *wsi)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	unsigned char room[LWS_PRE + sizeof text];

	if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_EXPECT) == 0)
		return true;
	memcpy(room + LWS_PRE, text, sizeof text - 1);
	return lws_write(wsi, room + LWS_PRE, sizeof text - 1, LWS_WRITE_HTTP_HEADERS) >= 0;
}

static void fill(struct api_call *head, const struct api_route *r, struct slice name,
                 const struct api_caller *who)
{
	head->route = r;
	head->name_n = name.n;
	if (name.n > 0)
		memcpy(head->name, name.p, name.n);
	if (who->key != NULL)
		strncpy(head->key, who->key, sizeof head->key - 1);
}

int api_request(struct admin *a, struct admin_guest *g, const char *path, int method,
                int64_t length)
{
	struct api_call head = { .head = method == LWSHUMETH_HEAD };
	const struct api_route *other, *r;
	struct api_caller who;
	struct lws *wsi = g->wsi;
	struct slice name;
	const char *wrong;
	int answer;

	r = find(path, method_name(method), &name, &other);
	if (r == NULL && other == NULL)
		return admin_refuse(wsi, &http_not_found);
	if (!api_admit(a, wsi, &who, &answer))
		return answer;
	if (r == NULL)
		return refuse_method(wsi, other);
	if (!(who.scopes & r->scope))
		return admin_error(wsi, ERR_FORBIDDEN, "this key does not have the scope for that",
		                   NULL, admin_may_go_on(wsi));
	wrong = read_query(wsi, r->query, &head.query);
	if (wrong != NULL)
		return admin_error(wsi, ERR_BAD_FRAME, wrong, NULL, admin_may_go_on(wsi));
	fill(&head, r, name, &who);
	if (r->body_most == NULL)
		return api_call_begin(g, &head, 0);
	if (length < 0)
		return admin_refuse(wsi, &no_length);
	if (!is_json(wsi))
		return admin_refuse(wsi, &not_json);
	if (length > r->body_most(a->config))
		return admin_error(wsi, ERR_TOO_BIG, NULL, NULL, admin_may_go_on(wsi));
	return go_on(wsi) ? api_call_begin(g, &head, (size_t)length) : -1;
}
