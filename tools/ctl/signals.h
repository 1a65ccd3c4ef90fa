/*
 * SIGINT and SIGTERM for the commands that ask over HTTP: they end every wait from then on; a
 * second one ends the process.
 */
#ifndef ROOMCAST_CTL_SIGNALS_H
#define ROOMCAST_CTL_SIGNALS_H

#include <stdbool.h>

/* Catch them from now on; again is fine. False when the system has no descriptors left. */
bool signals_catch(void);

/* Whether one has come. */
bool signals_caught(void);

/* A descriptor that is readable once one has come; -1 before signals_catch(). */
int signals_fd(void);

#endif
