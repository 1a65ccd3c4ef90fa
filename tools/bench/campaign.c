#include "tools/bench/campaign.h"

#include "tools/bench/load.h"
#include "tools/bench/progress.h"
#include "tools/bench/report.h"
#include "tools/bench/server.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define DEFAULT_ENDPOINT "ws://127.0.0.1:8000/v1/ws"
#define FILES_RESERVED 64 /* what is open besides connections */

/* The kinds of servers, in the order in which they take turns. */
enum { ROOMCAST, EACH, COALESCED, KINDS };

static const char *const kind_name[KINDS] = { "roomcast", "floor, each", "floor, coalesced" };
static const char *const kind_key[KINDS] = { "roomcast", "floor_each", "floor_coalesced" };

struct campaign {
	const struct options *options;
	struct endpoints endpoints; /* of roomcast, where it runs already */
	SSL_CTX *trust;
	struct meter meter;                  /* the same */
	int server_processor, own_processor; /* -1: any */
	bool spin, has[KINDS];
	struct result *run[KINDS]; /* `repeat` of each */
	uint32_t runs[KINDS];
	bool ok;
};

/* ---- getting ready ---- */

static bool read_pids(struct campaign *c)
{
	for (size_t i = 0; i < c->options->server_pid.count; i++) {
		const char *text = c->options->server_pid.at[i];
		char *end;
		long pid = strtol(text, &end, 10);
		uint64_t ns;

		c->meter.pid[c->meter.count++] = (pid_t)pid;
		if (*end == '\0' && pid > 0 && meter_cpu(&c->meter, &ns))
			continue;
		complain("--server-pid=%s: no such process", text);
		return false;
	}
	return true;
}

static bool read_endpoints(struct campaign *c)
{
	const struct options *o = c->options;
	bool secure = o->gateway_tls;
	char why[512];

	for (size_t i = 0; i < o->endpoint.count; i++)
		if (!endpoints_add(&c->endpoints, o->endpoint.at[i], why, sizeof(why))) {
			complain("%s", why);
			return false;
		}
	if (o->endpoint.count == 0 && c->has[ROOMCAST] && o->gateway == NULL)
		endpoints_add(&c->endpoints, DEFAULT_ENDPOINT, why, sizeof(why));
	for (size_t i = 0; i < c->endpoints.count; i++)
		secure |= c->endpoints.at[i].secure;
	endpoints_prepare(&c->endpoints, o->token);
	if (!secure)
		return true;
	c->trust = link_trust(o->insecure || o->gateway != NULL, o->ca_file, why, sizeof(why));
	if (c->trust == NULL)
		complain("%s", why);
	return c->trust != NULL;
}

static void choose_processors(struct campaign *c)
{
	const struct options *o = c->options;
	int first, last, count = meter_processors(&first, &last);
	bool pin = o->pin == 1 ||
		(o->pin == -1 && count > 1 && (o->gateway != NULL || o->floor != FLOOR_NONE));

	c->spin = o->spin == -1 ? count > 1 : o->spin;
	c->server_processor = pin ? first : -1;
	c->own_processor = pin ? last : -1;
}

/* Servers inherit the limit, and need as many files. */
static bool raise_files(const struct options *o)
{
	unsigned long wanted = (unsigned long)o->subscribers + o->publishers + FILES_RESERVED;
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (wanted <= limit.rlim_cur)
		return true;
	complain("%u connections need %lu open files, and the limit is %lu (ulimit -Hn)",
	         o->subscribers + o->publishers, wanted, (unsigned long)limit.rlim_cur);
	return false;
}

static bool prepare(struct campaign *c)
{
	const struct options *o = c->options;

	c->has[EACH] = o->floor == FLOOR_ONLY_EACH || o->floor == FLOOR_BOTH;
	c->has[COALESCED] = o->floor == FLOOR_ONLY_COALESCED || o->floor == FLOOR_BOTH;
	c->has[ROOMCAST] = o->floor == FLOOR_NONE || o->gateway != NULL || o->endpoint.count > 0;
	for (int kind = 0; kind < KINDS; kind++) {
		c->run[kind] = calloc(o->repeat, sizeof(struct result));
		if (c->run[kind] == NULL)
			return false;
	}
	choose_processors(c);
	return raise_files(o) && read_pids(c) && read_endpoints(c);
}

/* ---- runs ---- */

/* What all servers have in common. */
static struct load_plan plan_of(const struct campaign *c)
{
	const struct options *o = c->options;

	return (struct load_plan){
		.crowd = { .dialect = &dialect_roomcast,
		           .trust = c->trust,
		           .subscribers = o->subscribers,
		           .publishers = o->publishers,
		           .rooms = o->rooms,
		           .presence = o->presence,
		           .connect_rate = o->connect_rate,
		           .timeout_s = o->timeout },
		.traffic = { .payload_bytes = o->size,
		             .window = o->rate > 0 ? 0 : o->window,
		             .rate = o->rate },
		.warm_up_s = o->warm_up,
		.duration_s = o->duration,
		.idle_s = o->idle,
		.timeout_s = o->timeout,
		.spin = c->spin,
	};
}

