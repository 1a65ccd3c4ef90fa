#include "broker-common/event_types.h"

#include "broker-common/json.h"

#include <stdint.h>
#include <stdio.h>

enum kind { TEXT, NAME, KEY, COUNT, SHARE, LEVEL, TIME };
enum { OPTIONAL, REQUIRED };

static const struct field {
	const char *type, *name;
	enum kind kind;
	int required;
} fields[] = {
#define FIELD(type, name, kind, required) { type, name, kind, required },
#include "broker-common/event_types.def"
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))
_Static_assert(FIELDS <= 64, "a bit of `seen` for each field");

static const struct slice own_types = { "roomcast.", 9 };

/* The raw inside of a string's quotes. */
static struct slice inside(struct slice value)
{
	return (struct slice){ value.p + 1, value.n - 2 };
}

static bool is_count(struct slice value)
{
	int64_t v;

	return json_int(value, &v) && v >= 0;
}

static bool is_share(struct slice value)
{
	double v;

	return json_double(value, &v) && v >= 0 && v <= 1;
}

static bool is_level(struct slice value)
{
	static const char *const levels[] = { "info", "warning", "error", "success" };

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (json_text_is(inside(value), levels[i]))
			return true;
	return false;
}

/* NULL: `value` is right; else what it must be. */
static const char *must_be(enum kind kind, struct slice value)
{
	bool text = json_type_of(value) == JSON_STRING, filled = text && value.n > 2;
	int64_t ignored;

	switch (kind) {
	case TEXT: return text ? NULL : "a string";
	case NAME: return filled ? NULL : "a string that is not empty";
	case KEY:
		return filled || json_int(value, &ignored)
			? NULL
			: "a string that is not empty, or an integer";
	case COUNT: return is_count(value) ? NULL : "an integer, 0 or more";
	case SHARE: return is_share(value) ? NULL : "a number from 0 to 1";
	case LEVEL: return text && is_level(value) ? NULL : "info, warning, error or success";
	case TIME:
		return text || json_type_of(value) == JSON_NUMBER ? NULL : "a string or a number";
	}
	return "something else";
}

/* Check one member of the payload and note in `seen` which field it was. */
static enum err check_member(size_t first, size_t end, struct slice key, struct slice value,
                             uint64_t *seen, char *scratch)
{
	for (size_t i = first; i < end; i++) {
		const char *wanted;

		if (!json_text_is(key, fields[i].name))
			continue;
		wanted = must_be(fields[i].kind, value);
		if (wanted != NULL) {
			snprintf(scratch, 128, "%s: %s must be %s", fields[i].type, fields[i].name,
			         wanted);
			return ERR_BAD_PAYLOAD;
		}
		*seen |= UINT64_C(1) << i;
		break;
	}
	return ERR_OK;
}

/* The payload of the type that owns the rows from `first` up to `end`. */
static enum err check_payload(size_t first, size_t end, struct slice payload, char *scratch)
{
	struct slice key, value;
	uint64_t seen = 0;
	size_t at = 0;

	if (json_type_of(payload) != JSON_OBJECT) {
		snprintf(scratch, 128, "%s: payload must be an object", fields[first].type);
		return ERR_BAD_PAYLOAD;
	}
	/* Each of several members of one name: receivers differ in which of them they take. */
	while (json_next_member(payload, &at, &key, &value)) {
		enum err e = check_member(first, end, key, value, &seen, scratch);

		if (e != ERR_OK)
			return e;
	}
	for (size_t i = first; i < end; i++) {
		if (fields[i].required == OPTIONAL || (seen >> i & 1) != 0)
			continue;
		snprintf(scratch, 128, "%s: %s is missing", fields[i].type, fields[i].name);
		return ERR_BAD_PAYLOAD;
	}
	return ERR_OK;
}

enum err event_type_check(struct slice event_type, struct slice payload, char scratch[128])
{
	size_t first = 0, end;

	if (slice_starts(event_type, own_types)) {
		snprintf(scratch, 128, "event types that begin with %s are the server's own",
		         own_types.p);
		return ERR_FORBIDDEN;
	}
	while (first < FIELDS && !slice_is(event_type, fields[first].type))
		first++;
	if (first == FIELDS)
		return ERR_OK;
	for (end = first + 1; end < FIELDS && slice_is(event_type, fields[end].type);)
		end++;
	return check_payload(first, end, payload, scratch);
}
