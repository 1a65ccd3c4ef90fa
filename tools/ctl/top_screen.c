#include "tools/ctl/clock.h"
#include "tools/ctl/endpoint.h"
#include "tools/ctl/say.h"
#include "tools/ctl/table.h"
#include "tools/ctl/text.h"
#include "tools/ctl/top.h"

#include <curses.h>
#include <stdlib.h>
#include <term.h>
#include <time.h>
#include <unistd.h>

#undef columns /* what term.h makes of them */
#undef lines

#define COLUMNS_OF(columns) (columns), sizeof(columns) / sizeof((columns)[0])
#define SHORTEST_ESCAPE_MS 25 /* for keys that are sequences; a lone Esc waits that long */

static const struct column node_columns[] = {
	{ "NODE", "node", SHAPE_TEXT },
	{ "", "self", SHAPE_STAR },
	{ "STATE", "state", SHAPE_TEXT },
	{ "READY", "ready", SHAPE_YES },
	{ "CLIENTS", "connections", SHAPE_NUMBER },
	{ "WAITING", "queued_bytes", SHAPE_BYTES },
	{ "LAG", "loop_lag_ms", SHAPE_MS },
	{ "UP", "uptime_s", SHAPE_SECONDS },
	{ "LINK", "tier.up", SHAPE_YES },
	{ "VERSION", "version", SHAPE_TEXT },
};

static const struct column room_columns[] = {
	{ "ROOM", "name", SHAPE_TEXT },
	{ "MEMBERS", "members", SHAPE_COUNT },
	{ "GATEWAYS", "gateways", SHAPE_COUNT },
};

static const struct column client_columns[] = {
	{ "CLIENT", "client", SHAPE_TEXT },      { "USER", "user", SHAPE_TEXT },
	{ "NODE", "node", SHAPE_TEXT },          { "WAITING", "queue.messages", SHAPE_NUMBER },
	{ "BYTES", "queue.bytes", SHAPE_BYTES }, { "BEHIND", "queue.oldest_ms", SHAPE_MS },
	{ "RTT", "round_trip_us", SHAPE_US },    { "SILENT", "silent_ms", SHAPE_MS },
	{ "ADDRESS", "address", SHAPE_TEXT },
};

/* ---- the terminal ---- */

bool screen_open(void)
{
	int found;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		say("top needs a terminal; for a program there is stats --json --watch");
		return false;
	}
	/* newterm() would keep memory of a terminal that it does not know */
	if (setupterm(NULL, STDOUT_FILENO, &found) != OK || del_curterm(cur_term) != OK ||
	    newterm(NULL, stdout, stdin) == NULL) {
		say("the terminal '%s' is not known here (TERM)",
		    getenv("TERM") == NULL ? "" : getenv("TERM"));
		return false;
	}
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(SHORTEST_ESCAPE_MS);
	curs_set(0);
	return true;
}

void screen_close(void)
{
	endwin();
}

enum top_key screen_key(struct top *t)
{
	bool had_help = t->help;

	switch (getch()) {
	case ERR: return KEY_NONE;
	case 'q':
	case 'Q': return KEY_QUIT;
	case 's':
		t->order = (t->order + 1) % ORDERS;
		top_sort(t);
		return KEY_CHANGED;
	case 'p':
	case ' ': t->paused = !t->paused; return KEY_PAUSE;
	case '?':
	case 'h': t->help = !had_help; return KEY_CHANGED;
	default: t->help = false; return KEY_CHANGED; /* a resize is a key too */
	}
}

/* ---- drawing ---- */

/* Lines of a text that ends with line feeds, from row `y` on, at most `rows`. Returns how many. */
static int put_lines(struct slice text, int y, int rows, bool head)
{
	int n = 0;

	while (text.n > 0 && n < rows && y + n < LINES) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t length = end == NULL ? text.n : (size_t)(end - text.p);

		if (head && n == 0)
			attron(A_REVERSE);
		move(y + n, 0);
		addnstr(text.p, (int)length);
		if (head && n == 0) {
			hline(' ' | A_REVERSE, COLS);
			attroff(A_REVERSE);
		}
		n++;
		length += end != NULL;
		text.p += length;
		text.n -= length;
	}
	return n;
}

static int put_table(const struct column *columns, size_t n_columns, const struct pages *p, int y,
                     int rows)
{
	size_t shown = rows < 2 ? 0 : (size_t)rows - 1 < p->n ? (size_t)rows - 1 : p->n;
	struct buf b;
	int used;

	buf_init(&b);
	table_write(&b, columns, n_columns, p->items, shown, (size_t)COLS);
	used = put_lines(buf_view(&b), y, rows, true);
	buf_fini(&b);
	return used;
}

