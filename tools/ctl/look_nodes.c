/* roomcastctl nodes, stats, config: the gateways, what they have counted, how one is set up. */
#include "broker-common/json.h"
#include "tools/ctl/api.h"
#include "tools/ctl/command.h"
#include "tools/ctl/output.h"
#include "tools/ctl/say.h"
#include "tools/ctl/text.h"

#include <stdio.h>
#include <string.h>

static const struct slice no_body = { NULL, 0 };

static const struct column node_columns[] = {
	{ "NODE", "node", SHAPE_TEXT },
	{ "", "self", SHAPE_STAR },
	{ "STATE", "state", SHAPE_TEXT },
	{ "READY", "ready", SHAPE_YES },
	{ "CLIENTS", "connections", SHAPE_NUMBER },
	{ "WAITING", "queued_bytes", SHAPE_BYTES },
	{ "LAG", "loop_lag_ms", SHAPE_MS },
	{ "UP", "uptime_s", SHAPE_SECONDS },
	{ "TIER", "tier.name", SHAPE_TEXT },
	{ "LINK", "tier.up", SHAPE_YES },
	{ "VERSION", "version", SHAPE_TEXT },
	{ "REASON", "reason", SHAPE_TEXT },
};

static int run_nodes(int argc, char **argv)
{
	struct pages p = { .n = 0 };
	struct answer a;
	bool ok;

	(void)argc;
	(void)argv;
	answer_init(&a);
	ok = api_ask(&a, "/v1/nodes", no_body, NULL) &&
		pages_take(&p, field_get(a.object, "nodes")) &&
		output_list(COLUMNS_OF(node_columns), p.items, p.n) && api_all_answered(a.object);
	pages_fini(&p);
	answer_fini(&a);
	return ok ? DONE : FAILED;
}

/* ---- objects as tables of name and value ---- */

/* A row for each member: {"name":…,"value":…}. A member that is an object itself gives rows
 * "name.inner". */
static void flatten(struct buf *rows, struct slice object, const char *outer)
{
	struct slice key, value;

	for (size_t at = 0; json_next_member(object, &at, &key, &value);) {
		char name[256];

		snprintf(name, sizeof(name), "%s%s%.*s", outer, outer[0] == '\0' ? "" : ".",
		         SLICE_ARGS(key));
		if (json_type_of(value) == JSON_OBJECT && outer[0] == '\0') {
			flatten(rows, value, name);
			continue;
		}
		buf_printf(rows, "%c{\"name\":\"%s\",\"value\":", rows->n == 0 ? '[' : ',', name);
		buf_slice(rows, value);
		buf_char(rows, '}');
	}
}

static bool write_object(const struct column columns[2], struct slice object)
{
	struct pages p = { .n = 0 };
	struct buf rows;
	bool ok;

	buf_init(&rows);
	flatten(&rows, object, "");
	buf_str(&rows, rows.n == 0 ? "[]" : "]");
	ok = !rows.failed && pages_take(&p, buf_view(&rows)) &&
		output_list(columns, 2, p.items, p.n);
	pages_fini(&p);
	buf_fini(&rows);
	return ok;
}

static bool write_stats(struct slice stats)
{
	static const struct column columns[] = { { "COUNTED", "name", SHAPE_TEXT },
		                                 { "ALL NODES", "value", SHAPE_NUMBER } };
	struct buf b;
	bool ok;

	buf_init(&b);
	buf_str(&b, "nodes ");
	shape_write(&b, field_get(stats, "nodes"), SHAPE_COUNT);
	buf_str(&b, ", connections ");
	shape_write(&b, field_get(stats, "connections"), SHAPE_NUMBER);
	buf_str(&b, ", rooms (a room on two gateways counts twice) ");
	shape_write(&b, field_get(stats, "rooms_local"), SHAPE_NUMBER);
	buf_str(&b, "\n\n");
	ok = !b.failed && say_text(buf_view(&b)) &&
		write_object(columns, field_get(stats, "totals"));
	buf_fini(&b);
	return ok;
}

static int run_stats(int argc, char **argv)
{
	struct answer a;
	bool ok;

	(void)argc;
	(void)argv;
	answer_init(&a);
	ok = api_ask(&a, "/v1/stats", no_body, NULL) &&
		(output_json ? output_value(a.object) : write_stats(a.object)) &&
		api_all_answered(a.object);
	answer_fini(&a);
	return ok ? DONE : FAILED;
}

static int run_config(int argc, char **argv)
{
	static const struct column columns[] = { { "OPTION", "name", SHAPE_TEXT },
		                                 { "VALUE", "value", SHAPE_TEXT } };
	struct answer a;
	bool ok;

	(void)argc;
	(void)argv;
	answer_init(&a);
	ok = api_ask(&a, "/v1/config", no_body, NULL);
	if (ok && output_json)
		ok = output_value(field_get(a.object, "options").p == NULL
		                          ? a.object
		                          : field_get(a.object, "options"));
	else if (ok)
		ok = write_object(columns, field_get(a.object, "options"));
	answer_fini(&a);
	return ok ? DONE : FAILED;
}

const struct command command_nodes = {
	.name = "nodes",
	.arguments = "",
	.summary = "the gateways: state, clients, what waits, versions",
	.about =
		"* marks the gateway that answered. LAG is how late its event loop ran, WAITING what waits\n"
		"for its clients.\n",
	.takes = TAKES_ENDPOINT | TAKES_JSON | TAKES_WATCH,
	.most_given = -1,
	.run = run_nodes,
};

const struct command command_stats = {
	.name = "stats",
	.arguments = "",
	.summary = "what all gateways have counted since they started",
	.about = "Rates are what top shows.\n",
	.takes = TAKES_ENDPOINT | TAKES_JSON | TAKES_WATCH,
	.most_given = -1,
	.run = run_stats,
};

const struct command command_config = {
	.name = "config",
	.arguments = "",
	.summary = "the options in force of the gateway that answers, without secrets",
	.about = "The key needs the scope admin.\n",
	.takes = TAKES_ENDPOINT | TAKES_JSON,
	.most_given = -1,
	.run = run_config,
};
