/*
 * Dispatch: one frame from a client, decoded, allowed, and handed to its verb.
 */
#ifndef ROOMCAST_DISPATCH_H
#define ROOMCAST_DISPATCH_H

#include <stddef.h>

struct hub;
struct session;

/* The hub's `dispatch`. `text` is written to. */
void dispatch_input(struct hub *h, struct session *s, char *text, size_t n);

#endif
