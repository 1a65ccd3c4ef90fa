/*
 * What is happening, for the person who waits: one line on stderr that is written over and over.
 */
#ifndef ROOMCAST_BENCH_PROGRESS_H
#define ROOMCAST_BENCH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Off until this is called with true. */
void progress_enable(bool on);

/* Whether it is time for another line; so that its figures are only worked out when they are shown. */
bool progress_is_due(uint64_t now_ns);

/* Show this line now. */
__attribute__((format(printf, 1, 2))) void progress_show(const char *format, ...);

/* Take the line away, before anything else is written. */
void progress_clear(void);

/* A line of its own on stderr, "roomcast-bench: …"; the progress line makes way. */
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);

#endif
