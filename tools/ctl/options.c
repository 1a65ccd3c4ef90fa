#include "tools/ctl/options.h"

#include "broker-common/json.h"
#include "tools/ctl/say.h"

#include <ctype.h>
#include <stdio.h>

#define SECONDS_MAX 1e6

static const struct option_row *find(const struct option_row *const *tables, struct slice name)
{
	for (; *tables != NULL; tables++) {
		for (const struct option_row *o = *tables; o->name != NULL; o++) {
			if (slice_is(name, o->name))
				return o;
		}
	}
	return NULL;
}

static bool set_number(const struct option_row *o, const char *value)
{
	int64_t number;

	if (!json_int(slice_of(value), &number) || number < 1) {
		say("--%s must be a whole number, 1 or more, not '%s'", o->name, value);
		return false;
	}
	*(uint64_t *)o->out = (uint64_t)number;
	return true;
}

static bool set_seconds(const struct option_row *o, const char *value)
{
	double seconds;

	if (json_check(slice_of(value), &json_default_limits, NULL) != JSON_NUMBER ||
	    !json_double(slice_of(value), &seconds) || !(seconds > 0 && seconds <= SECONDS_MAX)) {
		say("--%s must be seconds, more than 0 and at most %.0f, not '%s'", o->name,
		    SECONDS_MAX, value);
		return false;
	}
	*(uint64_t *)o->out = (uint64_t)(seconds * 1000 + 0.5);
	return true;
}

static bool set(const struct option_row *o, const char *value)
{
	switch (o->kind) {
	case OPTION_FLAG: *(bool *)o->out = true; return true;
	case OPTION_TEXT:
	case OPTION_FILE: *(const char **)o->out = value; return true;
	case OPTION_NUMBER: return set_number(o, value);
	case OPTION_SECONDS:
	case OPTION_MAYBE_SECONDS: return set_seconds(o, value);
	}
	return false;
}

/* `-` is stdin, and -1 is JSON. */
static bool is_option(const char *text)
{
	return text[0] == '-' && text[1] != '\0' && !isdigit((unsigned char)text[1]);
}

/* `rooms --watch 5`: the value of an option that may stand alone is taken for one when it can only
 * be that. */
static bool is_seconds(const char *text)
{
	double seconds;

	return text != NULL &&
		json_check(slice_of(text), &json_default_limits, NULL) == JSON_NUMBER &&
		json_double(slice_of(text), &seconds) && seconds > 0 && seconds <= SECONDS_MAX;
}

/* The option in argv[*at]; `*at` moves to the last of its arguments. */
static bool take(const struct option_row *const *tables, int argc, char **argv, int *at)
{
	const char *text = argv[*at], *equals = strchr(text, '=');
	struct slice name = { text, equals == NULL ? strlen(text) : (size_t)(equals - text) };
	const struct option_row *o = NULL;

	if (slice_is(name, "-h"))
		name = slice_of("--help");
	if (slice_starts(name, slice_of("--")))
		o = find(tables, (struct slice){ name.p + 2, name.n - 2 });
	if (o == NULL) {
		say("there is no option %.*s here", SLICE_ARGS(name));
		return false;
	}
	if (o->kind == OPTION_FLAG && equals != NULL) {
		say("--%s takes no value", o->name);
		return false;
	}
	if (o->kind == OPTION_FLAG || equals != NULL)
		return set(o, equals == NULL ? NULL : equals + 1);
	if (o->kind == OPTION_MAYBE_SECONDS && !is_seconds(argv[*at + 1 == argc ? *at : *at + 1])) {
		*(uint64_t *)o->out = o->otherwise;
		return true;
	}
	if (*at + 1 == argc) {
		say("--%s needs a value: --%s %s", o->name, o->name, o->value);
		return false;
	}
	*at += 1;
	return set(o, argv[*at]);
}

int options_take(const struct option_row *const *tables, int argc, char **argv, bool leading)
{
	bool options = true;
	int kept = 0;

	for (int i = 0; i < argc; i++) {
		if (options && !leading && strcmp(argv[i], "--") == 0) {
			options = false;
		} else if (!options || !is_option(argv[i])) {
			argv[kept++] = argv[i];
			options = options && !leading;
		} else if (!take(tables, argc, argv, &i)) {
			return -1;
		}
	}
	return kept;
}

const struct option_row *options_next(const struct option_row *const *tables, size_t *at)
{
	size_t i = 0;

	for (const struct option_row *const *t = tables; *t != NULL; t++) {
		for (const struct option_row *o = *t; o->name != NULL; o++) {
			if (i++ < *at || find(tables, slice_of(o->name)) != o)
				continue;
			*at = i;
			return o;
		}
	}
	return NULL;
}

void options_spell(const struct option_row *o, char *out, size_t bytes)
{
	bool maybe = o->kind == OPTION_MAYBE_SECONDS;

	snprintf(out, bytes, "--%s%s%s%s", o->name,
	         o->value == NULL ? ""
	                 : maybe  ? "[="
	                          : " ",
	         o->value == NULL ? "" : o->value, maybe ? "]" : "");
}

void options_show(const struct option_row *const *tables)
{
	const struct option_row *o;
	char left[64];

	for (size_t at = 0; (o = options_next(tables, &at)) != NULL;) {
		options_spell(o, left, sizeof(left));
		printf("  %-18s %s\n", left, o->help);
	}
}
