#include "tools/ctl/table.h"

#include "broker-common/json.h"
#include "tools/ctl/client.h"
#include "tools/ctl/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_MAX 64
#define LEAST_WIDTH 8 /* that a column is cut to */
#define GAP 2

/* ---- fields ---- */

struct slice field_get(struct slice object, const char *path)
{
	char name[64];

	while (object.p != NULL) {
		const char *dot = strchr(path, '.');

		snprintf(name, sizeof(name), "%.*s",
		         (int)(dot == NULL ? strlen(path) : (size_t)(dot - path)), path);
		object = frame_field(object, name);
		if (dot == NULL)
			break;
		path = dot + 1;
	}
	return object;
}

int64_t field_int(struct slice object, const char *path, int64_t other)
{
	struct slice value = field_get(object, path);
	int64_t number;

	return value.p != NULL && json_int(value, &number) ? number : other;
}

bool field_true(struct slice object, const char *path)
{
	struct slice value = field_get(object, path);

	return value.p != NULL && json_type_of(value) == JSON_TRUE;
}

/* A string's text, of a copy: the value is read more than once. */
static void add_string(struct buf *b, struct slice value)
{
	struct buf copy;
	struct slice text;

	buf_init(&copy);
	buf_slice(&copy, value);
	if (copy.failed)
		b->failed = true;
	else if (json_unescape(buf_view(&copy), &text))
		text_harmless(b, text);
	else
		text_harmless(b, (struct slice){ value.p + 1, value.n - 2 }); /* holds NUL */
	buf_fini(&copy);
}

static void add_value(struct buf *b, struct slice value)
{
	if (value.p == NULL)
		return;
	if (json_type_of(value) == JSON_STRING)
		add_string(b, value);
	else
		text_harmless(b, value);
}

void field_text(struct buf *b, struct slice object, const char *path)
{
	add_value(b, field_get(object, path));
}

bool field_is(struct slice object, const char *path, const char *text)
{
	struct slice value = field_get(object, path);

	return value.p != NULL && json_type_of(value) == JSON_STRING &&
		json_text_is((struct slice){ value.p + 1, value.n - 2 }, text);
}

/* ---- shapes ---- */

void shape_bytes(struct buf *b, double bytes)
{
	static const char units[] = "KMGTP";
	size_t unit = 0;

	if (bytes < 1024) {
		buf_printf(b, "%.0f", bytes);
		return;
	}
	for (bytes /= 1024; bytes >= 1024 && unit + 2 < sizeof(units); unit++)
		bytes /= 1024;
	buf_printf(b, bytes < 10 ? "%.1f%c" : "%.0f%c", bytes, units[unit]);
}

void shape_ms(struct buf *b, int64_t ms)
{
	int64_t s = ms / 1000;

	if (ms < 1000)
		buf_printf(b, "%lldms", (long long)ms);
	else if (s < 60)
		buf_printf(b, "%.1fs", (double)ms / 1000);
	else if (s < 3600)
		buf_printf(b, "%lldm%02llds", (long long)(s / 60), (long long)(s % 60));
	else if (s < 86400)
		buf_printf(b, "%lldh%02lldm", (long long)(s / 3600), (long long)(s / 60 % 60));
	else
		buf_printf(b, "%lldd%02lldh", (long long)(s / 86400), (long long)(s / 3600 % 24));
}

static void add_us(struct buf *b, int64_t us)
{
	if (us < 1000)
		buf_printf(b, "%lldus", (long long)us);
	else if (us < 1000000)
		buf_printf(b, "%.1fms", (double)us / 1000);
	else
		shape_ms(b, us / 1000);
}

static size_t count_of(struct slice list)
{
	struct slice element;
	size_t n = 0;

	for (size_t at = 0; json_next_element(list, &at, &element);)
		n++;
	return n;
}

static void add_list(struct buf *b, struct slice list)
{
	struct slice element;
	bool first = true;

	for (size_t at = 0; json_next_element(list, &at, &element); first = false) {
		buf_str(b, first ? "" : ", ");
		add_value(b, element);
	}
}

static bool is_number(enum shape shape)
{
	return shape == SHAPE_BYTES || shape == SHAPE_MS || shape == SHAPE_SECONDS ||
		shape == SHAPE_US;
}

static void add_number(struct buf *b, int64_t number, enum shape shape)
{
	switch (shape) {
	case SHAPE_BYTES: shape_bytes(b, (double)number); break;
	case SHAPE_MS: shape_ms(b, number); break;
	case SHAPE_SECONDS:
		if (number < 60)
			buf_printf(b, "%llds", (long long)number);
		else
			shape_ms(b, number > INT64_MAX / 1000 ? INT64_MAX : number * 1000);
		break;
	default: add_us(b, number); break;
	}
}

