#include "tools/ctl/output.h"

#include "tools/ctl/say.h"

#include <stdio.h>

#define LIMIT 100000 /* more would be no table, and memory is finite */

bool output_json;
uint64_t output_limit = LIMIT;
uint64_t output_watch_ms;

const struct option_row json_options[] = {
	{ "json", OPTION_FLAG, NULL, "JSON instead of a table: one value, on one line",
	  &output_json, 0 },
	{ .name = NULL },
};

const struct option_row limit_options[] = {
	{ "limit", OPTION_NUMBER, "N", "at most so many items (100000)", &output_limit, 0 },
	{ .name = NULL },
};

const struct option_row watch_options[] = {
	{ "watch", OPTION_MAYBE_SECONDS, "SECS", "again every SECS (2), until Ctrl-C",
	  &output_watch_ms, 2000 },
	{ .name = NULL },
};

static bool write_text(const struct buf *b)
{
	if (!b->failed)
		return say_text(buf_view(b));
	say("out of memory");
	return false;
}

bool output_value(struct slice json)
{
	struct buf b;
	bool ok;

	buf_init(&b);
	say_json(&b, json);
	buf_char(&b, '\n');
	ok = write_text(&b);
	buf_fini(&b);
	return ok;
}

static void write_array(struct buf *b, const struct slice *items, size_t n)
{
	buf_char(b, '[');
	for (size_t i = 0; i < n; i++) {
		buf_str(b, i == 0 ? "" : ",");
		say_json(b, items[i]);
	}
	buf_str(b, "]\n");
}

bool output_whole(const struct column *columns, size_t n_columns, const struct slice *items,
                  size_t n)
{
	struct buf b;
	bool ok;

	buf_init(&b);
	table_write(&b, columns, n_columns, items, n, 0);
	ok = write_text(&b);
	buf_fini(&b);
	return ok;
}

bool output_list(const struct column *columns, size_t n_columns, const struct slice *items,
                 size_t n)
{
	struct buf b;
	bool ok;

	buf_init(&b);
	if (output_json)
		write_array(&b, items, n);
	else
		table_write(&b, columns, n_columns, items, n, table_width());
	ok = write_text(&b);
	buf_fini(&b);
	return ok;
}

bool output_one(const struct column *columns, size_t n_columns, struct slice item)
{
	struct buf b;
	bool ok;

	if (output_json)
		return output_value(item);
	buf_init(&b);
	table_write_one(&b, columns, n_columns, item, table_width());
	ok = write_text(&b);
	buf_fini(&b);
	return ok;
}
