/*
 * Tables: a list of objects, a row for each, a column for each of some fields.
 *
 * The objects are JSON that has been checked. A row is never wider than the width: wide columns
 * are cut first, then the last columns are left out.
 */
#ifndef ROOMCAST_CTL_TABLE_H
#define ROOMCAST_CTL_TABLE_H

#include "broker-common/buf.h"

enum shape {
	SHAPE_TEXT,   /* as it is; lists with commas, objects as JSON */
	SHAPE_NUMBER, /* the same, to the right */
	SHAPE_BYTES,  /* 1.5K */
	SHAPE_MS,     /* a duration of milliseconds: 250ms, 12.3s, 3h05m */
	SHAPE_SECONDS,
	SHAPE_US,
	SHAPE_YES,   /* true: yes, false: no */
	SHAPE_STAR,  /* true: *, false: nothing */
	SHAPE_COUNT, /* a number, or how many elements a list has */
};

struct column {
	const char *title;
	const char *field; /* of the object; "queue.bytes" goes into one */
	enum shape shape;
};

/* A field by its path; `p` NULL: it is not there. */
struct slice field_get(struct slice object, const char *path);
int64_t field_int(struct slice object, const char *path, int64_t other);
bool field_true(struct slice object, const char *path);

/* A string's text (other values as they stand), harmless; nothing when it is not there. */
void field_text(struct buf *b, struct slice object, const char *path);

/* Whether it is this string. */
bool field_is(struct slice object, const char *path, const char *text);

/* A value as a table shows it; a missing one is "-". */
void shape_write(struct buf *b, struct slice value, enum shape shape);
void shape_bytes(struct buf *b, double bytes);
void shape_ms(struct buf *b, int64_t ms);

/* Head and rows, each with a line feed. `width` 0: no limit. */
void table_write(struct buf *b, const struct column *columns, size_t n_columns,
                 const struct slice *items, size_t n, size_t width);

/* One object, a line for each column: "title  value". Missing fields are left out. */
void table_write_one(struct buf *b, const struct column *columns, size_t n_columns,
                     struct slice item, size_t width);

/* Columns of the terminal that stdout is, else of $COLUMNS when it is one; 0: no terminal. */
size_t table_width(void);

#endif