void shape_write(struct buf *b, struct slice value, enum shape shape)
{
	enum json_type type = value.p == NULL ? JSON_NULL : json_type_of(value);
	int64_t number;

	if (type == JSON_NULL)
		buf_str(b, shape == SHAPE_STAR ? "" : "-");
	else if (type == JSON_NUMBER && is_number(shape) && json_int(value, &number) && number >= 0)
		add_number(b, number, shape);
	else if ((type == JSON_TRUE || type == JSON_FALSE) && shape == SHAPE_STAR)
		buf_str(b, type == JSON_TRUE ? "*" : "");
	else if (type == JSON_TRUE || type == JSON_FALSE)
		buf_str(b, type == JSON_TRUE ? "yes" : "no");
	else if (type == JSON_ARRAY && shape == SHAPE_COUNT)
		buf_printf(b, "%zu", count_of(value));
	else if (type == JSON_ARRAY)
		add_list(b, value);
	else
		add_value(b, value);
}

static bool to_the_right(enum shape shape)
{
	return shape != SHAPE_TEXT && shape != SHAPE_YES && shape != SHAPE_STAR;
}

/* ---- the table ---- */

struct layout {
	const struct column *columns;
	size_t n; /* shown */
	size_t width[COLUMNS_MAX];
	struct buf cell;
};

static struct slice cell(struct layout *l, size_t column, struct slice item)
{
	struct slice view;

	buf_reset(&l->cell);
	shape_write(&l->cell, field_get(item, l->columns[column].field), l->columns[column].shape);
	view = buf_view(&l->cell);
	return view.p == NULL ? slice_of("") : view;
}

/* A number that is cut would be another number: only text gives way. */
static size_t least_width(const struct layout *l, size_t column)
{
	size_t width = l->width[column];

	return to_the_right(l->columns[column].shape) || width < LEAST_WIDTH ? width : LEAST_WIDTH;
}

static size_t sum(const struct layout *l, bool least)
{
	size_t total = (l->n - 1) * GAP;

	for (size_t i = 0; i < l->n; i++)
		total += least ? least_width(l, i) : l->width[i];
	return total;
}

/* The widest column that can give way. */
static size_t *widest(struct layout *l)
{
	size_t *found = NULL;

	for (size_t i = 0; i < l->n; i++) {
		if (l->width[i] > least_width(l, i) && (found == NULL || l->width[i] > *found))
			found = &l->width[i];
	}
	return found;
}

static void fit(struct layout *l, size_t width)
{
	if (width == 0)
		return;
	while (l->n > 1 && sum(l, true) > width)
		l->n--;
	if (sum(l, true) > width)
		l->width[0] = width;
	while (sum(l, false) > width)
		--*widest(l);
}

static void put(struct buf *b, const struct layout *l, size_t column, struct slice text)
{
	bool last = column + 1 == l->n, right = to_the_right(l->columns[column].shape);
	size_t width = l->width[column], used = text_width(text);
	size_t pad = used < width ? width - used : 0;

	if (column > 0)
		buf_printf(b, "%*s", GAP, "");
	if (right)
		buf_printf(b, "%*s", (int)pad, "");
	text_cut(b, text, width);
	if (!right && !last)
		buf_printf(b, "%*s", (int)pad, "");
}

static void end_line(struct buf *b)
{
	while (b->n > 0 && b->p[b->n - 1] == ' ')
		b->n--;
	buf_char(b, '\n');
}

void table_write(struct buf *b, const struct column *columns, size_t n_columns,
                 const struct slice *items, size_t n, size_t width)
{
	struct layout l = { .columns = columns,
		            .n = n_columns < COLUMNS_MAX ? n_columns : COLUMNS_MAX };

	buf_init(&l.cell);
	for (size_t c = 0; c < l.n; c++) {
		l.width[c] = text_width(slice_of(columns[c].title));
		for (size_t i = 0; i < n; i++) {
			size_t wide = text_width(cell(&l, c, items[i]));

			l.width[c] = wide > l.width[c] ? wide : l.width[c];
		}
	}
	fit(&l, width);
	for (size_t c = 0; c < l.n; c++)
		put(b, &l, c, slice_of(columns[c].title));
	end_line(b);
	for (size_t i = 0; i < n; i++) {
		for (size_t c = 0; c < l.n; c++)
			put(b, &l, c, cell(&l, c, items[i]));
		end_line(b);
	}
	b->failed = b->failed || l.cell.failed;
	buf_fini(&l.cell);
}

void table_write_one(struct buf *b, const struct column *columns, size_t n_columns,
                     struct slice item, size_t width)
{
	struct layout l = { .columns = columns, .n = n_columns };
	size_t left = 0;

	buf_init(&l.cell);
	for (size_t c = 0; c < n_columns; c++)
		left = strlen(columns[c].title) > left ? strlen(columns[c].title) : left;
	for (size_t c = 0; c < n_columns; c++) {
		if (field_get(item, columns[c].field).p == NULL)
			continue;
		buf_printf(b, "%-*s  ", (int)left, columns[c].title);
		text_cut(b, cell(&l, c, item), width > left + GAP ? width - left - GAP : SIZE_MAX);
		end_line(b);
	}
	b->failed = b->failed || l.cell.failed;
	buf_fini(&l.cell);
}

size_t table_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	int64_t given;

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return columns != NULL && json_int(slice_of(columns), &given) && given > 0 ? (size_t)given
										   : 80;
}
