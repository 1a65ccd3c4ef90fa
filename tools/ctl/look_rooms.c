/* roomcastctl rooms, room: which rooms there are, and who is in one. */
#include "tools/ctl/api.h"
#include "tools/ctl/command.h"
#include "tools/ctl/look.h"
#include "tools/ctl/names.h"
#include "tools/ctl/output.h"
#include "tools/ctl/say.h"

#include <stdio.h>
#include <string.h>

static const struct column room_columns[] = {
	{ "ROOM", "name", SHAPE_TEXT },
	{ "MEMBERS", "members", SHAPE_COUNT },
	{ "GATEWAYS", "gateways", SHAPE_COUNT },
};

static const struct column member_columns[] = {
	{ "CLIENT", "client", SHAPE_TEXT },
	{ "USER", "user", SHAPE_TEXT },
	{ "NODE", "node", SHAPE_TEXT },
	{ "SEEN", "presence", SHAPE_YES },
	{ "WAITING", "queue.messages", SHAPE_NUMBER },
	{ "BYTES", "queue.bytes", SHAPE_BYTES },
	{ "BEHIND", "queue.oldest_ms", SHAPE_MS },
	{ "SILENT", "silent_ms", SHAPE_MS },
	{ "ROUND-TRIP", "round_trip_us", SHAPE_US },
	{ "ADDRESS", "address", SHAPE_TEXT },
	{ "INFO", "info", SHAPE_TEXT },
};

void look_say_cut(const struct pages *p)
{
	if (p->cut)
		say("only the first %zu are shown; there are more (--limit)", p->n);
}

static bool pattern_ok(const char *pattern)
{
	for (const char *c = pattern; *c != '\0'; c++) {
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f) {
			say("'%s' holds a character that no room's name has", pattern);
			return false;
		}
	}
	return true;
}

static int run_rooms(int argc, char **argv)
{
	struct pages p;
	struct buf path;
	bool ok;

	if (argc == 1 && !pattern_ok(argv[0]))
		return USAGE;
	buf_init(&path);
	buf_str(&path, "/v1/rooms");
	if (argc == 1)
		query_add(&path, strpbrk(argv[0], "*?") == NULL ? "prefix" : "glob", argv[0]);
	buf_char(&path, '\0');
	ok = api_pages(&p, path.p, "rooms", output_limit, NULL);
	buf_fini(&path);
	if (!ok)
		return FAILED;
	ok = output_list(COLUMNS_OF(room_columns), p.items, p.n) &&
		(p.n == 0 || api_all_answered(p.answers[0].object));
	look_say_cut(&p);
	pages_fini(&p);
	return ok ? DONE : FAILED;
}

/* ---- one room ---- */

/* One object of several pages: the first page's fields, with the clients of all. */
static bool write_room(const struct pages *p)
{
	static const char *const fields[] = { "name", "members",  "visible",   "users",
		                              "rev",  "gateways", "unanswered" };
	struct buf b;
	bool ok;

	buf_init(&b);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct slice value = field_get(p->answers[0].object, fields[i]);

		if (value.p == NULL)
			continue;
		buf_printf(&b, "%c\"%s\":", b.n == 0 ? '{' : ',', fields[i]);
		buf_slice(&b, value);
	}
	buf_str(&b, ",\"clients\":[");
	for (size_t i = 0; i < p->n; i++) {
		buf_str(&b, i == 0 ? "" : ",");
		buf_slice(&b, p->items[i]);
	}
	buf_str(&b, "]}");
	ok = !b.failed && output_value(buf_view(&b));
	buf_fini(&b);
	return ok;
}

static bool say_counts(struct slice room)
{
	static const struct {
		const char *before, *field, *after;
		enum shape shape;
	} parts[] = { { "room ", "name", "", SHAPE_TEXT },
		      { ": ", "members", " members", SHAPE_COUNT },
		      { " (", "visible", " visible", SHAPE_COUNT },
		      { ", ", "users", " users)", SHAPE_COUNT },
		      { " on ", "gateways", " gateways", SHAPE_COUNT },
		      { ", rev ", "rev", "", SHAPE_TEXT } };
	struct buf b;
	bool ok;

	buf_init(&b);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		buf_str(&b, parts[i].before);
		shape_write(&b, field_get(room, parts[i].field), parts[i].shape);
		buf_str(&b, parts[i].after);
	}
	buf_str(&b, "\n\n");
	ok = !b.failed && say_text(buf_view(&b));
	buf_fini(&b);
	return ok;
}

/* Every page may have found another node silent; one sentence tells. */
bool look_all_answered(const struct pages *p)
{
	for (size_t i = 0; i < p->n_answers; i++)
		if (!api_all_answered(p->answers[i].object))
			return false;
	return true;
}

static int run_room(int argc, char **argv)
{
	char missing[256];
	struct pages p;
	struct buf path;
	bool ok;

	(void)argc;
	if (!name_ok("room", argv[0]))
		return USAGE;
	snprintf(missing, sizeof(missing), "nobody is in room %s", argv[0]);
	buf_init(&path);
	buf_str(&path, "/v1/rooms/");
	path_add(&path, argv[0]);
	buf_char(&path, '\0');
	ok = api_pages(&p, path.p, "clients", output_limit, missing);
	buf_fini(&path);
	if (!ok)
		return FAILED;
	if (output_json)
		ok = write_room(&p);
	else
		ok = say_counts(p.answers[0].object) &&
			output_list(COLUMNS_OF(member_columns), p.items, p.n);
	look_say_cut(&p);
	ok = look_all_answered(&p) && ok;
	pages_fini(&p);
	return ok ? DONE : FAILED;
}

const struct command command_rooms = {
	.name = "rooms",
	.arguments = "[PREFIX|GLOB]",
	.summary = "the rooms of the cluster, with members and gateways",
	.about =
		"With * or ? it is a pattern for the whole name ('job.*.log'; quote it for the shell), else\n"
		"the beginning of the name.\n",
	.takes = TAKES_ENDPOINT | TAKES_JSON | TAKES_LIMIT | TAKES_WATCH,
	.most_given = 1,
	.run = run_rooms,
};

const struct command command_room = {
	.name = "room",
	.arguments = "NAME",
	.summary = "who is in a room, on which gateway, and how far behind",
	.about =
		"WAITING and BYTES are what waits for the client, BEHIND is the age of the oldest of it; SEEN\n"
		"says whether the others are told of the client (presence).\n",
	.takes = TAKES_ENDPOINT | TAKES_JSON | TAKES_LIMIT | TAKES_WATCH,
	.least_given = 1,
	.most_given = 1,
	.run = run_room,
};
