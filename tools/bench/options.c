#include "tools/bench/options.h"

#include "tools/bench/stamp.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { COUNT, SECONDS, PER_SECOND, SWITCH, MAYBE, TEXT, LIST, FLOOR, PORT };

struct row {
	const char *name, *arg; /* arg NULL: a switch; in brackets: may be left out */
	enum kind kind;
	size_t offset;
	double least, most;
	const char *help;
};

#define AT(field) offsetof(struct options, field)
#define HEADING(text)                                                                              \
	{                                                                                          \
		NULL, NULL, SWITCH, 0, 0, 0, text                                                  \
	}

static const struct row rows[] = {
	HEADING("Whom to load"),
	{ "endpoint", "URL[,URL…]", LIST, AT(endpoint), 0, 0,
	  "ws://HOST:PORT/v1/ws or wss://…; repeat it for several, connections are spread in turn "
	  "(default ws://127.0.0.1:8000/v1/ws)" },
	{ "gateway", "PROGRAM", TEXT, AT(gateway), 0, 0,
	  "start this roomcast-gateway on a free loopback port for each run, with opened limits, and "
	  "measure it" },
	{ "gateway-arg", "ARG", LIST, AT(gateway_arg), 0, 0,
	  "one more argument for it (repeatable)" },
	{ "gateway-tls", NULL, SWITCH, AT(gateway_tls), 0, 0,
	  "start it with TLS, with a certificate made for the run" },
	{ "floor", "[=each|coalesced|both]", FLOOR, AT(floor), 0, 0,
	  "also run a bare epoll server under the same load, with delivered frames as long as roomcast's, "
	  "and print the ratios: with one send() for each receiver and message, with one for each receiver "
	  "and turn of its loop, or both (default). Alone, without --endpoint and --gateway, it delivers "
	  "payloads of --size" },
	{ "server-pid", "PID", LIST, AT(server_pid), 0, 0,
	  "a process to measure, CPU and memory (repeat it for several; with --gateway not needed)" },
	{ "token", "T", TEXT, AT(token), 0, 0, "send it as Authorization: Bearer T" },
	{ "cafile", "FILE", TEXT, AT(ca_file), 0, 0,
	  "for wss: trust these certificates (default: the system's)" },
	{ "insecure", NULL, SWITCH, AT(insecure), 0, 0, "for wss: trust any certificate" },

	HEADING("What to do"),
	{ "scene", "NAME", TEXT, AT(scene), 0, 0,
	  "settings with a name (below); single options override it" },
	{ "list-scenes", NULL, SWITCH, AT(list_scenes), 0, 0, "show them" },
	{ "subscribers", "N", COUNT, AT(subscribers), 1, 1000000,
	  "connections that join a room (100)" },
	{ "rooms", "N", COUNT, AT(rooms), 1, 1000000,
	  "rooms bench.0, bench.1, … that they are dealt to (1)" },
	{ "publishers", "N", COUNT, AT(publishers), 0, 100000,
	  "connections that publish, each to its share of the rooms in turn (1)" },
	{ "size", "BYTES", COUNT, AT(size), STAMP_BYTES, 16 << 20, "payload of a message (128)" },
	{ "window", "N", COUNT, AT(window), 1, 1000000,
	  "closed loop: messages under way for each publisher; one is under way until all members of its "
	  "room have it (1)" },
	{ "rate", "N", PER_SECOND, AT(rate), 0.001, 1e7,
	  "instead: messages a second, of all publishers together, whatever the server does; latency then "
	  "counts from the time at which a message was due" },
	{ "presence", NULL, SWITCH, AT(presence), 0, 0, "join with presence" },
	{ "connect-rate", "N", PER_SECOND, AT(connect_rate), 0, 1e7,
	  "connects a second (default: as fast as the server takes them)" },

	HEADING("How long"),
	{ "warm-up", "SECONDS", SECONDS, AT(warm_up), 0, 86400,
	  "publishing before it is measured (1)" },
	{ "duration", "SECONDS", SECONDS, AT(duration), 0.001, 86400, "measured publishing (3)" },
	{ "idle", "SECONDS", SECONDS, AT(idle), 0, 86400,
	  "stay connected and silent before memory is measured and publishing begins (0)" },
	{ "timeout", "SECONDS", SECONDS, AT(timeout), 0.1, 3600,
	  "the most that one connect, or waiting for the last deliveries, may take (10)" },
	{ "repeat", "N", COUNT, AT(repeat), 1, REPEAT_MAX,
	  "run all of it N times, servers in turn, and report medians (1); losses are added up" },

	HEADING("How"),
	{ "pin", NULL, MAYBE, AT(pin), 0, 1,
	  "servers that the bench starts run on the first processor only, the bench on the last "
	  "(default: when it starts any)" },
	{ "spin", NULL, MAYBE, AT(spin), 0, 1,
	  "never sleep while publishing, so that no server pays for waking the bench up (default: with two "
	  "processors or more)" },
	{ "progress", NULL, MAYBE, AT(progress), 0, 1,
	  "a progress line on stderr (default: on a terminal)" },
	{ "json", NULL, SWITCH, AT(json), 0, 0, "one JSON object on stdout instead of the table" },

	HEADING("Instead"),
	{ "serve-floor", "PORT", PORT, AT(serve_floor), 1, 65535,
	  "be the floor on 127.0.0.1:PORT, for another load generator; --floor=each or coalesced" },
	{ "version", NULL, SWITCH, AT(version), 0, 0, "print the version" },
	{ "help", NULL, SWITCH, AT(help), 0, 0, "this text" },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static bool refuse(const char *what, const char *name, const char *value)
{
	fprintf(stderr, "roomcast-bench: --%s%s%s: %s (see --help)\n", name,
	        value == NULL ? "" : "=", value == NULL ? "" : value, what);
	return false;
}

static bool set_number(const struct row *row, void *field, const char *value)
{
	bool whole = row->kind == COUNT || row->kind == PORT;
	char *end, what[96];
	double number = strtod(value, &end);

	if (end == value || *end != '\0' || !(number >= row->least && number <= row->most) ||
	    (whole && number != floor(number))) {
		snprintf(what, sizeof(what), "wants a %snumber from %.10g to %.10g",
		         whole ? "whole " : "", row->least, row->most);
		return refuse(what, row->name, value);
	}
	if (whole)
		*(uint32_t *)field = (uint32_t)number;
	else
		*(double *)field = number;
	return true;
}

static bool set_floor(enum floor_choice *choice, const char *value)
{
	static const char *const names[] = { "none", "each", "coalesced", "both" };

	for (int i = 0; value != NULL && i < 4; i++) {
		if (strcmp(value, names[i]) != 0)
			continue;
		*choice = (enum floor_choice)i;
		return true;
	}
	if (value != NULL)
		return refuse("wants each, coalesced or both", "floor", value);
	*choice = FLOOR_BOTH;
	return true;
}

static bool add_to_list(struct text_list *list, const char *name, const char *value)
{
	if (list->count == OPTION_LIST_MAX)
		return refuse("given too often", name, value);
	list->at[list->count++] = value;
	return true;
}

static bool set(struct options *o, const struct row *row, const char *value, bool on)
{
	void *field = (char *)o + row->offset;

	switch (row->kind) {
	case SWITCH: *(bool *)field = on; return true;
	case MAYBE: *(int *)field = on; return true;
	case TEXT: *(const char **)field = value; return true;
	case LIST: return add_to_list(field, row->name, value);
	case FLOOR: return set_floor(field, value);
	default: return set_number(row, field, value);
	}
}

static const struct row *find(const char *name, size_t n)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].name != NULL && strlen(rows[i].name) == n &&
		    memcmp(rows[i].name, name, n) == 0)
			return &rows[i];
	return NULL;
}

