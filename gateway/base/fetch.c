#include "gateway/base/fetch.h"

#include "broker-common/buf.h"
#include "broker-common/version.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* What we call of libcurl. It is loaded by who fetches: with it come some 25 libraries (LDAP, Kerberos …)
 * and 4 MB, which no other gateway needs to have in its memory. */
static struct {
	CURLcode (*global_init)(long flags);
	void (*global_cleanup)(void);
	CURL *(*easy_init)(void);
	CURLcode (*easy_setopt)(CURL *easy, CURLoption option, ...);
	CURLcode (*easy_getinfo)(CURL *easy, CURLINFO info, ...);
	const char *(*easy_strerror)(CURLcode code);
	void (*easy_cleanup)(CURL *easy);
	CURLM *(*multi_init)(void);
	CURLMcode (*multi_setopt)(CURLM *multi, CURLMoption option, ...);
	CURLMcode (*multi_add_handle)(CURLM *multi, CURL *easy);
	CURLMcode (*multi_remove_handle)(CURLM *multi, CURL *easy);
	CURLMcode (*multi_socket_action)(CURLM *multi, curl_socket_t fd, int what, int *running);
	CURLMsg *(*multi_info_read)(CURLM *multi, int *left);
	CURLMcode (*multi_assign)(CURLM *multi, curl_socket_t fd, void *socket);
	CURLMcode (*multi_cleanup)(CURLM *multi);
} curl;

struct fetch {
	struct loop *loop;
	CURLM *multi;
	CURL *easy; /* NULL: nothing is under way */
	struct event *timer;
	struct list sockets;
	struct buf body;
	size_t most;
	bool too_large;
	fetch_done *done;
	void *ctx;
	char words[CURL_ERROR_SIZE]; /* libcurl's */
};

/* A socket that libcurl wants to have watched. */
struct watched {
	struct list_node node;
	struct event *event;
};

/* --- libcurl on libevent ------------------------------------------------------------------------------- */

static void finish(struct fetch *f, CURLcode code)
{
	long status = 0;
	char text[CURL_ERROR_SIZE + 64] = "";
	fetch_done *done = f->done;
	struct buf body = f->body;

	curl.easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
	if (f->too_large || code == CURLE_FILESIZE_EXCEEDED)
		snprintf(text, sizeof text, "larger than %zu bytes", f->most);
	else if (code != CURLE_OK)
		snprintf(text, sizeof text, "%s",
		         f->words[0] != '\0' ? f->words : curl.easy_strerror(code));
	else if (status != 200)
		snprintf(text, sizeof text, "HTTP status %ld", status);
	else if (body.failed)
		snprintf(text, sizeof text, "out of memory");
	curl.multi_remove_handle(f->multi, f->easy);
	curl.easy_cleanup(f->easy);
	f->easy = NULL;
	buf_init(&f->body);
	done(f->ctx, text[0] == '\0' ? NULL : text, buf_view(&body));
	buf_fini(&body);
}

static void go_on(struct fetch *f, curl_socket_t fd, int what)
{
	int running, left;
	CURLMsg *m;

	loop_refresh(f->loop);
	curl.multi_socket_action(f->multi, fd, what, &running);
	while ((m = curl.multi_info_read(f->multi, &left)) != NULL)
		if (m->msg == CURLMSG_DONE && m->easy_handle == f->easy) {
			finish(f, m->data.result);
			return; /* there is only one */
		}
}

