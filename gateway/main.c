/*
 * roomcast-gateway: reads the configuration, builds the floors in their order, and runs them.
 */
#include "broker-common/buf.h"
#include "broker-common/log.h"
#include "broker-common/map.h"
#include "broker-common/version.h"
#include "gateway/base/config.h"
#include "gateway/base/healthcheck.h"
#include "gateway/base/keys.h"
#include "gateway/base/loop.h"
#include "gateway/base/metrics.h"
#include "gateway/core/hub.h"
#include "gateway/server/server.h"
#include "gateway/tier/tier.h"
#include "gateway/verbs/dispatch.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#define DESCRIPTORS_LEAST 65536 /* wished for, so that a reload may raise max_connections */
#define DESCRIPTORS_OTHER 64    /* besides clients */

/* Queues come and go with every burst: what they give back is needed again a moment later, and is
 * not given to the kernel page by page. */
#define HEAP_KEPT (4 << 20) /* bytes */

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* By the position of the option's value. */
static const struct tier_ops *const tiers[] = {
	[TIER_MEMORY] = &tier_memory, [TIER_REDIS] = &tier_redis
};

struct gateway {
	struct config *config;
	struct loop *loop;
	struct metrics metrics;
	struct jwt_keys *keys; /* NULL: open mode */
	struct server *server;
	struct hub *hub;
	char **argv;
	int argc;
	uint64_t descriptors;
	bool ending;
	int exit_code;
};

static int fail(int code, const struct buf *sentence)
{
	fprintf(stderr, "roomcast-gateway: %.*s\n", SLICE_ARGS(buf_view(sentence)));
	return code;
}

static int fail_text(const char *sentence)
{
	fprintf(stderr, "roomcast-gateway: %s\n", sentence);
	return EXIT_FAILED;
}

/* --- signals ------------------------------------------------------------------------------------------ */

static void set_log(const struct config *c)
{
	log_setup((enum log_level)c->log_level, (enum log_format)c->log_format);
}

static void warn_of_descriptors(const struct gateway *g)
{
	if (g->descriptors < (uint64_t)g->config->max_connections + DESCRIPTORS_OTHER)
		log_write(LOG_WARN, "descriptors.few", LOG_NUM("limit", g->descriptors),
		          LOG_NUM("max_connections", g->config->max_connections), LOG_END);
}

/* An answer that is late, and one more, and the others have taken this gateway for dead. */
static void warn_of_lease(const struct config *c)
{
	if (c->tier == TIER_REDIS && c->lease_ms < 2 * c->redis_timeout_ms)
		log_write(LOG_WARN, "lease.short", LOG_NUM("lease_ms", c->lease_ms),
		          LOG_NUM("redis_timeout_ms", c->redis_timeout_ms), LOG_END);
}

static void on_reload(void *ctx)
{
	struct gateway *g = ctx;
	struct buf fixed, error;

	buf_init(&fixed);
	buf_init(&error);
	if (config_reload(g->config, g->argc, g->argv, environ, &fixed, &error)) {
		set_log(g->config);
		hub_reconfigure(g->hub);
		if (g->keys != NULL)
			keys_reload(g->keys);
		server_reconfigure(g->server);
		g->metrics.reloads++;
		log_write(LOG_INFO, "config.reloaded", LOG_SLICE("needs_restart", buf_view(&fixed)),
		          LOG_END);
		warn_of_descriptors(g);
	} else {
		log_write(LOG_WARN, "config.not_reloaded", LOG_SLICE("error", buf_view(&error)),
		          LOG_END);
	}
	buf_fini(&fixed);
	buf_fini(&error);
}

static void on_stop_accepting(void *ctx)
{
	struct gateway *g = ctx;

	server_stop_accepting(g->server);
}

static void on_drained(void *ctx)
{
	struct gateway *g = ctx;

	loop_stop(g->loop);
}

/* An operator asks for it, or the first signal: the same, and twice is fine. */
static void drain(void *ctx)
{
	struct gateway *g = ctx;

	hub_drain(g->hub, on_stop_accepting, on_drained, g);
}

