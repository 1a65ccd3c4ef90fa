/*
 * What commands of the HTTP API write: a table for a person, JSON for a program.
 */
#ifndef ROOMCAST_CTL_OUTPUT_H
#define ROOMCAST_CTL_OUTPUT_H

#include "tools/ctl/options.h"
#include "tools/ctl/table.h"

extern bool output_json;
extern uint64_t output_limit;    /* items of a list */
extern uint64_t output_watch_ms; /* 0: once */

extern const struct option_row json_options[], limit_options[], watch_options[];

/* One value on a line of its own. False when it cannot be written, which has been said. */
bool output_value(struct slice json);

/* A list: with --json an array on one line, else a table. */
bool output_list(const struct column *columns, size_t n_columns, const struct slice *items,
                 size_t n);

/* The same as a table, with no cell cut. */
bool output_whole(const struct column *columns, size_t n_columns, const struct slice *items,
                  size_t n);

/* One object: with --json as it is, else a line for each field. */
bool output_one(const struct column *columns, size_t n_columns, struct slice item);

#define COLUMNS_OF(columns) (columns), sizeof(columns) / sizeof((columns)[0])

#endif
