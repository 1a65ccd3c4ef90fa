/*
 * What the doctor finds: a line for each thing looked at, good or not.
 */
#ifndef ROOMCAST_CTL_FINDINGS_H
#define ROOMCAST_CTL_FINDINGS_H

#include "broker-common/buf.h"

enum level { LEVEL_OK, LEVEL_WARN, LEVEL_BAD };

struct findings {
	struct buf json; /* the elements of an array: {"level","check","text"} */
	size_t n[3];     /* by level */
};

void findings_init(struct findings *f);
void findings_fini(struct findings *f);

/* Add one. A warning or worse says what to change. */
__attribute__((format(printf, 4, 5))) void found(struct findings *f, enum level level,
                                                 const char *check, const char *format, ...);

/* ---- what is looked at, each apart ---- */

/* The kernel of this machine, as its files below `proc` ("/proc") say; `connections`: how many one
 * gateway shall hold. */
void check_kernel(struct findings *f, const char *proc, int64_t connections);

/* The descriptors that the gateway's process may have: the one that listens on `port`. */
void check_descriptors(struct findings *f, const char *proc, uint16_t port, int64_t connections);

/* For a Redis on this machine: memory for its snapshots. */
void check_redis_host(struct findings *f, const char *proc);

/* /healthz of the gateway that we ask. */
void check_health(struct findings *f, struct slice health);

/* /v1/nodes: readiness, links, versions, clocks. */
void check_nodes(struct findings *f, struct slice answer, int64_t own_ms);

#endif
