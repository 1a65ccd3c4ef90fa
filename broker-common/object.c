#include "broker-common/object.h"

#include "broker-common/json.h"

static bool is_new(const struct slice *seen, size_t n, struct slice key)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq(seen[i], key))
			return false;
	return true;
}

bool object_read(struct slice object, const char *const *names, size_t n, struct slice *values,
                 const char **why)
{
	struct slice seen[OBJECT_MEMBERS_MAX], key, value;
	size_t n_seen = 0, at = 0;

	for (size_t i = 0; i < n; i++)
		values[i] = (struct slice){ NULL, 0 };
	*why = "not a JSON object";
	if (json_type_of(object) != JSON_OBJECT)
		return false;
	while (json_next_member(object, &at, &key, &value)) {
		*why = "more than 64 members";
		if (n_seen == OBJECT_MEMBERS_MAX)
			return false;
		*why = "NUL in a member's name";
		/* With its quotes: the walk has passed it and will not look at it again. */
		if (!json_unescape((struct slice){ key.p - 1, key.n + 2 }, &key))
			return false;
		*why = "a member is there twice";
		if (!is_new(seen, n_seen, key))
			return false;
		seen[n_seen++] = key;
		for (size_t i = 0; i < n; i++)
			if (slice_is(key, names[i]))
				values[i] = value;
	}
	return true;
}

bool object_text(struct slice value, size_t least, size_t most, struct slice *text)
{
	return json_type_of(value) == JSON_STRING && json_unescape(value, text) &&
		text->n >= least && text->n <= most;
}
