#include "gateway/core/shape.h"

static bool type_fits(struct slice value, const struct shape *s)
{
	enum json_type type = json_type_of(value);
	int64_t number;

	if (type == JSON_FALSE)
		type = JSON_TRUE;
	if (type != s->type)
		return false;
	if (type == JSON_NUMBER)
		return json_int(value, &number) && number >= 0;
	return s->inside == NULL || shape_fits(value, s->inside);
}

/* The row of a member, or how many rows there are. */
static unsigned int row_of(const struct shape *shape, struct slice key)
{
	unsigned int i = 0;

	while (shape[i].name != NULL && !json_text_is(key, shape[i].name))
		i++;
	return i;
}

bool shape_fits(struct slice object, const struct shape *shape)
{
	struct slice key, value;
	uint64_t seen = 0;
	size_t at = 0;

	while (json_next_member(object, &at, &key, &value)) {
		unsigned int i = row_of(shape, key);
		uint64_t bit = UINT64_C(1) << i;

		if (shape[i].name == NULL)
			continue;
		if ((seen & bit) != 0 || !type_fits(value, &shape[i]))
			return false;
		seen |= bit;
	}
	for (unsigned int i = 0; shape[i].name != NULL; i++)
		if ((seen & UINT64_C(1) << i) == 0 && !shape[i].optional)
			return false;
	return true;
}

struct slice shape_value(struct slice object, const char *name)
{
	struct slice key, value;
	size_t at = 0;

	while (json_next_member(object, &at, &key, &value))
		if (json_text_is(key, name))
			return value;
	return (struct slice){ NULL, 0 };
}

struct slice shape_text(struct slice object, const char *name)
{
	struct slice value = shape_value(object, name);

	if (value.n < 2 || value.p[0] != '"')
		return (struct slice){ NULL, 0 };
	return (struct slice){ value.p + 1, value.n - 2 };
}

uint64_t shape_number(struct slice object, const char *name)
{
	int64_t number = 0;

	return json_int(shape_value(object, name), &number) && number > 0 ? (uint64_t)number : 0;
}