static void on_end(void *ctx)
{
	struct gateway *g = ctx;

	if (g->ending) {
		log_write(LOG_WARN, "gateway.cut_short", LOG_END);
		g->exit_code = EXIT_FAILED; /* it did not do what it had begun */
		loop_stop(g->loop);
		return;
	}
	g->ending = true;
	drain(g);
}

/* The other gateways of this cluster are configured otherwise: this one would only do harm. */
static void on_unfit(void *ctx)
{
	struct gateway *g = ctx;

	g->exit_code = EXIT_FAILED;
	loop_stop(g->loop);
}

/* --- starting ----------------------------------------------------------------------------------------- */

/* As many descriptors as may be needed; not what some systems call unlimited, as lws sizes its
 * tables by it. */
static void raise_descriptors(struct gateway *g)
{
	rlim_t wish = (rlim_t)g->config->max_connections * 2 + 1024;
	struct rlimit now;

	if (getrlimit(RLIMIT_NOFILE, &now) != 0)
		return;
	if (wish < DESCRIPTORS_LEAST)
		wish = DESCRIPTORS_LEAST;
	now.rlim_cur = now.rlim_max < wish ? now.rlim_max : wish;
	setrlimit(RLIMIT_NOFILE, &now);
	getrlimit(RLIMIT_NOFILE, &now);
	g->descriptors = now.rlim_cur;
}

static bool check_descriptors(const struct gateway *g, struct buf *error)
{
	if (g->descriptors >= (uint64_t)g->config->max_connections) {
		warn_of_descriptors(g);
		return true;
	}
	buf_printf(
		error,
		"max_connections is %lld, but this process may have only %llu files open; raise that "
		"limit (ulimit -n) or lower max_connections",
		(long long)g->config->max_connections, (unsigned long long)g->descriptors);
	return false;
}

/* Names from outside must not be able to collide in our maps by design. */
static bool seed_maps(struct buf *error)
{
	uint64_t seed[2];

	if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
		buf_printf(error, "the system gives no random numbers: %s", strerror(errno));
		return false;
	}
	map_seed(seed);
	return true;
}

static bool watch_signals(struct gateway *g, struct buf *error)
{
	if (loop_on_signal(g->loop, SIGHUP, on_reload, g) &&
	    loop_on_signal(g->loop, SIGTERM, on_end, g) &&
	    loop_on_signal(g->loop, SIGINT, on_end, g))
		return true;
	buf_printf(error, "signals cannot be watched: %s", strerror(errno));
	return false;
}

static bool open_keys(struct gateway *g, struct buf *error)
{
	if (!keys_configured(g->config)) {
		if (!server_is_loopback(g->server))
			log_write(LOG_WARN, "gateway.open",
			          LOG_TEXT("listen", server_address(g->server)),
			          LOG_TEXT("reason",
			                   "no keys are configured (jwt_...): everybody "
			                   "may do everything"),
			          LOG_END);
		return true;
	}
	g->keys = keys_open(g->config, g->loop, &g->metrics, error);
	return g->keys != NULL;
}

static bool start(struct gateway *g, struct buf *error)
{
	struct server_options so = { .config = g->config, .metrics = &g->metrics };
	struct hub_options ho = { .config = g->config,
		                  .metrics = &g->metrics,
		                  .tier = tiers[g->config->tier],
		                  .dispatch = dispatch_input,
		                  .unfit = on_unfit,
		                  .unfit_ctx = g,
		                  .drain = drain,
		                  .drain_ctx = g };

	raise_descriptors(g);
	if (!check_descriptors(g, error) || !seed_maps(error))
		return false;
	g->loop = loop_new();
	if (g->loop == NULL) {
		buf_str(error, "the event loop could not be started");
		return false;
	}
	so.loop = ho.loop = g->loop;
	so.descriptors = g->descriptors;
	g->server = server_open(&so, error);
	if (g->server == NULL || !watch_signals(g, error) || !open_keys(g, error))
		return false;
	ho.keys = g->keys;
	g->hub = hub_open(&ho);
	if (g->hub == NULL || !server_start(g->server, g->hub)) {
		buf_str(error, "the gateway could not be started");
		return false;
	}
	return true;
}

