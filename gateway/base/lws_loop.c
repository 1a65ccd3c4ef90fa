#include "gateway/base/lws_loop.h"

#include "broker-common/log.h"

#include "gateway/base/loop.h"
#include "gateway/base/lws_log.h"

#include <assert.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

#define LINES 256u           /* in a block; descriptors are dense, so blocks are well filled */
#define FLUSH_MOST 1024u     /* connections written to before others are read again */
#define LWS_READ_SIZE 65536u /* lws's common buffer */
#define HEADERS_MOST 8192u   /* bytes of a request's headers */
#define LOOK_AGAIN_MS 2000

/* What the loop knows of one descriptor. There are as many as connections: keep it small. */
struct line {
	struct line *next; /* on the list of those that want to write */
	void *owner;       /* of lws_loop_take(); NULL: lws's */
	const void *hot;
	struct event *write; /* only while the socket is full, or lws waits for it */
	struct lws_loop *loop;
	int fd;
	bool used : 1; /* lws has this descriptor */
	bool reading : 1;
	bool listed : 1; /* may outlive a use: descriptors come back at once */
	struct event read;
};

struct lws_loop {
	struct loop *loop;
	struct event_base *base;
	struct lws_context *context;
	void (*readable)(void *owner);
	void (*writable)(void *owner);
	struct line **blocks;
	size_t n_blocks;
	struct event *pass_end;    /* writes, and lws's own timers */
	struct event *next_pass;   /* a timer of 0 ms: others are read in between */
	struct timer look;         /* for lws's next timer */
	struct line *first, *last; /* who wants to write */
	bool asked;                /* pass_end is on its way */
	bool behind;               /* pass_end has let the deferred calls go first */
	bool flushing;
};

/* What lws keeps for us beside its own per-thread data. */
struct lws_loop_ref {
	struct lws_loop *loop;
};

/* --- lines ------------------------------------------------------------------------------------------ */

static struct line *line_find(const struct lws_loop *l, int fd)
{
	size_t block = (size_t)fd / LINES;

	if (fd < 0 || block >= l->n_blocks || l->blocks[block] == NULL)
		return NULL;
	return &l->blocks[block][(size_t)fd % LINES];
}

static struct line *line_make(struct lws_loop *l, int fd)
{
	size_t block = (size_t)fd / LINES;

	if (block >= l->n_blocks) {
		size_t n = block + 16;
		struct line **blocks = realloc(l->blocks, n * sizeof *blocks);

		if (blocks == NULL)
			return NULL;
		memset(blocks + l->n_blocks, 0, (n - l->n_blocks) * sizeof *blocks);
		l->blocks = blocks;
		l->n_blocks = n;
	}
	if (l->blocks[block] == NULL)
		l->blocks[block] = calloc(LINES, sizeof *l->blocks[block]);
	return line_find(l, fd);
}

static struct line *line_of(struct lws *wsi)
{
	struct lws_loop_ref *ref = lws_evlib_wsi_to_evlib_pt(wsi);
	struct line *s = line_find(ref->loop, lws_get_socket_fd(wsi));

	return s != NULL && s->used ? s : NULL;
}

/* --- service ------------------------------------------------------------------------------------------ */

static void ask_pass_end(struct lws_loop *l)
{
	if (l->asked)
		return;
	l->asked = true;
	event_active(l->pass_end, EV_TIMEOUT, 1);
}

void lws_loop_poke(struct lws_loop *l)
{
	ask_pass_end(l);
}

/* Let lws work on one descriptor. Afterwards the line may belong to nobody. */
static void service(struct lws_loop *l, int fd, short events)
{
	struct lws_pollfd p = { .fd = fd, .events = events };

	p.revents = p.events;
	lws_service_fd(l->context, &p);
	ask_pass_end(l);
}

static void unwatch_writable(struct line *s)
{
	if (s->write == NULL)
		return;
	event_free(s->write);
	s->write = NULL;
}

/* Ours: nothing of lws on the way. */
static void serve_owner(struct line *s, short what)
{
	struct lws_loop *l = s->loop;

	if (what & EV_READ)
		l->readable(s->owner);
	if (!(what & EV_WRITE) || s->owner == NULL)
		return;
	unwatch_writable(s);
	l->writable(s->owner);
}

static void on_socket(evutil_socket_t fd, short what, void *ctx)
{
	struct line *s = ctx;
	struct lws_loop *l = s->loop;

	loop_refresh(l->loop);
	if (s->owner != NULL)
		serve_owner(s, what);
	else
		service(l, fd,
		        (short)((what & EV_READ ? LWS_POLLIN : 0) |
		                (what & EV_WRITE ? LWS_POLLOUT : 0)));
}

