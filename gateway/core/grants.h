/*
 * Grants: what a token allows, verb by topic.
 *
 * The patterns are sorted by kind and looked at once; a question then costs a comparison for each rule of the
 * topic's kind.
 */
#ifndef ROOMCAST_GRANTS_H
#define ROOMCAST_GRANTS_H

#include "broker-common/token.h"

struct grants;

/* NULL: no memory. The token may go. */
struct grants *grants_new(const struct token *t);
void grants_free(struct grants *g);

/* Whether one of the rules allows it. */
bool grants_allow(const struct grants *g, enum grant what, const struct topic *t);

#endif
