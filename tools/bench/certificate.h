/*
 * A certificate for 127.0.0.1 and localhost that lives as long as one run.
 */
#ifndef ROOMCAST_BENCH_CERTIFICATE_H
#define ROOMCAST_BENCH_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>

#define CERTIFICATE_FILE "cert.pem"
#define CERTIFICATE_KEY_FILE "key.pem"

/* Make a directory with both files in it; `dir` becomes its name. False: said why, nothing is left. */
bool certificate_make(char *dir, size_t dir_bytes);

void certificate_remove(const char *dir);

#endif
