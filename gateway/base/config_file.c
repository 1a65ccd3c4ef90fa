#include "broker-common/topic.h"
#include "gateway/base/config_draft.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX_BYTES (1u << 20)
#define SECTIONS_MAX 1000u /* [room] sections: they are searched one by one for a new room */

static const char allowed_sections[] = "allowed: [gateway] and [room \"PATTERN\"]";

enum section { SECTION_NONE, SECTION_GATEWAY, SECTION_ROOM };

struct reader {
	struct config_draft *d;
	char *rest; /* what has not been read; lines end with NUL */
	char *end;
	uint32_t line;   /* from 1 */
	uint32_t failed; /* the line of which `error` speaks; 0: none */
	enum section section;
	size_t policy; /* of SECTION_ROOM */
};

/* Begin the sentence about this line. */
static void begin_error(struct reader *r)
{
	buf_printf(r->d->error, "%s:%u: ", r->d->c->config, r->line);
	r->failed = r->line;
}

/* ---- sections ---- */

static bool pattern_ok(struct slice pattern)
{
	if (pattern.n == 0 || pattern.n > TOPIC_NAME_MAX)
		return false;
	for (size_t i = 0; i < pattern.n; i++)
		if (pattern.p[i] != '*' && !topic_name_ok((struct slice){ pattern.p + i, 1 }))
			return false;
	return true;
}

static bool add_policy(struct reader *r, struct slice pattern)
{
	struct config *c = r->d->c;
	struct room_policy *policies;
	struct policy_lines *lines;
	char *copy;

	policies = realloc(c->policies, (c->n_policies + 1) * sizeof *policies);
	if (policies != NULL)
		c->policies = policies;
	lines = realloc(r->d->policy_lines, (c->n_policies + 1) * sizeof *lines);
	if (lines != NULL)
		r->d->policy_lines = lines;
	copy = strndup(pattern.p, pattern.n);
	if (policies == NULL || lines == NULL || copy == NULL) {
		free(copy);
		begin_error(r);
		buf_str(r->d->error, "out of memory");
		return false;
	}
	lines[c->n_policies] = (struct policy_lines){ { 0 } };
	policies[c->n_policies] = (struct room_policy){ .pattern = copy };
	for (size_t i = 0; i < POLICY_ROWS; i++)
		row_set(&policy_rows[i], &policies[c->n_policies], -1);
	r->policy = c->n_policies++;
	return true;
}

/* A pattern that has been there goes on where it was. */
static bool enter_room(struct reader *r, struct slice pattern)
{
	const struct config *c = r->d->c;

	r->section = SECTION_ROOM;
	for (r->policy = 0; r->policy < c->n_policies; r->policy++)
		if (slice_is(pattern, c->policies[r->policy].pattern))
			return true;
	if (!pattern_ok(pattern)) {
		begin_error(r);
		config_quote(r->d->error, pattern);
		buf_printf(r->d->error,
		           " is not a pattern of room names; allowed: 1 to %d of A-Z a-z 0-9 _ - = "
		           "@ , . ; : and * for any run of them",
		           TOPIC_NAME_MAX);
		return false;
	}
	if (c->n_policies >= SECTIONS_MAX) {
		begin_error(r);
		buf_printf(r->d->error, "more than %u [room] sections", SECTIONS_MAX);
		return false;
	}
	return add_policy(r, pattern);
}

static bool enter(struct reader *r, struct slice name, struct slice pattern)
{
	struct nearest n = { .wrong = name };

	if (slice_is(name, "gateway") && pattern.p == NULL) {
		r->section = SECTION_GATEWAY;
		return true;
	}
	if (slice_is(name, "room") && pattern.p != NULL)
		return enter_room(r, pattern);
	begin_error(r);
	if (slice_is(name, "gateway")) {
		buf_str(r->d->error, "section gateway takes no pattern");
	} else if (slice_is(name, "room")) {
		buf_str(r->d->error,
		        "section room needs a pattern in quotes, as in [room \"jobs.*\"]");
	} else {
		buf_str(r->d->error, "there is no section ");
		config_quote(r->d->error, name);
		nearest_try(&n, "gateway");
		nearest_try(&n, "room");
		if (n.name != NULL)
			buf_printf(r->d->error, "; did you mean %s?", n.name);
		else
			buf_printf(r->d->error, "; %s", allowed_sections);
	}
	return false;
}

