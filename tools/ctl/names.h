/* Names among a command's arguments, checked before anything is sent. */
#ifndef ROOMCAST_CTL_NAMES_H
#define ROOMCAST_CTL_NAMES_H

#include <stdbool.h>

/* A room, user or client: `what` for the sentence. False: it has been said. */
bool name_ok(const char *what, const char *name);

/* The same for a node: 8 of a-z 2-7. */
bool node_ok(const char *name);

#endif
