#include "broker-common/log.h"

#include "broker-common/buf.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 2048u          /* with its newline; pipes keep it whole */
#define ENDING ",\"cut\":true}\n" /* the longest */
#define ROOM (LINE_BYTES - sizeof(ENDING))
#define WORST 8u           /* an escaped byte takes at most 6 */
#define CUT "\xe2\x80\xa6" /* U+2026: the value was longer */
#define TIME_SIZE sizeof("2000-01-01T00:00:00.000Z")

static const char *const level_names[LOG_LEVELS] = {
	[LOG_DEBUG] = "debug",
	[LOG_INFO] = "info",
	[LOG_WARN] = "warn",
	[LOG_ERROR] = "error",
};

static enum log_level least = LOG_INFO;
static enum log_format format = LOG_KV;
static int out = STDERR_FILENO;

void log_setup(enum log_level l, enum log_format f)
{
	least = l;
	format = f;
}

bool log_wants(enum log_level level)
{
	return level >= least;
}

void log_to(int fd)
{
	out = fd;
}

/* Whether it may stand in a key=value line as it is. */
static bool is_bare(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr("\"=\\", s.p[i]) != NULL)
			return false;
	}
	return s.n != 0;
}

static void add_key(struct buf *b, const char *key)
{
	if (format == LOG_JSON)
		buf_str(b, b->n == 0 ? "{\"" : ",\"");
	else if (b->n != 0)
		buf_char(b, ' ');
	buf_str(b, key);
	buf_str(b, format == LOG_JSON ? "\":" : "=");
}

static void add_text(struct buf *b, struct slice s)
{
	if (format == LOG_KV && is_bare(s))
		buf_slice(b, s);
	else
		buf_json(b, s);
}

/* A prefix of `s` of `n` bytes, or a few less: it does not end inside a UTF-8 character. */
static struct slice prefix(struct slice s, size_t n)
{
	while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return (struct slice){ s.p, n };
}

/* Escapes make it hard to say beforehand how long a text becomes: halve it until it fits. */
static void add_text_cut(struct buf *b, struct slice s)
{
	size_t start = b->n, n = s.n < ROOM ? s.n : ROOM;

	do {
		b->n = start;
		s = n < s.n ? prefix(s, n) : s;
		buf_json(b, s);
		b->n--;
		buf_str(b, CUT "\"");
		n /= 2;
	} while (b->n > ROOM && s.n != 0);
}

static void add_value(struct buf *b, const struct log_field *f)
{
	size_t start = b->n;

	if (f->is_number) {
		buf_i64(b, f->number);
		return;
	}
	if (f->text.n <= ROOM)
		add_text(b, f->text);
	if (f->text.n <= ROOM && b->n <= ROOM)
		return;
	b->n = start;
	add_text_cut(b, f->text);
}

/* False, and the line as it was, when there is no room even for the key and a few bytes. */
static bool add_field(struct buf *b, const struct log_field *f)
{
	size_t before = b->n;

	add_key(b, f->key);
	add_value(b, f);
	if (b->n <= ROOM)
		return true;
	b->n = before;
	return false;
}

/* RFC 3339, UTC, milliseconds. */
static const char *time_text(char text[static TIME_SIZE])
{
	struct timespec now;
	struct tm utc;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	n = strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text + n, TIME_SIZE - n, ".%03uZ", (unsigned int)(now.tv_nsec / 1000000) % 1000);
	return text;
}

/* One write for a line. A log that cannot be written must not stop the process: it is lost. */
/* Who reads the log may have stopped, and must not stop us: a line that does not fit now is lost, and
 * the next one that does says how many were. (A pipe that is writable takes PIPE_BUF bytes.) */
static bool takes_a_line(void)
{
	struct pollfd p = { .fd = out, .events = POLLOUT };

	return poll(&p, 1, 0) > 0;
}

static void put_line(struct slice line)
{
	ssize_t n;

	do {
		n = write(out, line.p, line.n);
	} while (n < 0 && errno == EINTR);
}

static uint64_t lost; /* lines, since the last one that could be written */

static void tell_lost(void)
{
	uint64_t n = lost;

	lost = 0;
	if (n > 0)
		log_write(LOG_WARN, "log.lost", LOG_NUM("lines", n), LOG_END);
}

void log_fields(enum log_level level, const char *event, const struct log_field *fields)
{
	static struct buf line; /* kept: a process that has run out of memory can still log */
	char time[TIME_SIZE];
	bool whole;

	if (!takes_a_line()) {
		lost++;
		return;
	}
	tell_lost();
	buf_reset(&line);
	if (!buf_reserve(&line, WORST * LINE_BYTES))
		return;
	whole = add_field(&line, &LOG_TEXT("ts", time_text(time))) &&
		add_field(&line, &LOG_TEXT("level", level_names[level])) &&
		add_field(&line, &LOG_TEXT("event", event));
	while (whole && fields->key != NULL)
		whole = add_field(&line, fields++);
	if (format == LOG_JSON)
		buf_str(&line, whole ? "}\n" : ENDING);
	else
		buf_str(&line, whole ? "\n" : " cut=true\n");
	put_line(buf_view(&line));
}
