/*
 * What roomcastctl says: sentences for a person on stderr, lines for a program on stdout.
 */
#ifndef ROOMCAST_CTL_SAY_H
#define ROOMCAST_CTL_SAY_H

#include "broker-common/buf.h"

/* One line on stderr, "roomcastctl: …". Parts of it come from servers and users, so control
 * characters become '?': nobody steers a terminal through an error message. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/* Bytes and a line feed to stdout, at once. False when nobody can take them, which has been said. */
bool say_line(struct slice line);

/* Bytes as they are to stdout, at once; the same. */
bool say_text(struct slice text);

/* Valid JSON so that it stands on one line and steers no terminal: blanks between values become
 * spaces, control characters in strings are escaped. The value stays the same. */
void say_json(struct buf *b, struct slice json);

#endif
