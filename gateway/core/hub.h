/*
 * The hub: one gateway's heart. It owns the sessions and local topics, and joins them to the tier.
 *
 * Up: verbs call membership_enter(), hub_publish() …; down: the tier's events go to delivery.c.
 */
#ifndef ROOMCAST_HUB_H
#define ROOMCAST_HUB_H

#include "gateway/base/config.h"
#include "gateway/base/loop.h"
#include "gateway/base/metrics.h"
#include "gateway/tier/tier.h"

struct hub;
struct jwt_keys;
struct session;

struct hub_options {
	struct loop *loop;
	const struct config *config; /* read afresh at each use, so a reload needs no copy */
	struct metrics *metrics;
	const struct tier_ops *tier;
	void *medium;          /* for the tier */
	struct jwt_keys *keys; /* of tokens, longer lived than the hub; NULL: open mode */

	/* A frame from a client, when its turn has come: verbs/dispatch.c. */
	void (*dispatch)(struct hub *h, struct session *s, char *text, size_t n);

	/* The tier says that this gateway may not run beside the others (it was logged). Or NULL. */
	void (*unfit)(void *ctx);
	void *unfit_ctx;

	/* An operator asks this gateway, from wherever, to end as SIGTERM makes it. NULL: it cannot. */
	void (*drain)(void *ctx);
	void *drain_ctx;
};

/* NULL: no memory, or the tier could not be opened (logged). */
struct hub *hub_open(const struct hub_options *o);

/* Every session must be gone, or their transports forgotten. */
void hub_close(struct hub *h);

/* After a reload: limits that are kept in other forms are taken over. */
void hub_reconfigure(struct hub *h);

/* NODE_ID_LEN bytes. */
struct slice hub_node(const struct hub *h);

/* Whether new clients shall be sent here (/readyz); `*reason` says why not, or that the tier is
 * down for a moment (`degraded_ready_ms`). Borrowed until the hub changes. */
bool hub_ready(const struct hub *h, const char **reason);

/* Details for /healthz: one JSON object. */
void hub_status(struct hub *h, struct buf *out);

/* Bring gauges up to date before metrics_write(). */
void hub_measure(struct hub *h);

/* Section 4 of the design: not ready, after `drain_grace_ms` stop_accepting(), clients sent away over
 * `drain_ms`, those that do not answer cut 1 s later, done(). Again: changes nothing. */
void hub_drain(struct hub *h, void (*stop_accepting)(void *ctx), void (*done)(void *ctx),
               void *ctx);

/* The body of POST /v1/publish (written to during the call). `done` gets the tier's error or answer. Not
 * ERR_OK: refused at once, and done does not come; `*detail` (or NULL) says why to a person,
 * `scratch` may hold it. */
typedef void hub_published(void *ctx, enum err e, const struct tier_accepted *a);
enum err hub_publish_json(struct hub *h, char *body, size_t n, char scratch[128],
                          const char **detail, hub_published *done, void *ctx) must_check;

#endif
