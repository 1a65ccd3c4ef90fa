#include "tools/bench/report.h"

#include "broker-common/buf.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LABEL_WIDTH 30
#define UNIT_WIDTH 14
#define COLUMN_WIDTH 18
#define RATIO_WIDTH 9

static void combine(struct report *r)
{
	for (size_t i = 0; i < r->columns; i++)
		result_combine(r->column[i].run, r->column[i].runs, &r->column[i].total);
}

static double ratio(const struct report *r, const struct figure *f, size_t column)
{
	const struct column *first = &r->column[0], *other = &r->column[column];

	return result_ratio(f, first->run, other->run,
	                    first->runs < other->runs ? first->runs : other->runs);
}

/* ---- table ---- */

/* Right-aligned; what is not ASCII (µ) takes two bytes and one place. */
static void print_padded(const char *text, int width, bool right)
{
	int places = 0;

	for (const char *p = text; *p != '\0'; p++)
		places += (*p & 0xc0) != 0x80;
	printf("%*s%s%*s", right && places < width ? width - places : 0, "", text,
	       !right && places < width ? width - places : 0, "");
}

static void print_number(double value, int decimals, int width)
{
	char text[32];

	if (isnan(value))
		snprintf(text, sizeof(text), "-");
	else
		snprintf(text, sizeof(text), "%.*f", decimals, value);
	print_padded(text, width, true);
}

static void print_heading(const struct report *r)
{
	print_padded("", LABEL_WIDTH + UNIT_WIDTH, false);
	for (size_t i = 0; i < r->columns; i++) {
		print_padded(r->column[i].name, COLUMN_WIDTH, true);
		if (r->compares && i > 0)
			print_padded("ratio", RATIO_WIDTH, true);
	}
	putchar('\n');
}

static void print_row(const struct report *r, const struct figure *f)
{
	bool measured = false;

	for (size_t i = 0; i < r->columns; i++) {
		double value = figure_of(f, &r->column[i].total);

		/* Sums tell something as soon as they are not 0; faults always. */
		measured |= f->kind == FIGURE_FAULT ||
			(!isnan(value) && (f->kind == FIGURE_MEDIAN || value != 0));
	}
	if (!measured)
		return;
	print_padded(f->label, LABEL_WIDTH, false);
	print_padded(f->unit, UNIT_WIDTH, false);
	for (size_t i = 0; i < r->columns; i++) {
		double of = r->compares && i > 0 && f->has_ratio ? ratio(r, f, i) : NAN;

		print_number(figure_of(f, &r->column[i].total), f->decimals, COLUMN_WIDTH);
		if (isnan(of) && r->compares && i > 0 && i + 1 < r->columns)
			print_padded("", RATIO_WIDTH, true);
		else if (!isnan(of))
			print_number(of, 2, RATIO_WIDTH);
	}
	putchar('\n');
}

static void print_settings(const struct options *o)
{
	printf("%s%s%u subscribers, %u room%s, %u publisher%s", o->scene == NULL ? "" : o->scene,
	       o->scene == NULL ? "" : ": ", o->subscribers, o->rooms, o->rooms == 1 ? "" : "s",
	       o->publishers, o->publishers == 1 ? "" : "s");
	if (o->publishers > 0) {
		printf(", payload %u bytes, ", o->size);
		if (o->rate > 0)
			printf("%g messages/s", o->rate);
		else
			printf("window %u", o->window);
		printf("; %g s after %g s of warm-up", o->duration, o->warm_up);
	}
	printf("%s", o->presence ? "; with presence" : "");
	if (o->repeat > 1)
		printf("; medians of %u runs", o->repeat);
	puts("\n");
}

void report_print_table(struct report *r)
{
	combine(r);
	print_settings(r->options);
	print_heading(r);
	for (size_t i = 0; i < figure_count; i++)
		print_row(r, &figures[i]);
	if (r->compares && r->options->gateway_tls)
		puts("\nThe floor has no TLS: its figures are those of plain connections.");
	puts(r->ok ? "\nok" : "\nNOT OK: see the last rows and stderr");
}

/* ---- JSON ---- */

static void put_number(struct buf *b, double value, int decimals)
{
	if (isnan(value) || isinf(value))
		buf_str(b, "null");
	else
		buf_printf(b, "%.*f", decimals, value);
}

static void put_result(struct buf *b, const struct result *r)
{
	buf_char(b, '{');
	for (size_t i = 0; i < figure_count; i++) {
		buf_printf(b, "%s\"%s\":", i == 0 ? "" : ",", figures[i].key);
		put_number(b, figure_of(&figures[i], r), figures[i].decimals);
	}
	buf_char(b, '}');
}

static void put_column(struct buf *b, const struct column *c)
{
	buf_printf(b, "\"%s\":{\"result\":", c->key);
	put_result(b, &c->total);
	buf_str(b, ",\"runs\":[");
	for (size_t i = 0; i < c->runs; i++) {
		buf_str(b, i == 0 ? "" : ",");
		put_result(b, &c->run[i]);
	}
	buf_str(b, "]}");
}

static void put_ratios(struct buf *b, const struct report *r, size_t column)
{
	bool first = true;

	buf_printf(b, "\"%s\":{", r->column[column].key);
	for (size_t i = 0; i < figure_count; i++) {
		if (!figures[i].has_ratio)
			continue;
		buf_printf(b, "%s\"%s\":", first ? "" : ",", figures[i].key);
		put_number(b, ratio(r, &figures[i], column), 3);
		first = false;
	}
	buf_char(b, '}');
}

static void put_settings(struct buf *b, const struct options *o)
{
	buf_str(b, "\"scene\":");
	if (o->scene == NULL)
		buf_str(b, "null");
	else
		buf_json(b, slice_of(o->scene));
	buf_printf(
		b,
		",\"settings\":{\"subscribers\":%u,\"rooms\":%u,\"publishers\":%u,\"size_bytes\":%u,"
		"\"window\":%u,\"rate_per_s\":%g,\"presence\":%s,\"warm_up_s\":%g,\"duration_s\":%g,"
		"\"idle_s\":%g,\"repeat\":%u}",
		o->subscribers, o->rooms, o->publishers, o->size, o->rate > 0 ? 0 : o->window,
		o->rate, o->presence ? "true" : "false", o->warm_up, o->duration, o->idle,
		o->repeat);
}

void report_print_json(struct report *r)
{
	struct buf b;

	combine(r);
	buf_init(&b);
	buf_char(&b, '{');
	put_settings(&b, r->options);
	buf_str(&b, ",\"servers\":{");
	for (size_t i = 0; i < r->columns; i++) {
		buf_str(&b, i == 0 ? "" : ",");
		put_column(&b, &r->column[i]);
	}
	buf_str(&b, "},\"ratios\":{");
	for (size_t i = 1; r->compares && i < r->columns; i++) {
		buf_str(&b, i == 1 ? "" : ",");
		put_ratios(&b, r, i);
	}
	buf_printf(&b, "},\"ok\":%s}\n", r->ok ? "true" : "false");
	if (!b.failed)
		fwrite(b.p, 1, b.n, stdout);
	buf_fini(&b);
}