/* --- writing ------------------------------------------------------------------------------------------ */

/* Let epoll say when the socket takes more. False: no memory. */
static bool watch_writable(struct line *s)
{
	if (s->write != NULL)
		return true;
	s->write = event_new(s->loop->base, s->fd, EV_WRITE | EV_PERSIST, on_socket, s);
	if (s->write != NULL && event_add(s->write, NULL) == 0)
		return true;
	unwatch_writable(s);
	return false;
}

void lws_loop_write(struct line *s)
{
	struct lws_loop *l = s->loop;

	if (s->listed || s->write != NULL)
		return;
	s->listed = true;
	s->next = NULL;
	if (l->last != NULL)
		l->last->next = s;
	else
		l->first = s;
	l->last = s;
	if (!l->flushing)
		ask_pass_end(l);
}

/* Without memory for an event it is tried again and again: slow, but it comes to an end. */
void lws_loop_write_blocked(struct line *s)
{
	if (!watch_writable(s))
		lws_loop_write(s);
}

/* A write takes some microseconds in the kernel, which is time enough to fetch what the one behind it
 * will look at: there are too many connections for a cache. */
static void fetch_ahead(const struct line *s)
{
	const struct line *next = s->next;
	const char *hot;

	if (next == NULL)
		return;
	hot = next->hot;
	__builtin_prefetch(next->owner);
	__builtin_prefetch(hot);
	__builtin_prefetch(hot + 64);
	__builtin_prefetch(next->next);
}

/* Who wants more at once is asked again in the next pass, so that no fast reader of much keeps the
 * others waiting. */
static void flush(struct lws_loop *l)
{
	static const struct timeval now = { 0, 0 };
	struct line *last = l->last, *s;
	uint32_t n = 0;

	l->flushing = true;
	while ((s = l->first) != NULL && n++ < FLUSH_MOST) {
		l->first = s->next;
		if (l->first == NULL)
			l->last = NULL;
		s->listed = false;
		fetch_ahead(s);
		if (s->owner != NULL && s->write == NULL)
			l->writable(s->owner);
		if (s == last)
			break;
	}
	l->flushing = false;
	if (l->first != NULL)
		event_add(l->next_pass, &now);
}

/* --- the end of a pass ----------------------------------------------------------------------------------- */

/* Run lws's timers that are due, and what it has read but not yet looked at. */
static void look(struct lws_loop *l)
{
	int ms = lws_service_adjust_timeout(l->context, LOOK_AGAIN_MS, 0);

	if (ms == 0) {
		_lws_plat_service_forced_tsi(l->context, 0);
		ms = lws_service_adjust_timeout(l->context, LOOK_AGAIN_MS, 0);
	}
	timer_set(&l->look, ms > 0 ? (uint64_t)ms : 1);
}

static void on_look(void *ctx)
{
	look(ctx);
}

/* All that was readable in this pass has been read before this runs first. What those callbacks
 * deferred may stand behind us: going to the end of the queue once lets it run before. */
static void on_pass_end(evutil_socket_t fd, short what, void *ctx)
{
	struct lws_loop *l = ctx;

	(void)fd;
	(void)what;
	l->behind = !l->behind;
	if (l->behind) {
		event_active(l->pass_end, EV_TIMEOUT, 1);
		return;
	}
	loop_refresh(l->loop);
	flush(l);
	look(l);
	l->asked = false;
	/* lws's timers may have made somebody want to write. */
	if (l->first != NULL && !event_pending(l->next_pass, EV_TIMEOUT, NULL))
		ask_pass_end(l);
}

static void on_next_pass(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	ask_pass_end(ctx);
}

/* --- what lws asks of an event loop ------------------------------------------------------------------------ */

static int on_init(struct lws_context *context, void *loop, int thread)
{
	struct lws_loop_ref *ref = lws_evlib_tsi_to_evlib_pt(context, thread);

	ref->loop = loop;
	return 0;
}

static int on_add(struct lws *wsi)
{
	struct lws_loop_ref *ref = lws_evlib_wsi_to_evlib_pt(wsi);
	struct lws_loop *l = ref->loop;
	int fd = lws_get_socket_fd(wsi);
	struct line *s;

	/* What belongs to no vhost is lws's pipe for waking other threads, and a netlink socket for
	 * clients' routes: we need neither, and unwatched they cost nothing. */
	if (lws_get_vhost(wsi) == NULL)
		return 0;
	s = line_make(l, fd);
	if (s == NULL)
		return 1;
	assert(!s->used);
	s->loop = l;
	s->owner = NULL;
	s->hot = NULL;
	s->fd = fd;
	event_assign(&s->read, l->base, fd, EV_READ | EV_PERSIST, on_socket, s);
	if (event_add(&s->read, NULL) != 0)
		return 1;
	s->used = s->reading = true;
	return 0;
}