static void stop(struct gateway *g)
{
	server_close(g->server);
	hub_close(g->hub);
	keys_close(g->keys);
	server_free(g->server);
	loop_free(g->loop);
}

static int run(struct config *c, int argc, char **argv)
{
	struct gateway g = { .config = c, .argc = argc, .argv = argv };
	struct buf error;

	buf_init(&error);
	signal(SIGPIPE, SIG_IGN);
	mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
	mallopt(M_TOP_PAD, HEAP_KEPT / 16);
	set_log(c);
	warn_of_lease(c);
	if (start(&g, &error)) {
		log_write(LOG_INFO, "gateway.ready", LOG_TEXT("listen", server_address(g.server)),
		          LOG_TEXT("admin", server_admin_address(g.server)),
		          LOG_SLICE("node", hub_node(g.hub)), LOG_TEXT("version", ROOMCAST_VERSION),
		          LOG_TEXT("tier", tiers[c->tier]->name), LOG_END);
		loop_run(g.loop);
	} else {
		g.exit_code = fail(EXIT_FAILED, &error);
	}
	stop(&g);
	buf_fini(&error);
	return g.exit_code;
}

/* --- the command line ------------------------------------------------------------------------------------ */

static int show(void (*write)(const struct config *c, struct buf *out), const struct config *c)
{
	struct buf text;
	int code = EXIT_DONE;

	buf_init(&text);
	write(c, &text);
	if (text.failed || fwrite(text.p, 1, text.n, stdout) != text.n || fflush(stdout) != 0)
		code = fail_text("the output could not be written");
	buf_fini(&text);
	return code;
}

static void write_help(const struct config *c, struct buf *out)
{
	(void)c;
	config_help(out);
}

static void write_version(const struct config *c, struct buf *out)
{
	(void)c;
	buf_str(out, "roomcast-gateway " ROOMCAST_VERSION "\n");
}

/* What only the tier can know of its options. */
static bool check_tier(const struct config *c, struct buf *error, bool *unreadable)
{
	const struct tier_ops *t = tiers[c->tier];

	return t->check == NULL || t->check(c, error, unreadable);
}

/* What only reading its files can tell. */
static bool check_files(const struct config *c, struct buf *error, bool *unreadable)
{
	if (!check_tier(c, error, unreadable))
		return false;
	*unreadable = false;
	return !keys_configured(c) || keys_check(c, error);
}

static int act(enum config_action action, struct config *c, int argc, char **argv,
               struct buf *error)
{
	bool unreadable;

	if (action == CONFIG_CHECK || action == CONFIG_RUN) {
		if (!check_files(c, error, &unreadable) || !server_check(c, error, &unreadable))
			return fail(unreadable ? EXIT_FAILED : EXIT_USAGE, error);
	}
	switch (action) {
	case CONFIG_HELP: return show(write_help, c);
	case CONFIG_VERSION: return show(write_version, c);
	case CONFIG_PRINT: return show(config_print, c);
	case CONFIG_CHECK: return EXIT_DONE;
	case CONFIG_HEALTHCHECK: return healthcheck_run(c->admin_listen);
	case CONFIG_RUN: break;
	}
	return run(c, argc, argv);
}

int main(int argc, char **argv)
{
	enum config_action action;
	struct config *c;
	struct buf error;
	bool unreadable;
	int code;

	buf_init(&error);
	c = config_load(argc, argv, environ, &action, &error, &unreadable);
	if (c == NULL)
		code = fail(unreadable ? EXIT_FAILED : EXIT_USAGE, &error);
	else
		code = act(action, c, argc, argv, &error);
	config_free(c);
	buf_fini(&error);
	return code;
}
