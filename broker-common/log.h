/*
 * Logs: one line per event, `key=value` pairs or JSON, on stderr.
 *
 *   log_write(LOG_INFO, "client.closed", LOG_TEXT("client", id), LOG_NUM("code", 1000), LOG_END);
 *
 * The first pair is always ts, level and event. Text is escaped: control characters, quotes and
 * bytes that are not UTF-8 cannot forge a line. A line that cannot be written at once is lost, and counted in the
 * next one. Never hand it a token, key or payload.
 */
#ifndef ROOMCAST_LOG_H
#define ROOMCAST_LOG_H

#include "broker-common/slice.h"

#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_LEVELS };
enum log_format { LOG_KV, LOG_JSON, LOG_FORMATS };

struct log_field {
	const char *key;   /* NULL ends the list */
	struct slice text; /* NULL: an empty value */
	int64_t number;
	bool is_number;
};

#define LOG_TEXT(key, value) ((struct log_field){ (key), slice_of(value), 0, false })
#define LOG_SLICE(key, value) ((struct log_field){ (key), (value), 0, false })
#define LOG_NUM(key, value) ((struct log_field){ (key), { NULL, 0 }, (int64_t)(value), true })
#define LOG_END ((struct log_field){ NULL, { NULL, 0 }, 0, false })

/* From the start: info, key=value. May be changed at any time (reload). */
void log_setup(enum log_level least, enum log_format format);
bool log_wants(enum log_level level);

/* Lines go to stderr; a test may send them elsewhere. */
void log_to(int fd);

/* `fields` ends with LOG_END. */
void log_fields(enum log_level level, const char *event, const struct log_field *fields);

#define log_write(level, event, ...)                                                               \
	do {                                                                                       \
		if (log_wants(level))                                                              \
			log_fields(level, event, (const struct log_field[]){ __VA_ARGS__ });       \
	} while (0)

#endif
