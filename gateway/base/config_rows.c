#include "gateway/base/config_rows.h"

#include <strings.h>

#define QUOTE_MAX 80   /* bytes of somebody's text in a sentence */
#define NEAREST_MAX 63 /* bytes of a name that still can be a slip of the pen */

#define RELOAD true
#define RESTART false

const struct config_row config_rows[CONFIG_ROWS] = {
#define FIELD(name) .at = offsetof(struct config, name)
#define NUMBER(id, light, standard, high, low, top, when, says)                                    \
	{                                                                                          \
		#id,                                                                               \
		says,                                                                              \
		CONFIG_NUMBER,                                                                     \
		FIELD(id),                                                                         \
		.preset = { light, standard, high },                                               \
		.least = low,                                                                      \
		.most = top,                                                                       \
		.reload = when                                                                     \
	},
#define BYTES(id, light, standard, high, low, top, when, says)                                     \
	{                                                                                          \
		#id,                                                                               \
		says,                                                                              \
		CONFIG_BYTES,                                                                      \
		FIELD(id),                                                                         \
		.preset = { light, standard, high },                                               \
		.least = low,                                                                      \
		.most = top,                                                                       \
		.reload = when                                                                     \
	},
#define FLAG(id, value, when, says)                                                                \
	{ #id, says, CONFIG_FLAG, FIELD(id), .preset = { value, value, value }, .reload = when },
#define TEXT(id, value, when, says)                                                                \
	{ #id, says, CONFIG_TEXT, FIELD(id), .text = value, .reload = when },
#define SECRET(id, value, when, says)                                                              \
	{ #id, says, CONFIG_TEXT, FIELD(id), .text = value, .reload = when, .secret = true },
#define CHOICE(id, value, when, names, says)                                                       \
	{ #id,                                                                                     \
	  says,                                                                                    \
	  CONFIG_CHOICE,                                                                           \
	  FIELD(id),                                                                               \
	  .preset = { value, value, value },                                                       \
	  .choices = names,                                                                        \
	  .reload = when },
#include "gateway/base/config.def"
	{ "config", "the configuration file to read", CONFIG_TEXT, FIELD(config) },
#undef FIELD
};

const struct config_row policy_rows[POLICY_ROWS] = {
#define FIELD(name) .at = offsetof(struct room_policy, name), .reload = true
#define POLICY_NUMBER(id, own, low, top, says)                                                     \
	{ #id, says, CONFIG_NUMBER, FIELD(id), .least = low, .most = top },
#define POLICY_CHOICE(id, own, names, says)                                                        \
	{ #id, says, CONFIG_CHOICE, FIELD(id), .choices = names },
#include "gateway/base/room_policy.def"
#undef FIELD
};

const struct config_action_row config_actions[CONFIG_ACTIONS] = {
	{ "help", 'h', CONFIG_HELP, "show this text" },
	{ "version", 'V', CONFIG_VERSION, "show the version" },
	{ "print_config", 0, CONFIG_PRINT, "show an annotated file with the values in force" },
	{ "check_config", 0, CONFIG_CHECK, "say whether the configuration is right" },
	{ "healthcheck", 0, CONFIG_HEALTHCHECK,
	  "ask the running gateway whether it is ready: exit 0, else 1" },
};

const struct config_row *rows_find(const struct config_row *rows, size_t n, struct slice name)
{
	for (size_t i = 0; i < n; i++)
		if (slice_is(name, rows[i].name))
			return &rows[i];
	return NULL;
}

/* ---- fields ---- */

int64_t row_get(const struct config_row *r, const void *base)
{
	const char *field = (const char *)base + r->at;

	switch (r->kind) {
	case CONFIG_FLAG: return *(const bool *)field;
	case CONFIG_CHOICE: return *(const int *)field;
	default: return *(const int64_t *)field;
	}
}

void row_set(const struct config_row *r, void *base, int64_t value)
{
	char *field = (char *)base + r->at;

	switch (r->kind) {
	case CONFIG_FLAG: *(bool *)field = value != 0; break;
	case CONFIG_CHOICE: *(int *)field = (int)value; break;
	default: *(int64_t *)field = value;
	}
}

char **row_text(const struct config_row *r, void *base)
{
	return (char **)((char *)base + r->at);
}

/* ---- text to value ---- */

/* The digits at the start of `text`; more than an int64_t holds is INT64_MAX, over every bound. */
static size_t take_digits(const char *text, int64_t *out)
{
	size_t n = 0;

	*out = 0;
	for (; text[n] >= '0' && text[n] <= '9'; n++)
		if (__builtin_mul_overflow(*out, 10, out) ||
		    __builtin_add_overflow(*out, text[n] - '0', out))
			*out = INT64_MAX;
	return n;
}

static bool parse_number(const char *text, int64_t *out)
{
	size_t n = take_digits(text, out);

	return n > 0 && text[n] == '\0';
}

static bool parse_bytes(const char *text, int64_t *out)
{
	static const char units[] = "KMG";
	size_t n = take_digits(text, out);
	const char *unit, *tail = text + n;

	if (n == 0)
		return false;
	if (*tail == '\0')
		return true;
	unit = strchr(units, *tail & ~0x20); /* in capitals */
	if (unit == NULL || *unit == '\0')
		return false;
	tail++;
	if (*tail != '\0' && strcasecmp(tail, "B") != 0 && strcasecmp(tail, "iB") != 0)
		return false;
	for (ptrdiff_t i = unit - units; i >= 0; i--)
		if (__builtin_mul_overflow(*out, 1024, out))
			*out = INT64_MAX;
	return true;
}

static bool parse_flag(const char *text, int64_t *out)
{
	static const char *const words[] = { "off", "on", "false", "true", "no", "yes", "0", "1" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasecmp(text, words[i]) == 0) {
			*out = i & 1;
			return true;
		}
	return false;
}

/* The next of "first|second|…"; `*at` moves on, and is NULL behind the last. */
static struct slice next_choice(const char **at)
{
	struct slice s = { *at, strcspn(*at, "|") };

	*at = s.p[s.n] == '|' ? s.p + s.n + 1 : NULL;
	return s;
}

/* high-performance may be written high_performance, and drop_oldest drop-oldest. */
static bool same_choice(struct slice choice, const char *text)
{
	for (size_t i = 0; i < choice.n; i++, text++)
		if (*text != choice.p[i] &&
		    !(strchr("-_", choice.p[i]) != NULL && (*text == '-' || *text == '_')))
			return false;
	return *text == '\0';
}

static bool parse_choice(const char *choices, const char *text, int64_t *out)
{
	for (*out = 0; choices != NULL; ++*out)
		if (same_choice(next_choice(&choices), text))
			return true;
	return false;
}

/* What a line of the file could not carry is refused wherever it comes from: the printed
 * configuration reads back as it was. */
static bool text_ok(const char *text)
{
	size_t n = strlen(text);

	if (text[0] == ' ' || text[0] == ';' || (n > 0 && text[n - 1] == ' '))
		return false;
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f || (*p == ' ' && p[1] == ';'))
			return false;
	return true;
}

static const char *const wants[] = {
	[CONFIG_NUMBER] = "is not a whole number",
	[CONFIG_BYTES] = "is not a number of bytes",
	[CONFIG_FLAG] = "is neither on nor off",
	[CONFIG_TEXT] = "holds a control character, a blank at an end or a semicolon behind one",
	[CONFIG_CHOICE] = "is none of the choices",
};

static bool parse(const struct config_row *r, const char *text, int64_t *number)
{
	switch (r->kind) {
	case CONFIG_NUMBER: return parse_number(text, number);
	case CONFIG_BYTES: return parse_bytes(text, number);
	case CONFIG_FLAG: return parse_flag(text, number);
	case CONFIG_CHOICE: return parse_choice(r->choices, text, number);
	case CONFIG_TEXT: break;
	}
	return text_ok(text);
}

bool row_parse(const struct config_row *r, const char *text, int64_t *number, struct buf *why)
{
	bool bounded = r->kind == CONFIG_NUMBER || r->kind == CONFIG_BYTES;
	const char *wrong = NULL;

	if (!parse(r, text, number))
		wrong = wants[r->kind];
	else if (bounded && *number < r->least)
		wrong = "is too small";
	else if (bounded && *number > r->most)
		wrong = "is too large";
	if (wrong == NULL)
		return true;
	if (r->secret)
		buf_str(why, "the value (not shown)");
	else
		config_quote(why, slice_of(text));
	buf_printf(why, " %s", wrong);
	if (r->kind != CONFIG_TEXT) {
		buf_str(why, "; allowed: ");
		row_print_allowed(r, why);
	}
	return false;
}

/* ---- value to text ---- */

static void print_bytes(struct buf *out, int64_t v)
{
	static const char units[] = { 0, 'K', 'M', 'G' };
	size_t unit = 0;

	while (v != 0 && v % 1024 == 0 && unit + 1 < sizeof units) {
		v /= 1024;
		unit++;
	}
	buf_i64(out, v);
	if (unit > 0)
		buf_char(out, units[unit]);
}

static void print_choice(struct buf *out, const char *choices, int64_t at)
{
	struct slice s = { NULL, 0 };

	for (; choices != NULL && at >= 0; at--)
		s = next_choice(&choices);
	buf_slice(out, s);
}

void row_print_value(const struct config_row *r, int64_t number, const char *text, struct buf *out)
{
	switch (r->kind) {
	case CONFIG_NUMBER: buf_i64(out, number); break;
	case CONFIG_BYTES: print_bytes(out, number); break;
	case CONFIG_FLAG: buf_str(out, number ? "on" : "off"); break;
	case CONFIG_TEXT: buf_str(out, text); break;
	case CONFIG_CHOICE: print_choice(out, r->choices, number); break;
	}
}

void row_print(const struct config_row *r, const void *base, struct buf *out)
{
	const char *text = NULL;

	if (r->kind == CONFIG_TEXT)
		text = *(char *const *)((const char *)base + r->at);
	if (text != NULL)
		buf_str(out, r->secret && *text != '\0' ? "***" : text);
	else
		row_print_value(r, row_get(r, base), NULL, out);
}

static void print_choices(struct buf *out, const char *choices)
{
	struct slice s = next_choice(&choices);

	buf_slice(out, s);
	while (choices != NULL) {
		s = next_choice(&choices);
		buf_str(out, choices == NULL ? " or " : ", ");
		buf_slice(out, s);
	}
}

void row_print_allowed(const struct config_row *r, struct buf *out)
{
	switch (r->kind) {
	case CONFIG_NUMBER:
		buf_printf(out, "%lld to %lld", (long long)r->least, (long long)r->most);
		break;
	case CONFIG_BYTES:
		print_bytes(out, r->least);
		buf_str(out, " to ");
		print_bytes(out, r->most);
		break;
	case CONFIG_FLAG: buf_str(out, "on or off"); break;
	case CONFIG_TEXT: break;
	case CONFIG_CHOICE: print_choices(out, r->choices); break;
	}
}

void config_quote(struct buf *out, struct slice text)
{
	bool cut = text.n > QUOTE_MAX;

	if (cut)
		text.n = QUOTE_MAX;
	buf_json(out, text);
	if (cut)
		buf_str(out, "...");
}

/* ---- suggestions ---- */

/* Levenshtein's: how many bytes have to be put in, taken out or changed. */
static size_t edit_distance(struct slice a, struct slice b)
{
	size_t row[NEAREST_MAX + 1];

	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t least = diagonal + (a.p[i - 1] != b.p[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < least)
				least = row[j] + 1;
			if (row[j - 1] + 1 < least)
				least = row[j - 1] + 1;
			row[j] = least;
		}
	}
	return row[b.n];
}

void nearest_try(struct nearest *n, const char *name)
{
	struct slice known = slice_of(name);
	size_t distance, most = 1 + n->wrong.n / 4; /* further away it is no slip */

	if (n->wrong.n > NEAREST_MAX || known.n > NEAREST_MAX)
		return;
	distance = edit_distance(n->wrong, known);
	if (distance > most || (n->name != NULL && distance >= n->distance))
		return;
	n->name = name;
	n->distance = distance;
}

void nearest_try_rows(struct nearest *n, const struct config_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		nearest_try(n, rows[i].name);
}