/* One option, without its dashes; `next` is what follows it, `*used_next` whether that was its value. */
static bool read_one(struct options *o, const char *text, const char *next, bool *used_next)
{
	const char *equals = strchr(text, '='), *value = equals == NULL ? NULL : equals + 1;
	size_t n = equals == NULL ? strlen(text) : (size_t)(equals - text);
	const struct row *row = find(text, n);
	bool off = false;

	if (row == NULL && strncmp(text, "no-", 3) == 0) {
		row = find(text + 3, n - 3);
		off = true;
	}
	if (row == NULL || (off && row->arg != NULL)) {
		fprintf(stderr, "roomcast-bench: there is no option --%.*s (see --help)\n", (int)n,
		        text);
		return false;
	}
	if (row->arg == NULL && value != NULL)
		return refuse("takes no value", row->name, value);
	if (row->arg != NULL && row->arg[0] != '[' && value == NULL) {
		if (next == NULL)
			return refuse("wants a value", row->name, NULL);
		value = next;
		*used_next = true;
	}
	/* The later one of the two is meant, a scene's window no less than one's own. */
	if (row->offset == AT(window))
		o->rate = 0;
	return set(o, row, value, !off);
}

static bool read_arguments(struct options *o, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		bool used_next = false;

		if (strcmp(argv[i], "-h") == 0) {
			o->help = true;
			continue;
		}
		if (strncmp(argv[i], "--", 2) != 0) {
			fprintf(stderr, "roomcast-bench: what is '%s'? (see --help)\n", argv[i]);
			return false;
		}
		if (!read_one(o, argv[i] + 2, i + 1 < argc ? argv[i + 1] : NULL, &used_next))
			return false;
		i += used_next;
	}
	return true;
}