static void on_socket(evutil_socket_t fd, short what, void *ctx)
{
	go_on(ctx, fd,
	      (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd, (void)what;
	go_on(ctx, CURL_SOCKET_TIMEOUT, 0);
}

static void unwatch(struct fetch *f, struct watched *w)
{
	curl.multi_assign(f->multi, event_get_fd(w->event), NULL);
	list_remove(&w->node);
	event_free(w->event);
	free(w);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket)
{
	struct fetch *f = ctx;
	struct watched *w = socket;
	short events = EV_PERSIST;

	(void)easy;
	if (w != NULL)
		unwatch(f, w);
	if (what == CURL_POLL_REMOVE)
		return 0;
	events |= what & CURL_POLL_IN ? EV_READ : 0;
	events |= what & CURL_POLL_OUT ? EV_WRITE : 0;
	w = calloc(1, sizeof *w);
	if (w != NULL)
		w->event = event_new(loop_base(f->loop), fd, events, on_socket, f);
	if (w == NULL || w->event == NULL || event_add(w->event, NULL) != 0) {
		if (w != NULL && w->event != NULL)
			event_free(w->event);
		free(w);
		return 0; /* the time-out ends it */
	}
	list_push(&f->sockets, &w->node);
	curl.multi_assign(f->multi, fd, w);
	return 0;
}

static int set_timer(CURLM *multi, long ms, void *ctx)
{
	struct fetch *f = ctx;
	struct timeval t = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	(void)multi;
	if (ms < 0)
		event_del(f->timer);
	else
		event_add(f->timer, &t);
	return 0;
}

/* --- one document --------------------------------------------------------------------------------------- */

static size_t take(char *p, size_t size, size_t n, void *ctx)
{
	struct fetch *f = ctx;

	if (size * n > f->most - f->body.n) {
		f->too_large = true;
		return 0;
	}
	buf_add(&f->body, p, size * n);
	return f->body.failed ? 0 : size * n;
}

static bool describe(struct fetch *f, const struct fetch_options *o)
{
	CURL *e = f->easy;
	bool tls = strncasecmp(o->url, "https:", 6) == 0;

	curl.easy_setopt(e, CURLOPT_ERRORBUFFER, f->words);
	curl.easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl.easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)o->timeout_ms);
	curl.easy_setopt(e, CURLOPT_WRITEFUNCTION, take);
	curl.easy_setopt(e, CURLOPT_WRITEDATA, f);
	curl.easy_setopt(e, CURLOPT_MAXFILESIZE, (long)o->most);
	curl.easy_setopt(e, CURLOPT_USERAGENT, "roomcast/" ROOMCAST_VERSION);
	curl.easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl.easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (curl.easy_setopt(e, CURLOPT_PROTOCOLS_STR, tls ? "https" : "http") != CURLE_OK)
		return false;
	if (!tls) /* on this machine: a proxy of the surroundings is not meant */
		curl.easy_setopt(e, CURLOPT_NOPROXY, "*");
	if (*o->ca != '\0' && curl.easy_setopt(e, CURLOPT_CAINFO, o->ca) != CURLE_OK)
		return false;
	return curl.easy_setopt(e, CURLOPT_URL, o->url) == CURLE_OK;
}

bool fetch_start(struct fetch *f, const struct fetch_options *o, fetch_done *done, void *ctx)
{
	if (f->easy != NULL)
		return false;
	f->easy = curl.easy_init();
	if (f->easy == NULL)
		return false;
	f->most = o->most;
	f->too_large = false;
	f->words[0] = '\0';
	f->done = done;
	f->ctx = ctx;
	if (describe(f, o) && curl.multi_add_handle(f->multi, f->easy) == CURLM_OK)
		return true;
	curl.easy_cleanup(f->easy);
	f->easy = NULL;
	return false;
}

bool fetch_is_busy(const struct fetch *f)
{
	return f->easy != NULL;
}

/* False: it is not installed, or too old. It stays loaded. */
static bool load_libcurl(void)
{
	static const struct {
		const char *name;
		void *call;
	} calls[] = {
		{ "curl_global_init", &curl.global_init },
		{ "curl_global_cleanup", &curl.global_cleanup },
		{ "curl_easy_init", &curl.easy_init },
		{ "curl_easy_setopt", &curl.easy_setopt },
		{ "curl_easy_getinfo", &curl.easy_getinfo },
		{ "curl_easy_strerror", &curl.easy_strerror },
		{ "curl_easy_cleanup", &curl.easy_cleanup },
		{ "curl_multi_init", &curl.multi_init },
		{ "curl_multi_setopt", &curl.multi_setopt },
		{ "curl_multi_add_handle", &curl.multi_add_handle },
		{ "curl_multi_remove_handle", &curl.multi_remove_handle },
		{ "curl_multi_socket_action", &curl.multi_socket_action },
		{ "curl_multi_info_read", &curl.multi_info_read },
		{ "curl_multi_assign", &curl.multi_assign },
		{ "curl_multi_cleanup", &curl.multi_cleanup },
	};
	void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		void *call = library == NULL ? NULL : dlsym(library, calls[i].name);

		if (call == NULL)
			return false;
		memcpy(calls[i].call, &call, sizeof call);
	}
	return true;
}

struct fetch *fetch_new(struct loop *l)
{
	struct fetch *f;

	if (!load_libcurl())
		return NULL;
	f = calloc(1, sizeof *f);
	if (f == NULL)
		return NULL;
	f->loop = l;
	list_init(&f->sockets);
	buf_init(&f->body);
	if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(f);
		return NULL;
	}
	f->multi = curl.multi_init();
	f->timer = evtimer_new(loop_base(l), on_timer, f);
	if (f->multi == NULL || f->timer == NULL) {
		fetch_free(f);
		return NULL;
	}
	curl.multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl.multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
	curl.multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl.multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
	return f;
}

void fetch_free(struct fetch *f)
{
	struct list_node *n;

	if (f == NULL)
		return;
	if (f->easy != NULL) {
		curl.multi_remove_handle(f->multi, f->easy);
		curl.easy_cleanup(f->easy);
	}
	while ((n = list_first(&f->sockets)) != NULL)
		unwatch(f, container_of(n, struct watched, node));
	curl.multi_cleanup(f->multi);
	if (f->timer != NULL)
		event_free(f->timer);
	buf_fini(&f->body);
	curl.global_cleanup();
	free(f);
}
