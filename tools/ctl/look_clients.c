/* roomcastctl clients, client, user: who is connected, and how one of them fares. */
#include "tools/ctl/api.h"
#include "tools/ctl/command.h"
#include "tools/ctl/look.h"
#include "tools/ctl/names.h"
#include "tools/ctl/output.h"

#include <stdio.h>

static const char *given_node;

static const struct option_row clients_options[] = {
	{ "node", OPTION_TEXT, "NODE", "only the clients of that gateway", &given_node, 0 },
	{ .name = NULL },
};

static const struct column list_columns[] = {
	{ "CLIENT", "client", SHAPE_TEXT },
	{ "USER", "user", SHAPE_TEXT },
	{ "NODE", "node", SHAPE_TEXT },
	{ "STATE", "state", SHAPE_TEXT },
	{ "WAITING", "queue.messages", SHAPE_NUMBER },
	{ "BYTES", "queue.bytes", SHAPE_BYTES },
	{ "BEHIND", "queue.oldest_ms", SHAPE_MS },
	{ "TOPICS", "topics_count", SHAPE_NUMBER },
	{ "CONNECTED", "connected_ms", SHAPE_MS },
	{ "SILENT", "silent_ms", SHAPE_MS },
	{ "ROUND-TRIP", "round_trip_us", SHAPE_US },
	{ "ADDRESS", "address", SHAPE_TEXT },
};

static const struct column one_columns[] = {
	{ "client", "client", SHAPE_TEXT },
	{ "user", "user", SHAPE_TEXT },
	{ "node", "node", SHAPE_TEXT },
	{ "address", "address", SHAPE_TEXT },
	{ "state", "state", SHAPE_TEXT },
	{ "connected", "connected_ms", SHAPE_MS },
	{ "silent", "silent_ms", SHAPE_MS },
	{ "round trip", "round_trip_us", SHAPE_US },
	{ "messages waiting", "queue.messages", SHAPE_NUMBER },
	{ "bytes waiting", "queue.bytes", SHAPE_BYTES },
	{ "control waiting", "queue.control_messages", SHAPE_NUMBER },
	{ "behind", "queue.oldest_ms", SHAPE_MS },
	{ "frames received", "counters.frames_received", SHAPE_NUMBER },
	{ "messages sent", "counters.messages_sent", SHAPE_NUMBER },
	{ "bytes sent", "counters.bytes_sent", SHAPE_BYTES },
	{ "messages dropped", "counters.messages_dropped", SHAPE_NUMBER },
	{ "errors", "counters.errors", SHAPE_NUMBER },
	{ "rate limited", "counters.rate_limited", SHAPE_NUMBER },
	{ "topics", "topics", SHAPE_TEXT },
	{ "info", "info", SHAPE_TEXT },
};

static int run_clients(int argc, char **argv)
{
	struct pages p;
	struct buf path;
	bool ok;

	(void)argc;
	(void)argv;
	if (given_node != NULL && !node_ok(given_node))
		return USAGE;
	buf_init(&path);
	buf_str(&path, "/v1/clients");
	if (given_node != NULL)
		query_add(&path, "node", given_node);
	buf_char(&path, '\0');
	ok = api_pages(&p, path.p, "clients", output_limit, NULL);
	buf_fini(&path);
	if (!ok)
		return FAILED;
	ok = output_list(COLUMNS_OF(list_columns), p.items, p.n);
	look_say_cut(&p);
	ok = look_all_answered(&p) && ok;
	pages_fini(&p);
	return ok ? DONE : FAILED;
}

/* One object: "/v1/clients/ID", "/v1/users/ID". */
static bool ask_one(struct answer *a, const char *base, const char *name, const char *what)
{
	char missing[300];
	struct buf path;
	bool ok;

	snprintf(missing, sizeof(missing), "no %s %s is connected", what, name);
	answer_init(a);
	buf_init(&path);
	buf_str(&path, base);
	path_add(&path, name);
	buf_char(&path, '\0');
	ok = !path.failed && api_ask(a, path.p, (struct slice){ NULL, 0 }, missing);
	buf_fini(&path);
	return ok;
}

static int run_client(int argc, char **argv)
{
	struct answer a;
	bool ok;

	(void)argc;
	if (!name_ok("client", argv[0]))
		return USAGE;
	ok = ask_one(&a, "/v1/clients/", argv[0], "client") &&
		output_one(COLUMNS_OF(one_columns), a.object);
	answer_fini(&a);
	return ok ? DONE : FAILED;
}

static int run_user(int argc, char **argv)
{
	struct pages p = { .n = 0 };
	struct answer a;
	bool ok;

	(void)argc;
	if (!name_ok("user", argv[0]))
		return USAGE;
	ok = ask_one(&a, "/v1/users/", argv[0], "user");
	if (ok && output_json)
		ok = output_value(a.object);
	else if (ok)
		ok = pages_take(&p, field_get(a.object, "clients")) &&
			output_list(COLUMNS_OF(list_columns), p.items, p.n);
	ok = ok && api_all_answered(a.object);
	pages_fini(&p);
	answer_fini(&a);
	return ok ? DONE : FAILED;
}

const struct command command_clients = {
	.name = "clients",
	.arguments = "",
	.summary = "who is connected, on which gateway, and what waits for them",
	.options = clients_options,
	.takes = TAKES_ENDPOINT | TAKES_JSON | TAKES_LIMIT | TAKES_WATCH,
	.most_given = -1,
	.run = run_clients,
};

const struct command command_client = {
	.name = "client",
	.arguments = "ID",
	.summary = "all about one client: state, queue, counters, topics",
	.takes = TAKES_ENDPOINT | TAKES_JSON | TAKES_WATCH,
	.least_given = 1,
	.most_given = 1,
	.run = run_client,
};

const struct command command_user = {
	.name = "user",
	.arguments = "ID",
	.summary = "the connections of one user",
	.takes = TAKES_ENDPOINT | TAKES_JSON | TAKES_WATCH,
	.least_given = 1,
	.most_given = 1,
	.run = run_user,
};
