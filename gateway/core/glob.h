/*
 * Globs over names: `*` is any run of bytes, also of none, `?` one byte; all else is itself.
 */
#ifndef ROOMCAST_CORE_GLOB_H
#define ROOMCAST_CORE_GLOB_H

#include "broker-common/slice.h"

/* In steps that grow with the product of both lengths at most. */
bool glob_match(struct slice glob, struct slice name);

/* What every match begins with. */
struct slice glob_head(struct slice glob);

#endif