/* The payload that makes the floor's frames as long as those that roomcast has just delivered. */
static uint32_t floor_payload(const struct campaign *c)
{
	uint32_t runs = c->runs[ROOMCAST];
	double frame = runs == 0 ? NAN : c->run[ROOMCAST][runs - 1].frame_bytes;
	uint32_t wire, header;

	if (isnan(frame))
		return c->options->size;
	wire = (uint32_t)lround(frame);
	header = wire < 2 + 126 ? 2 : wire < 4 + 65536 ? 4 : 10;
	return wire > header + STAMP_BYTES ? wire - header : STAMP_BYTES;
}

static bool local_endpoint(struct endpoints *e, int port, bool secure, const char *token)
{
	char url[64], why[256];

	e->count = 0;
	snprintf(url, sizeof(url), "%s://127.0.0.1:%d", secure ? "wss" : "ws", port);
	if (!endpoints_add(e, url, why, sizeof(why))) {
		complain("%s", why);
		return false;
	}
	endpoints_prepare(e, token);
	return true;
}

static bool start(const struct campaign *c, int kind, struct server *s)
{
	const struct options *o = c->options;
	struct gateway_plan plan = { .program = o->gateway,
		                     .args = o->gateway_arg.at,
		                     .args_count = o->gateway_arg.count,
		                     .secure = o->gateway_tls,
		                     .processor = c->server_processor };

	if (kind == ROOMCAST)
		return server_start_gateway(s, &plan);
	return server_start_floor(s, kind == EACH ? FLOOR_EACH : FLOOR_COALESCED,
	                          c->server_processor);
}

/* The server's part of the plan, which it is started for if need be. False: it cannot be had. */
static bool provide(const struct campaign *c, int kind, struct server *s, struct endpoints *local,
                    struct load_plan *plan)
{
	const struct options *o = c->options;
	bool is_floor = kind != ROOMCAST;

	plan->crowd.label = kind_name[kind];
	if (is_floor) {
		plan->crowd.dialect = &dialect_floor;
		plan->traffic.payload_bytes = floor_payload(c);
	}
	if (!is_floor && o->gateway == NULL) {
		plan->crowd.endpoints = &c->endpoints;
		plan->server = c->meter;
		return true;
	}
	if (!start(c, kind, s))
		return false;
	plan->crowd.endpoints = local;
	plan->server = (struct meter){ .pid = { s->pid }, .count = 1 };
	return local_endpoint(local, s->port, !is_floor && o->gateway_tls, o->token);
}

/* One run against one kind of server; false: there is no point in going on. */
static bool run_one(struct campaign *c, int kind)
{
	struct endpoints *local = calloc(1, sizeof(*local));
	struct result *result = &c->run[kind][c->runs[kind]];
	struct load_plan plan = plan_of(c);
	struct server server = { .output = -1 };
	bool connected = false;

	if (local != NULL && provide(c, kind, &server, local, &plan)) {
		/* Only now: what it starts begins where it runs itself. */
		if (c->own_processor >= 0)
			meter_pin(0, c->own_processor);
		connected = load_run(&plan, result);
		c->runs[kind]++;
		c->ok &= !result_has_fault(result);
	}
	c->ok &= server_stop(&server);
	if (local != NULL)
		endpoints_fini(local);
	free(local);
	return connected;
}

static bool run_all(struct campaign *c)
{
	for (uint32_t i = 0; i < c->options->repeat; i++)
		for (int kind = 0; kind < KINDS; kind++)
			if (c->has[kind] && !run_one(c, kind))
				return false;
	return true;
}

static void print(const struct campaign *c)
{
	struct report r = { .options = c->options, .ok = c->ok, .compares = c->runs[ROOMCAST] > 0 };

	for (int kind = 0; kind < KINDS; kind++)
		if (c->runs[kind] > 0)
			r.column[r.columns++] = (struct column){ .name = kind_name[kind],
				                                 .key = kind_key[kind],
				                                 .run = c->run[kind],
				                                 .runs = c->runs[kind] };
	if (r.columns == 0)
		return;
	if (c->options->json)
		report_print_json(&r);
	else
		report_print_table(&r);
}

int campaign_run(const struct options *o)
{
	struct campaign *c = calloc(1, sizeof(*c));
	int exit_code = 2;

	if (c == NULL)
		return 1;
	c->options = o;
	c->ok = true;
	if (prepare(c)) {
		c->ok &= run_all(c);
		print(c);
		exit_code = c->ok ? 0 : 1;
	}
	endpoints_fini(&c->endpoints);
	SSL_CTX_free(c->trust);
	for (int kind = 0; kind < KINDS; kind++)
		free(c->run[kind]);
	free(c);
	return exit_code;
}
