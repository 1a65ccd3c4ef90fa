/*
 * Errors as values: what a call answers, and what the wire says of it.
 *
 * ERR_OK is 0. The rest is err.def, in its order, so that an array by error needs no search.
 */
#ifndef ROOMCAST_ERR_H
#define ROOMCAST_ERR_H

#include <stdbool.h>
#include <stdint.h>

#define must_check __attribute__((warn_unused_result))

enum err {
	ERR_OK,
#define ERR(symbol, number, name, budget, http, sentence) ERR_##symbol,
#include "broker-common/err.def"
	ERR_COUNT
};

/* The wire's number, name and sentence; `e` must not be ERR_OK. */
int err_number(enum err e);
const char *err_name(enum err e);
const char *err_sentence(enum err e);

/* The error with that number; ERR_OK: none has it. */
enum err err_of_number(uint32_t number);

/* The HTTP status that says the same; 200 for ERR_OK. */
int err_http_status(enum err e);

/* Whether it counts towards `max_errors`. */
bool err_in_budget(enum err e);

enum close_why {
#define CLOSE(symbol, code, label, reason) CLOSE_##symbol,
#include "broker-common/close.def"
	CLOSE_COUNT
};

/* The code of RFC 6455 section 7.4, the metric's label and the reason of the close frame. */
int close_code(enum close_why why);
const char *close_label(enum close_why why);
const char *close_reason(enum close_why why);

#endif
