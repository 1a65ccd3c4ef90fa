/* --watch: a command again and again, until SIGINT or SIGTERM. */
#ifndef ROOMCAST_CTL_WATCH_H
#define ROOMCAST_CTL_WATCH_H

#include "tools/ctl/command.h"

/* Run it every output_watch_ms. A run that fails says so and is tried again; wrong use ends it. */
int watch(const struct command *c, int argc, char **argv);

#endif
