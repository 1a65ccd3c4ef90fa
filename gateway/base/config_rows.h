/*
 * The rows of config.def and room_policy.def as data, and values as text. Part of config.c.
 */
#ifndef ROOMCAST_CONFIG_ROWS_H
#define ROOMCAST_CONFIG_ROWS_H

#include "gateway/base/config.h"

enum { PROFILES = 3 };

enum config_kind { CONFIG_NUMBER, CONFIG_BYTES, CONFIG_FLAG, CONFIG_TEXT, CONFIG_CHOICE };

struct config_row {
	const char *name;
	const char *help;
	enum config_kind kind;
	size_t at;                /* offset of the field */
	int64_t preset[PROFILES]; /* the value where nobody says one */
	const char *text;         /* the same for TEXT */
	int64_t least, most;
	const char *choices; /* "first|second", by position */
	bool reload;
	bool secret; /* TEXT that is never shown */
};

/* Positions in config_rows. */
enum {
#define NUMBER(name, light, standard, high, least, most, reload, help) CONFIG_ROW_##name,
#define BYTES(name, light, standard, high, least, most, reload, help) CONFIG_ROW_##name,
#define FLAG(name, value, reload, help) CONFIG_ROW_##name,
#define TEXT(name, value, reload, help) CONFIG_ROW_##name,
#define SECRET(name, value, reload, help) CONFIG_ROW_##name,
#define CHOICE(name, value, reload, choices, help) CONFIG_ROW_##name,
#include "gateway/base/config.def"
	CONFIG_OPTIONS, /* what a file may say */
	CONFIG_ROW_config = CONFIG_OPTIONS,
	CONFIG_ROWS
};

enum {
#define POLICY_NUMBER(name, own, least, most, help) POLICY_ROW_##name,
#define POLICY_CHOICE(name, own, choices, help) POLICY_ROW_##name,
#include "gateway/base/room_policy.def"
	POLICY_ROWS
};

extern const struct config_row config_rows[CONFIG_ROWS];
extern const struct config_row policy_rows[POLICY_ROWS];

/* What the command line may ask for besides options. */
struct config_action_row {
	const char *name; /* print_config for --print-config */
	char letter;      /* 0: none */
	enum config_action action;
	const char *help;
};

enum { CONFIG_ACTIONS = 5 };
extern const struct config_action_row config_actions[CONFIG_ACTIONS];

/* NULL: there is none of that name. */
const struct config_row *rows_find(const struct config_row *rows, size_t n, struct slice name);

/* The field of a row in its struct; not for TEXT, which is a char *. */
int64_t row_get(const struct config_row *r, const void *base);
void row_set(const struct config_row *r, void *base, int64_t value);
char **row_text(const struct config_row *r, void *base);

/* Read a value: into `*number`, or for TEXT only check it. False: `why` says what is wrong and what
 * is allowed. */
bool row_parse(const struct config_row *r, const char *text, int64_t *number, struct buf *why);

/* A value as row_parse() reads it (a secret one as ***), and what it may be ("1 to 100"; nothing
 * for TEXT). */
void row_print_value(const struct config_row *r, int64_t number, const char *text, struct buf *out);
void row_print(const struct config_row *r, const void *base, struct buf *out);
void row_print_allowed(const struct config_row *r, struct buf *out);

/* What somebody wrote, quoted and escaped; a long one is cut. */
void config_quote(struct buf *out, struct slice text);

/* The known name that is most like a wrong one. */
struct nearest {
	struct slice wrong;
	const char *name; /* NULL: none is close */
	size_t distance;
};
void nearest_try(struct nearest *n, const char *name);
void nearest_try_rows(struct nearest *n, const struct config_row *rows, size_t count);

#endif
