/* roomcastctl doctor: what is wrong or will be, and what to change. */
#include "tools/ctl/api.h"
#include "tools/ctl/command.h"
#include "tools/ctl/endpoint.h"
#include "tools/ctl/findings.h"
#include "tools/ctl/output.h"
#include "tools/ctl/say.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define PROC "/proc"

static int64_t wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Its refusals are findings as well as sentences on stderr. */
static bool ask(struct findings *f, struct answer *a, const char *path, const char *check)
{
	answer_init(a);
	if (api_ask(a, path, (struct slice){ NULL, 0 }, NULL))
		return true;
	found(f, LEVEL_BAD, check, "%s%s gave no good answer (status %d)", endpoint_get()->url,
	      path, a->status);
	return false;
}

/* The most clients that the gateway shall hold. */
static int64_t look_at_gateway(struct findings *f)
{
	int64_t connections = 0;
	struct answer a;

	if (ask(f, &a, "/healthz", "this gateway")) {
		check_health(f, a.object);
		connections = field_int(a.object, "max_connections", 0);
	}
	answer_fini(&a);
	return connections;
}

static void look_at_nodes(struct findings *f)
{
	struct answer a;

	if (ask(f, &a, "/v1/nodes", "all gateways"))
		check_nodes(f, a.object, wall_ms());
	answer_fini(&a);
}

static void look_at_host(struct findings *f, int64_t connections)
{
	if (!endpoint_is_local(endpoint_get())) {
		found(f, LEVEL_OK, "this machine", "not looked at: the endpoint is on another one");
		return;
	}
	check_descriptors(f, PROC, endpoint_get()->port, connections);
	check_kernel(f, PROC, connections);
	check_redis_host(f, PROC);
}

static bool write_findings(struct findings *f)
{
	static const struct column columns[] = { { "", "level", SHAPE_TEXT },
		                                 { "LOOKED AT", "check", SHAPE_TEXT },
		                                 { "FOUND", "text", SHAPE_TEXT } };
	struct pages p = { .n = 0 };
	struct buf list;
	bool ok;

	buf_init(&list);
	buf_char(&list, '[');
	buf_slice(&list, buf_view(&f->json));
	buf_char(&list, ']');
	/* what to change must not be cut: long lines are left to the terminal */
	ok = !list.failed && !f->json.failed && pages_take(&p, buf_view(&list)) &&
		(output_json ? output_value(buf_view(&list))
	                     : output_whole(COLUMNS_OF(columns), p.items, p.n));
	pages_fini(&p);
	buf_fini(&list);
	return ok;
}

static int run(int argc, char **argv)
{
	int64_t connections;
	struct findings f;
	int code = FAILED;

	(void)argc;
	(void)argv;
	findings_init(&f);
	connections = look_at_gateway(&f);
	if (connections > 0)
		look_at_nodes(&f);
	look_at_host(&f, connections);
	if (write_findings(&f) && f.n[LEVEL_BAD] == 0)
		code = DONE;
	if (f.n[LEVEL_BAD] > 0)
		say("%zu bad, %zu to think about", f.n[LEVEL_BAD], f.n[LEVEL_WARN]);
	findings_fini(&f);
	return code;
}

const struct command command_doctor = {
	.name = "doctor",
	.arguments = "",
	.summary = "look for what is wrong or will be, and say what to change",
	.about =
		"Looks at the gateways (readiness, fan-out tier, versions, clocks) and, when the endpoint is on\n"
		"this machine, at the descriptors of the gateway's process and the kernel's settings. Exit\n"
		"code 1 when something is bad.\n",
	.takes = TAKES_ENDPOINT | TAKES_JSON,
	.most_given = -1,
	.run = run,
};