static char *skip_blanks(char *p)
{
	return p + strspn(p, " \t\r\v\f");
}

/* `p` is behind the bracket. */
static bool read_header(struct reader *r, char *p)
{
	struct slice name, pattern = { NULL, 0 };

	p = skip_blanks(p);
	name = (struct slice){ p, strcspn(p, " \t\"]") };
	p = skip_blanks(p + name.n);
	if (*p == '"') {
		pattern = (struct slice){ p + 1, strcspn(p + 1, "\"") };
		p += 1 + pattern.n;
		p = skip_blanks(*p == '"' ? p + 1 : p);
	}
	if (*p == ']') {
		p = skip_blanks(p + 1);
		if (*p == '\0' || *p == ';' || *p == '#')
			return enter(r, name, pattern);
	}
	begin_error(r);
	buf_printf(r->d->error, "not a section; %s", allowed_sections);
	return false;
}

/* ---- lines ---- */

static char *empty_line(char *out)
{
	return strcpy(out, "\n");
}

/* What inih asks for its next line. Sections and comments it never sees: it cuts the name of a
 * section at 49 bytes, does not tell of one without values, and splits comments that are longer
 * than a line may be. Nor does it see leading blanks, which would glue a line to the one before. */
static char *next_line(char *out, int room, void *ctx)
{
	struct reader *r = ctx;
	size_t n;
	char *p;

	if (r->rest >= r->end || r->failed != 0)
		return NULL;
	r->line++;
	p = skip_blanks(r->rest);
	n = strlen(p);
	r->rest = p + n + 1;
	if (*p == '#' || *p == ';')
		return empty_line(out);
	if (*p == '[')
		return read_header(r, p + 1) ? empty_line(out) : NULL;
	if (n + 2 > (size_t)room) {
		begin_error(r);
		buf_printf(r->d->error, "a line longer than %d bytes", room - 2);
		return NULL;
	}
	memcpy(out, p, n);
	memcpy(out + n, "\n", 2); /* always whole, or inih would ask for the rest */
	return out;
}

/* ---- values ---- */

static bool refuse_name(struct reader *r, const char *name)
{
	bool room = r->section == SECTION_ROOM;
	const struct config_row *rows = room ? policy_rows : config_rows;
	size_t n_rows = room ? (size_t)POLICY_ROWS : (size_t)CONFIG_OPTIONS;
	bool elsewhere = room ? rows_find(config_rows, CONFIG_OPTIONS, slice_of(name)) != NULL
			      : rows_find(policy_rows, POLICY_ROWS, slice_of(name)) != NULL;
	struct nearest n = { .wrong = slice_of(name) };

	begin_error(r);
	buf_str(r->d->error, room ? "a room has no option " : "there is no option ");
	config_quote(r->d->error, slice_of(name));
	if (elsewhere) {
		buf_printf(r->d->error, " here; it belongs under %s",
		           room ? "[gateway]" : "[room \"PATTERN\"]");
		return false;
	}
	nearest_try_rows(&n, rows, n_rows);
	draft_suggest(r->d, FROM_FILE, &n);
	return false;
}

/* One value a name: which of two was meant nobody can know. */
static bool first_time(struct reader *r, const char *name, uint32_t *line)
{
	uint32_t before = *line;

	*line = r->line;
	if (before == 0)
		return true;
	begin_error(r);
	buf_printf(r->d->error, "%s has been set in line %u already", name, before);
	return false;
}

static bool take_option(struct reader *r, const char *name, const char *value)
{
	const struct config_row *row = rows_find(config_rows, CONFIG_OPTIONS, slice_of(name));

	if (row == NULL)
		return refuse_name(r, name);
	if (!first_time(r, name, &r->d->line[row - config_rows]))
		return false;
	if (draft_set(r->d, row, FROM_FILE, value))
		return true;
	r->failed = r->line;
	return false;
}

