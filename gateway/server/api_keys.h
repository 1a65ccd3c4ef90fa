/*
 * Keys of the HTTP API: a file of lines
 *
 *   NAME SCOPE[,SCOPE] KEY
 *
 * with comments from # on, at the beginning of a line. NAME is for the log, 1 to 64 of A-Z a-z 0-9 _ - . and
 * given once; KEY is 16 to 256 printable bytes without blanks. Only SHA-256 of it is kept, and no sentence and no log line
 * ever holds one.
 */
#ifndef ROOMCAST_API_KEYS_H
#define ROOMCAST_API_KEYS_H

#include "broker-common/buf.h"

struct api_keys;

/* Scopes, as bits. `admin` in the file is all of them. */
enum { API_READ = 1, API_PUBLISH = 2, API_ADMIN = 4 };

/* NULL with one sentence in `error`; `*unreadable`: the file could not be read at all. A file that others
 * may read is taken, with a warning in the log. */
struct api_keys *api_keys_load(const char *path, struct buf *error, bool *unreadable);

/* The same from a text; `path` is for the sentences. */
struct api_keys *api_keys_parse(const char *path, struct slice text, struct buf *error);
void api_keys_free(struct api_keys *k);

/* What this key allows, 0: there is none like it. Takes the same time for every key that is wrong. `*name`
 * lives as long as `k`. */
unsigned int api_keys_scopes(const struct api_keys *k, struct slice key, const char **name);

/* The key in an Authorization header's value, "Bearer KEY"; NULL: it is none. */
struct slice api_keys_bearer(struct slice header);

#endif
