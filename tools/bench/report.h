/*
 * Reports: a table for people, one JSON object for programs.
 */
#ifndef ROOMCAST_BENCH_REPORT_H
#define ROOMCAST_BENCH_REPORT_H

#include "tools/bench/options.h"
#include "tools/bench/result.h"

#include <stdbool.h>
#include <stddef.h>

/* One kind of server and all runs against it. */
struct column {
	const char *name; /* in the table */
	const char *key;  /* in JSON */
	const struct result *run;
	size_t runs;
	struct result total; /* set by the report */
};

/* Ratios are those of the first column to the others, if `compares`. */
struct report {
	const struct options *options;
	struct column column[3];
	size_t columns;
	bool compares;
	bool ok; /* nothing went wrong */
};

void report_print_table(struct report *r);
void report_print_json(struct report *r);

#endif
