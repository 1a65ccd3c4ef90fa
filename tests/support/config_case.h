/*
 * Configurations from text: a file that is only in memory, flags and variables as words.
 *
 * Words are separated by blanks; NULL is nothing at all. In a sentence that is expected, FILE
 * stands for the path of the file.
 */
#ifndef ROOMCAST_TEST_CONFIG_CASE_H
#define ROOMCAST_TEST_CONFIG_CASE_H

#include "gateway/base/config.h"

/* Loads, or fails the test. */
struct config *load(const char *file, const char *flags, const char *environment);
struct config *load_action(const char *flags, enum config_action *action);

/* Refused as a wrong use (not as an unreadable file), in exactly these words. */
void assert_refused(const char *file, const char *flags, const char *environment,
                    const char *sentence);

/* The same for bytes that are no string. */
void assert_file_refused(struct slice file, const char *sentence);

/* Reload `c`: the names of what differs and is fixed, or the sentence; until the next call. */
const char *reload(struct config *c, const char *file, const char *flags);

#endif
