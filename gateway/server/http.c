#include "gateway/server/http.h"

#include <arpa/inet.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

const struct http_refusal http_not_found = { 404, "not_found", "there is nothing at this path",
	                                     NULL };
const struct http_refusal http_bad_request = { 400, "bad_request", "this is not a valid request",
	                                       NULL };

static const char *status_text(int status)
{
	switch (status) {
	case 200: return "OK";
	case 202: return "Accepted";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 408: return "Request Timeout";
	case 409: return "Conflict";
	case 411: return "Length Required";
	case 413: return "Content Too Large";
	case 415: return "Unsupported Media Type";
	case 426: return "Upgrade Required";
	case 429: return "Too Many Requests";
	case 500: return "Internal Server Error";
	case 501: return "Not Implemented";
	case 503: return "Service Unavailable";
	case 504: return "Gateway Timeout";
	default: return "Error";
	}
}

bool http_send(struct lws *wsi, const struct http_reply *r)
{
	static const char space[LWS_PRE]; /* lws may write in front of what it is given */
	struct buf b;
	bool ok = false;
	size_t n;

	buf_init(&b);
	buf_add(&b, space, sizeof space);
	buf_printf(&b, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n", r->status,
	           status_text(r->status), r->type == NULL ? "application/json" : r->type,
	           r->body.n);
	buf_str(&b, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n");
	if (r->headers != NULL)
		buf_str(&b, r->headers);
	buf_printf(&b, "Connection: %s\r\n\r\n", r->keep_alive ? "keep-alive" : "close");
	if (!r->no_body)
		buf_slice(&b, r->body);
	if (!b.failed) {
		n = b.n - LWS_PRE;
		ok = lws_write(wsi, (unsigned char *)b.p + LWS_PRE, n, LWS_WRITE_HTTP_HEADERS) ==
			(int)n;
	}
	buf_fini(&b);
	return ok;
}

void http_error_object(struct buf *out, int code, const char *name, const char *message)
{
	buf_printf(out, "{\"error\":{\"code\":%d,\"name\":", code);
	buf_json(out, slice_of(name));
	buf_str(out, ",\"message\":");
	buf_json(out, slice_of(message));
	buf_str(out, "}}");
}

void http_error_body(struct buf *out, int code, const char *name, const char *message)
{
	http_error_object(out, code, name, message);
	buf_char(out, '\n');
}

bool http_is_head(struct lws *wsi)
{
	return lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0;
}

bool http_refuse(struct lws *wsi, const struct http_refusal *r, bool keep_alive)
{
	struct buf body;
	bool ok = false;

	buf_init(&body);
	http_error_body(&body, r->status, r->name, r->message);
	if (!body.failed)
		ok = http_send(wsi,
		               &(struct http_reply){ .status = r->status,
		                                     .headers = r->headers,
		                                     .body = buf_view(&body),
		                                     .keep_alive = keep_alive,
		                                     .no_body = http_is_head(wsi) });
	buf_fini(&body);
	return ok;
}

bool http_is_http1(struct lws *wsi)
{
	char version[16];

	return http_header(wsi, WSI_TOKEN_HTTP, version, sizeof version) &&
		(strcmp(version, "HTTP/1.1") == 0 || strcmp(version, "HTTP/1.0") == 0);
}

bool http_header(struct lws *wsi, int which, char *out, size_t room)
{
	enum lws_token_indexes token = (enum lws_token_indexes)which;

	if (lws_hdr_fragment_length(wsi, token, 1) > 0)
		return false;
	return lws_hdr_copy(wsi, out, (int)room, token) > 0;
}

struct slice http_query(struct lws *wsi, const char *name, char *out, size_t room)
{
	static char argument[16384]; /* more than all of a request's headers */
	size_t prefix = strlen(name), n;
	int length;

	for (int i = 0;; i++) {
		length = lws_hdr_copy_fragment(wsi, argument, sizeof argument,
		                               WSI_TOKEN_HTTP_URI_ARGS, i);
		if (length < 0)
			return (struct slice){ NULL, 0 };
		if ((size_t)length > prefix && memcmp(argument, name, prefix) == 0 &&
		    argument[prefix] == '=')
			break;
	}
	n = (size_t)length - prefix - 1;
	if (n > room)
		n = room;
	memcpy(out, argument + prefix + 1, n);
	return (struct slice){ out, n };
}

struct slice http_peer(struct lws *wsi, char out[HTTP_ADDRESS_MAX])
{
	struct sockaddr_storage a = { 0 };
	socklen_t n = sizeof a;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&a;
	const struct sockaddr_in *four = (const struct sockaddr_in *)&a;

	out[0] = '\0';
	if (getpeername(lws_get_socket_fd(wsi), (struct sockaddr *)&a, &n) != 0)
		return slice_of(out);
	if (a.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		inet_ntop(AF_INET, &six->sin6_addr.s6_addr[12], out, HTTP_ADDRESS_MAX);
	else if (a.ss_family == AF_INET6)
		inet_ntop(AF_INET6, &six->sin6_addr, out, HTTP_ADDRESS_MAX);
	else if (a.ss_family == AF_INET)
		inet_ntop(AF_INET, &four->sin_addr, out, HTTP_ADDRESS_MAX);
	return slice_of(out);
}
