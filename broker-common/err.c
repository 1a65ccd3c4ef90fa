#include "broker-common/err.h"

#include <assert.h>
#include <stddef.h>

static const struct {
	int number;
	const char *name;
	const char *sentence;
	int http;
	bool budget;
} errors[ERR_COUNT] = {
	[ERR_OK] = { 0, "ok", "done", 200, false },
#define ERR(symbol, number, name, budget, http, sentence)                                          \
	[ERR_##symbol] = { number, name, sentence, http, budget },
#include "broker-common/err.def"
};

static const struct {
	int code;
	const char *label;
	const char *reason;
} closes[CLOSE_COUNT] = {
#define CLOSE(symbol, code, label, reason) [CLOSE_##symbol] = { code, label, reason },
#include "broker-common/close.def"
};

int err_number(enum err e)
{
	assert(e > ERR_OK && e < ERR_COUNT);
	return errors[e].number;
}

const char *err_name(enum err e)
{
	assert(e >= ERR_OK && e < ERR_COUNT);
	return errors[e].name;
}

const char *err_sentence(enum err e)
{
	assert(e >= ERR_OK && e < ERR_COUNT);
	return errors[e].sentence;
}

enum err err_of_number(uint32_t number)
{
	for (enum err e = ERR_OK + 1; e < ERR_COUNT; e++)
		if ((uint32_t)errors[e].number == number)
			return e;
	return ERR_OK;
}

int err_http_status(enum err e)
{
	assert(e >= ERR_OK && e < ERR_COUNT);
	return errors[e].http;
}

bool err_in_budget(enum err e)
{
	assert(e >= ERR_OK && e < ERR_COUNT);
	return errors[e].budget;
}

int close_code(enum close_why why)
{
	assert(why < CLOSE_COUNT);
	return closes[why].code;
}

const char *close_label(enum close_why why)
{
	assert(why < CLOSE_COUNT);
	return closes[why].label;
}

const char *close_reason(enum close_why why)
{
	assert(why < CLOSE_COUNT);
	return closes[why].reason;
}