static void set_defaults(struct options *o)
{
	*o = (struct options){
		.subscribers = 100,
		.rooms = 1,
		.publishers = 1,
		.size = 128,
		.window = 1,
		.warm_up = 1,
		.duration = 3,
		.timeout = 10,
		.repeat = 1,
		.pin = -1,
		.spin = -1,
		.progress = -1,
	};
}

static bool make_sense(const struct options *o)
{
	if (o->gateway != NULL && o->endpoint.count > 0)
		return refuse("goes not with --endpoint", "gateway", o->gateway);
	if (o->gateway != NULL && o->server_pid.count > 0)
		return refuse("goes not with --gateway, which is measured anyway", "server-pid",
		              o->server_pid.at[0]);
	if (o->publishers > 0 && o->subscribers < o->rooms)
		return refuse("fewer than --rooms: some would have nobody to deliver to",
		              "subscribers", NULL);
	if (o->serve_floor > 0 && o->floor == FLOOR_BOTH)
		return refuse("one server has one way: each or coalesced", "floor", "both");
	return true;
}

bool options_read(struct options *o, int argc, char **argv)
{
	const struct scene *scene;
	bool unused = false;

	set_defaults(o);
	if (!read_arguments(o, argc, argv))
		return false;
	if (o->scene == NULL)
		return make_sense(o);
	/* Only now the scene's name is known: begin again with its settings below the arguments. */
	scene = scene_find(o->scene);
	if (scene == NULL)
		return refuse("no such scene, see --list-scenes", "scene", o->scene);
	set_defaults(o);
	for (const char *const *s = scene->settings; *s != NULL; s++)
		if (!read_one(o, *s, NULL, &unused))
			return false;
	return read_arguments(o, argc, argv) && make_sense(o);
}

/* Words of `text` in lines that begin in column `from`; the first line has begun already. */
static void print_wrapped(const char *text, int from)
{
	int column = from;

	while (*text != '\0') {
		int n = (int)strcspn(text, " ");

		if (column > from && column + 1 + n > 96) {
			printf("\n%*s", from, "");
			column = from;
		}
		column += printf("%s%.*s", column > from ? " " : "", n, text);
		text += n + (text[n] == ' ');
	}
	putchar('\n');
}

void options_print_help(void)
{
	puts("roomcast-bench loads WebSocket message brokers that speak roomcast's protocol, and measures them.\n\n"
	     "  roomcast-bench --gateway build/release/roomcast-gateway --scene one-room --floor --repeat 5\n"
	     "  roomcast-bench --endpoint ws://10.0.0.5:8000/v1/ws --subscribers 5000 --rooms 500 --rate 1000");
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];
		char left[64];

		if (row->name == NULL) {
			printf("\n%s\n", row->help);
			continue;
		}
		snprintf(left, sizeof(left), "--%s%s%s%s", row->kind == MAYBE ? "[no-]" : "",
		         row->name,
		         row->arg == NULL             ? ""
		                 : row->arg[0] == '[' ? ""
		                                      : " ",
		         row->arg == NULL ? "" : row->arg);
		printf("  %-28s%s", left,
		       strlen(left) >= 28 ? "\n                              " : "");
		print_wrapped(row->help, 30);
	}
	puts("\nScenes (1 s of warm-up, 3 s measured, 128 bytes, if it is not said)");
	scenes_print();
	puts("\nFigures\n"
	     "  CPU: time of the server's processes, all threads, user and kernel; per delivery: over the\n"
	     "  deliveries of the measured span. A connect: handshake, welcome, join, ack. Latency: from the\n"
	     "  time a message was due until a subscriber has read it whole; 1 µs is 1e-6 s, precision 1/128.\n"
	     "  Memory: growth from before the first connect until after --idle, of all connections. A frame:\n"
	     "  with its header. Ratios: the median over pairs of runs that followed each other.\n\n"
	     "Exit code: 0 fine; 1 something was lost, doubled, reordered, misrouted or refused, or a\n"
	     "connection failed; 2 the command line is wrong.");
}
