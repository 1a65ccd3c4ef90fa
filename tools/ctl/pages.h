/*
 * The man page (roff, section 1) and the completion for bash, made from the table of commands.
 */
#ifndef ROOMCAST_CTL_PAGES_H
#define ROOMCAST_CTL_PAGES_H

#include <stdio.h>

void pages_man(FILE *out);
void pages_completion(FILE *out);

#endif
