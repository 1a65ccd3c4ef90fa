/* What the commands that show lists have in common. */
#ifndef ROOMCAST_CTL_LOOK_H
#define ROOMCAST_CTL_LOOK_H

#include "tools/ctl/api.h"

/* Say that there would be more than the limit, if so. */
void look_say_cut(const struct pages *p);

/* Say which nodes did not answer; whether all did. */
bool look_all_answered(const struct pages *p);

#endif
