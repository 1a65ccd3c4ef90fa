/*
 * --healthcheck: ask a running gateway whether it is ready, as a container's health check does.
 */
#ifndef ROOMCAST_HEALTHCHECK_H
#define ROOMCAST_HEALTHCHECK_H

/* GET /readyz on the admin listener (`admin_listen` as in the configuration); takes two seconds at
 * most. 0: ready. 1: not, the reason is on stderr. */
int healthcheck_run(const char *admin_listen);

#endif