static bool take_policy(struct reader *r, const char *name, const char *value)
{
	const struct config_row *row = rows_find(policy_rows, POLICY_ROWS, slice_of(name));
	struct room_policy *p = &r->d->c->policies[r->policy];
	int64_t number;
	struct buf why;
	bool ok;

	if (row == NULL)
		return refuse_name(r, name);
	if (!first_time(r, name, &r->d->policy_lines[r->policy].line[row - policy_rows]))
		return false;
	buf_init(&why);
	ok = row_parse(row, value, &number, &why);
	if (ok) {
		row_set(row, p, number);
	} else {
		begin_error(r);
		buf_printf(r->d->error, "%s: %.*s", name, SLICE_ARGS(buf_view(&why)));
	}
	buf_fini(&why);
	return ok;
}

/* inih's word for the section is left alone, see next_line(). */
static int on_value(void *ctx, const char *section, const char *name, const char *value)
{
	struct reader *r = ctx;

	(void)section;
	if (r->failed != 0 || name == NULL || value == NULL)
		return 0;
	switch (r->section) {
	case SECTION_GATEWAY: return take_option(r, name, value);
	case SECTION_ROOM: return take_policy(r, name, value);
	case SECTION_NONE: break;
	}
	begin_error(r);
	buf_str(r->d->error, "a value before the first section; begin with [gateway]");
	return 0;
}

static bool parse(struct config_draft *d, char *text, size_t n)
{
	struct reader r = { .d = d, .rest = text, .end = text + n };
	int bad;

	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		r.rest += 3; /* a byte order mark, as some editors write it */
	bad = ini_parse_stream(next_line, &r, on_value, &r);
	if (bad == 0 && r.failed == 0)
		return true;
	if (bad > 0 && (r.failed == 0 || (uint32_t)bad < r.failed)) {
		/* inih goes on behind a line that it does not understand: that one comes first. */
		buf_reset(d->error);
		r.line = (uint32_t)bad;
		begin_error(&r);
		buf_str(d->error, "not NAME = VALUE, a [section] or a comment");
	} else if (r.failed == 0) {
		buf_printf(d->error, "%s: out of memory", d->c->config);
	}
	return false;
}

/* ---- the file ---- */

/* Returns `length` bytes and a NUL, to be freed; at most one byte more than is allowed. NULL: errno
 * says why. */
static char *read_all(const char *path, size_t *length)
{
	FILE *f = fopen(path, "re");
	char *text;
	int why;

	if (f == NULL)
		return NULL;
	text = malloc(FILE_MAX_BYTES + 2);
	if (text != NULL) {
		*length = fread(text, 1, FILE_MAX_BYTES + 1, f);
		text[*length] = '\0';
	}
	why = errno;
	if (ferror(f)) {
		free(text);
		text = NULL;
	}
	fclose(f);
	errno = why;
	return text;
}

/* Let each line end with a NUL. False: there is one already, in line `*line`. */
static bool split_lines(char *text, size_t n, uint32_t *line)
{
	*line = 1;
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\0')
			return false;
		if (text[i] == '\n') {
			text[i] = '\0';
			++*line;
		}
	}
	return true;
}

bool draft_file(struct config_draft *d)
{
	const char *path = d->c->config;
	uint32_t line;
	bool ok = false;
	size_t n;
	char *text;
	int why;

	if (path == NULL)
		return true;
	text = read_all(path, &n);
	why = errno;
	if (text == NULL) {
		d->unreadable = true;
		buf_str(d->error, "the file ");
		buf_json(d->error, slice_of(path));
		buf_printf(d->error, " cannot be read: %s", strerror(why));
		return false;
	}
	if (n > FILE_MAX_BYTES)
		buf_printf(d->error, "%s is larger than 1 MiB", path);
	else if (!split_lines(text, n, &line))
		buf_printf(d->error, "%s:%u: a NUL byte, this is not a configuration file", path,
		           line);
	else
		ok = parse(d, text, n);
	free(text);
	return ok;
}
