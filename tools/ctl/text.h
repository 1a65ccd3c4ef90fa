/*
 * Text for a terminal: its width in columns, cut to fit, and without anything that steers one.
 * UTF-8 that has been checked.
 */
#ifndef ROOMCAST_CTL_TEXT_H
#define ROOMCAST_CTL_TEXT_H

#include "broker-common/buf.h"

/* Append the text; control characters, and those that turn the direction of writing, as \xNN or
 * \uNNNN. */
void text_harmless(struct buf *b, struct slice text);

/* Columns that it takes, for text that is harmless. */
size_t text_width(struct slice text);

/* Append at most `width` columns of it; what is cut ends with … (~ where the locale has no …).
 * Returns the columns written. */
size_t text_cut(struct buf *b, struct slice text, size_t width);

#endif
