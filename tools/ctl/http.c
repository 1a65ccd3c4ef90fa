#include "tools/ctl/http.h"

#include "broker-common/version.h"
#include "tools/ctl/clock.h"
#include "tools/ctl/signals.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#define BODY_MAX (64u << 20)
#define HEADERS_MAX 65536
#define CONNECT_MS 5000

struct http {
	CURLM *multi;
	const struct endpoint *endpoint;
	struct curl_slist *headers, *body_headers;
};

struct http_call {
	struct http *http;
	CURL *easy;
	struct buf body;
	size_t header_bytes;
	bool done, too_large;
	CURLcode result;
	long status;
	char error[CURL_ERROR_SIZE];
	char why[CURL_ERROR_SIZE + 64];
};

/* ---- opening ---- */

static bool add_header(struct curl_slist **headers, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*headers, line);

	if (longer == NULL)
		return false;
	*headers = longer;
	return true;
}

static bool add_headers(struct http *h)
{
	char line[sizeof(h->endpoint->key) + 32];

	snprintf(line, sizeof(line), "Authorization: Bearer %s", h->endpoint->key);
	if (h->endpoint->key[0] != '\0' &&
	    !(add_header(&h->headers, line) && add_header(&h->body_headers, line)))
		return false;
	return add_header(&h->headers, "Accept: application/json") &&
		add_header(&h->body_headers, "Accept: application/json") &&
		add_header(&h->body_headers, "Content-Type: application/json") &&
		add_header(&h->body_headers, "Expect:"); /* no round trip before a small body */
}

struct http *http_open(const struct endpoint *e)
{
	struct http *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->endpoint = e;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(h);
		return NULL;
	}
	h->multi = curl_multi_init();
	if (h->multi != NULL && add_headers(h) && signals_catch())
		return h;
	http_close(h);
	return NULL;
}

void http_close(struct http *h)
{
	if (h == NULL)
		return;
	curl_multi_cleanup(h->multi);
	curl_slist_free_all(h->headers);
	curl_slist_free_all(h->body_headers);
	free(h);
	curl_global_cleanup();
}

/* ---- one call ---- */

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
	struct http_call *c = ctx;

	if (c->body.n + size * n > BODY_MAX) {
		c->too_large = true;
		return 0;
	}
	buf_add(&c->body, bytes, size * n);
	return c->body.failed ? 0 : size * n;
}

static size_t on_header(char *bytes, size_t size, size_t n, void *ctx)
{
	struct http_call *c = ctx;

	(void)bytes;
	c->header_bytes += size * n;
	c->too_large = c->too_large || c->header_bytes > HEADERS_MAX;
	return c->too_large ? 0 : size * n;
}

static void set_trust(CURL *easy, bool insecure)
{
	const char *ca = getenv("SSL_CERT_FILE");

	if (ca != NULL && ca[0] != '\0')
		curl_easy_setopt(easy, CURLOPT_CAINFO, ca);
	if (insecure) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
}

static bool set_up(struct http_call *c, const char *url, struct slice body)
{
	const struct endpoint *e = c->http->endpoint;
	CURL *easy = c->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, c);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, c->error);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "roomcastctl/" ROOMCAST_VERSION);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER,
	                 body.p == NULL ? c->http->headers : c->http->body_headers);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)e->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
	                 (long)(e->timeout_ms < CONNECT_MS ? e->timeout_ms : CONNECT_MS));
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, c);
	set_trust(easy, e->insecure);
	if (curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK)
		return false;
	if (body.p == NULL)
		return true;
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)body.n);
	return curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body.p) == CURLE_OK;
}

struct http_call *http_start(struct http *h, const char *path, struct slice body)
{
	struct http_call *c = calloc(1, sizeof(*c));
	char *url = NULL;

	if (c == NULL)
		return NULL;
	c->http = h;
	buf_init(&c->body);
	c->easy = curl_easy_init();
	if (c->easy == NULL || asprintf(&url, "%s%s", h->endpoint->url, path) < 0 ||
	    !set_up(c, url, body) || curl_multi_add_handle(h->multi, c->easy) != CURLM_OK) {
		http_free(c);
		c = NULL;
	}
	free(url);
	return c;
}

void http_free(struct http_call *c)
{
	if (c == NULL)
		return;
	if (c->easy != NULL) {
		curl_multi_remove_handle(c->http->multi, c->easy); /* fine when it was not added */
		curl_easy_cleanup(c->easy);
	}
	buf_fini(&c->body);
	free(c);
}

/* ---- going on ---- */

/* What curl says is for a person, but a plain number where it did not try. */
static void explain(struct http_call *c)
{
	const char *said = c->error[0] == '\0' ? curl_easy_strerror(c->result) : c->error;

	if (c->too_large)
		said = "the answer is larger than any gateway's";
	else if (c->body.failed)
		said = "out of memory";
	else if (c->result == CURLE_OPERATION_TIMEDOUT)
		said = "no answer in time";
	snprintf(c->why, sizeof(c->why), "%s", said);
}

static bool reap(struct http *h)
{
	bool any = false;
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
		struct http_call *c = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c);
		c->result = m->data.result;
		c->done = any = true;
		if (c->result == CURLE_OK)
			curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &c->status);
		else
			explain(c);
	}
	return any;
}

enum http_turn http_turn(struct http *h, int fd, uint64_t deadline)
{
	struct curl_waitfd wait[] = { { signals_fd(), CURL_WAIT_POLLIN, 0 },
		                      { fd, CURL_WAIT_POLLIN, 0 } };
	int running;

	for (;;) {
		uint64_t now = clock_ms();

		if (signals_caught())
			return HTTP_INTERRUPTED;
		curl_multi_perform(h->multi, &running);
		if (reap(h))
			return HTTP_FINISHED;
		if (now >= deadline)
			return HTTP_TIMEOUT;
		wait[0].revents = wait[1].revents = 0;
		curl_multi_poll(h->multi, wait, fd < 0 ? 1 : 2,
		                deadline - now > 1000 ? 1000 : (int)(deadline - now), NULL);
		if (wait[1].revents != 0)
			return HTTP_READABLE;
	}
}

bool http_is_done(const struct http_call *c)
{
	return c->done;
}

int http_status(const struct http_call *c)
{
	return (int)c->status;
}

const char *http_why(const struct http_call *c)
{
	return c->why;
}

bool http_not_reached(const struct http_call *c)
{
	return c->result == CURLE_COULDNT_CONNECT || c->result == CURLE_COULDNT_RESOLVE_HOST;
}

struct slice http_body(const struct http_call *c)
{
	struct slice body = buf_view(&c->body);

	return body.p == NULL ? slice_of("") : body;
}