static void set_reading(struct line *s, bool reading)
{
	if (s->reading == reading)
		return;
	s->reading = reading;
	if (reading)
		event_add(&s->read, NULL);
	else
		event_del(&s->read);
}

static void on_io(struct lws *wsi, unsigned int flags)
{
	struct line *s = line_of(wsi);
	bool start = (flags & LWS_EV_START) != 0;

	if (s == NULL)
		return;
	if (flags & LWS_EV_READ)
		set_reading(s, start);
	if (!(flags & LWS_EV_WRITE))
		return;
	/* Once it has an owner, lws has nothing to write any more. */
	if (!start)
		unwatch_writable(s);
	else if (s->owner == NULL && !watch_writable(s))
		log_write(LOG_ERROR, "lws.no_memory", LOG_END);
}

static int on_close(struct lws *wsi)
{
	struct line *s = line_of(wsi);

	if (s == NULL)
		return 0;
	event_del(&s->read);
	unwatch_writable(s);
	s->owner = NULL;
	s->used = s->reading = false;
	return 0;
}

static const struct lws_event_loop_ops ops = {
	.name = "roomcast",
	.init_pt = on_init,
	.init_vhost_listen_wsi = on_add,
	.sock_accept = on_add,
	.io = on_io,
	.wsi_logical_close = on_close,
	.evlib_size_pt = sizeof(struct lws_loop_ref),
};

static const lws_plugin_evlib_t event_lib = {
	.hdr = { "roomcast", "lws_evlib_plugin", LWS_BUILD_HASH, LWS_PLUGIN_API_MAGIC },
	.ops = &ops,
};

/* --- life --------------------------------------------------------------------------------------------------- */

static struct lws_context *make_context(struct lws_loop *l, const struct lws_loop_options *o)
{
	static const lws_retry_bo_t no_idle_policy; /* lws's own keeps a sorted list: too slow */
	void *loops[] = { l };
	struct lws_context_creation_info info = {
		.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
			LWS_SERVER_OPTION_NO_LWS_SYSTEM_STATES |
			(o->tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0),
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.event_lib_custom = &event_lib,
		.foreign_loops = loops,
		.retry_and_idle_policy = &no_idle_policy,
		.pt_serv_buf_size = LWS_READ_SIZE,
		.max_http_header_data = HEADERS_MOST,
		.max_http_header_pool = LWS_LOOP_HANDSHAKES,
		.timeout_secs = o->timeout_s,
	};

	lws_set_log_level(LLL_ERR | LLL_WARN, lws_log_line);
	return lws_create_context(&info);
}

struct lws_loop *lws_loop_open(const struct lws_loop_options *o)
{
	struct lws_loop *l = calloc(1, sizeof *l);

	if (l == NULL)
		return NULL;
	l->loop = o->loop;
	l->base = loop_base(o->loop);
	l->readable = o->readable;
	l->writable = o->writable;
	timer_init(&l->look, l->loop, on_look, l);
	l->pass_end = event_new(l->base, -1, 0, on_pass_end, l);
	l->next_pass = event_new(l->base, -1, 0, on_next_pass, l);
	if (l->pass_end != NULL && l->next_pass != NULL)
		l->context = make_context(l, o);
	if (l->context == NULL) {
		lws_loop_close(l);
		return NULL;
	}
	lws_loop_poke(l);
	return l;
}

void lws_loop_close(struct lws_loop *l)
{
	if (l == NULL)
		return;
	if (l->context != NULL)
		lws_context_destroy(l->context);
	timer_stop(&l->look);
	if (l->pass_end != NULL)
		event_free(l->pass_end);
	if (l->next_pass != NULL)
		event_free(l->next_pass);
	for (size_t i = 0; i < l->n_blocks; i++)
		free(l->blocks[i]);
	free(l->blocks);
	free(l);
}

struct lws_context *lws_loop_context(const struct lws_loop *l)
{
	return l->context;
}

struct line *lws_loop_take(struct lws *wsi, void *owner)
{
	struct line *s = line_of(wsi);

	assert(s != NULL && owner != NULL);
	unwatch_writable(s);
	s->owner = owner;
	return s;
}

void lws_loop_hot(struct line *s, const void *hot)
{
	s->hot = hot;
}

int lws_loop_fd(const struct line *s)
{
	return s->fd;
}

void lws_loop_pause(struct line *s, bool paused)
{
	if (!s->used || s->reading != paused)
		return;
	s->reading = !paused;
	if (paused)
		event_del(&s->read);
	else
		event_add(&s->read, NULL);
}
