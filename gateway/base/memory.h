/*
 * How much memory this process may use.
 */
#ifndef ROOMCAST_MEMORY_H
#define ROOMCAST_MEMORY_H

#include <stdint.h>

/* Bytes: the least of the machine's memory, the control group's limit (v1 and v2) and RLIMIT_AS. */
uint64_t memory_available(void);

#endif