/* One line, cut to the screen. */
static void put_line(int y, const struct buf *text, bool loud)
{
	struct buf b;

	buf_init(&b);
	text_cut(&b, buf_view(text), (size_t)COLS);
	buf_char(&b, '\0');
	if (loud)
		attron(A_BOLD);
	mvaddstr(y, 0, b.failed ? "" : b.p);
	if (loud)
		attroff(A_BOLD);
	buf_fini(&b);
}

static void add_field(struct buf *b, const char *before, struct slice object, const char *field)
{
	buf_str(b, before);
	shape_write(b, field_get(object, field), SHAPE_COUNT);
}

static void put_title(const struct top *t)
{
	time_t now = time(NULL);
	char clock[16] = "";
	struct tm local;
	struct buf b;

	localtime_r(&now, &local);
	strftime(clock, sizeof(clock), "%H:%M:%S", &local);
	buf_init(&b);
	buf_printf(&b, "roomcast %s  %s%s  ?: help  q: quit", clock, endpoint_get()->url,
	           t->paused ? "  PAUSED" : "");
	put_line(0, &b, t->paused);
	buf_fini(&b);
}

static void put_totals(const struct top *t)
{
	struct slice stats = t->parts[TOP_STATS].object;
	struct buf b;

	buf_init(&b);
	add_field(&b, "nodes ", stats, "nodes");
	add_field(&b, "  clients ", stats, "connections");
	add_field(&b, "  rooms on nodes ", stats, "rooms_local");
	put_line(1, &b, false);
	buf_fini(&b);
}

static void put_rates(const struct top *t)
{
	static const struct {
		const char *word;
		enum rate rate;
	} shown[] = { { "in", RATE_RECEIVED },     { "published", RATE_PUBLISHED },
		      { "sent", RATE_SENT },       { "B", RATE_BYTES },
		      { "dropped", RATE_DROPPED }, { "errors", RATE_ERRORS },
		      { "new", RATE_OPENED } };
	struct buf b;

	buf_init(&b);
	buf_str(&b, "per second:");
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		buf_printf(&b, "  %s ", shown[i].word);
		if (!t->rates.known)
			buf_char(&b, '-');
		else if (shown[i].rate == RATE_BYTES)
			shape_bytes(&b, t->rates.per_second[RATE_BYTES]);
		else
			buf_printf(&b, "%.0f", t->rates.per_second[shown[i].rate]);
	}
	put_line(2, &b, false);
	buf_fini(&b);
}

static void put_trouble(const struct top *t)
{
	struct slice silent = field_get(t->parts[TOP_NODES].object, "unanswered");
	struct buf b;

	buf_init(&b);
	if (t->trouble[0] != '\0') {
		text_harmless(&b, slice_of(t->trouble));
	} else if (silent.p != NULL) {
		buf_str(&b, "no answer from ");
		shape_write(&b, silent, SHAPE_TEXT);
	}
	put_line(3, &b, true);
	buf_fini(&b);
}

static void put_help(void)
{
	static const char *const lines[] = {
		"q        quit",
		"s        sort the clients by: bytes waiting, age of what waits, round trip, silence",
		"p        pause, go on",
		"?        this",
		"",
		"clients in the order of trouble: who reads too slowly has much waiting, who is far",
		"away a long round trip. Rooms and clients are the first thousand of the cluster's",
		"list; roomcastctl rooms and roomcastctl clients have all.",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]) && (int)i + 5 < LINES; i++)
		mvaddnstr((int)i + 5, 2, lines[i], COLS > 2 ? COLS - 2 : 0);
}

static void put_order(int y, const struct top *t)
{
	struct buf b;

	buf_init(&b);
	buf_printf(&b, "slowest clients, by %s%s", top_order_words[t->order],
	           t->clients.cut ? ", of the first 1000" : "");
	put_line(y, &b, false);
	buf_fini(&b);
}

/* The nodes get a third of what is left, the rooms half of the rest. */
static void put_tables(const struct top *t)
{
	int y = 4, left = LINES - y;

	y += put_table(COLUMNS_OF(node_columns), &t->nodes, y, left / 3 > 2 ? left / 3 : 2) + 1;
	left = LINES - y;
	if (left < 3)
		return;
	y += put_table(COLUMNS_OF(room_columns), &t->rooms, y, left / 2 > 2 ? left / 2 : 2);
	if (LINES - y < 3)
		return;
	put_order(y++, t);
	put_table(COLUMNS_OF(client_columns), &t->clients, y, LINES - y);
}

void screen_draw(const struct top *t)
{
	erase();
	put_title(t);
	put_totals(t);
	put_rates(t);
	put_trouble(t);
	if (t->help)
		put_help();
	else
		put_tables(t);
	refresh();
}
