#include "gateway/server/api_path.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MOST 1000

/* --- paths ------------------------------------------------------------------------------------------------- */

/* Cut off the next segment, with the slash before it. False: there is none. */
static bool next_segment(struct slice *rest, struct slice *segment)
{
	const char *slash;

	if (rest->n == 0 || rest->p[0] != '/')
		return false;
	*segment = (struct slice){ rest->p + 1, rest->n - 1 };
	slash = memchr(segment->p, '/', segment->n);
	if (slash != NULL)
		segment->n = (size_t)(slash - segment->p);
	rest->p += segment->n + 1;
	rest->n -= segment->n + 1;
	return true;
}

bool api_path_fits(const char *pattern, struct slice path, struct slice *name)
{
	struct slice wanted = slice_of(pattern), want, have;

	*name = (struct slice){ NULL, 0 };
	while (next_segment(&wanted, &want)) {
		if (!next_segment(&path, &have))
			return false;
		if (want.n > 0 && want.p[0] == '{') {
			if (!topic_name_ok(have))
				return false;
			*name = have;
		} else if (!slice_eq(want, have)) {
			return false;
		}
	}
	return path.n == 0;
}

/* --- the query ----------------------------------------------------------------------------------------------- */

static bool is_glob(struct slice text)
{
	if (text.n == 0 || text.n > TOPIC_NAME_MAX)
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] != '*' && text.p[i] != '?' &&
		    !topic_name_ok((struct slice){ text.p + i, 1 }))
			return false;
	return true;
}

/* By the position of their bits. */
static const struct parameter {
	const char *name;
	bool (*ok)(struct slice value); /* NULL: the limit */
	const char *wrong;
} parameters[] = {
	{ "prefix", topic_name_ok, "prefix is not the beginning of a room's name" },
	{ "glob", is_glob, "glob is not a room's name with * and ? in it" },
	{ "after", topic_name_ok, "after is not what an answer gave as next" },
	{ "node", topic_name_ok, "node is not the id of a gateway" },
	{ "limit", NULL, "limit is not a number from 1 to 1000" },
};

void api_query_init(struct api_query *q)
{
	*q = (struct api_query){ .limit = LIMIT_DEFAULT };
}

static bool take_limit(struct api_query *q, struct slice value)
{
	q->limit = 0;
	if (value.n == 0 || value.n > 4)
		return false;
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] < '0' || value.p[i] > '9')
			return false;
		q->limit = q->limit * 10 + (value.p[i] - '0');
	}
	return q->limit >= 1 && q->limit <= LIMIT_MOST;
}

static const char *take(struct api_query *q, size_t i, struct slice value)
{
	if (q->given & 1u << i)
		return "a parameter is there twice";
	if (!(i < API_TEXTS ? parameters[i].ok(value) : take_limit(q, value)))
		return parameters[i].wrong;
	q->given |= 1u << i;
	if (i < API_TEXTS) {
		memcpy(q->text[i], value.p, value.n);
		q->n[i] = value.n;
	}
	if ((q->given & API_PREFIX) && (q->given & API_GLOB))
		return "prefix and glob cannot be given together";
	return NULL;
}

const char *api_query_take(struct api_query *q, unsigned int allowed, struct slice argument)
{
	const char *equals = argument.n == 0 ? NULL : memchr(argument.p, '=', argument.n);
	struct slice name = argument;

	if (equals == NULL)
		return "a parameter has no value";
	name.n = (size_t)(equals - argument.p);
	for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++)
		if ((allowed & 1u << i) && slice_is(name, parameters[i].name))
			return take(q, i, (struct slice){ equals + 1, argument.n - name.n - 1 });
	return "this path has no such parameter";
}

struct slice api_query_text(const struct api_query *q, unsigned int which)
{
	for (size_t i = 0; i < API_TEXTS; i++)
		if ((which & 1u << i) && (q->given & 1u << i))
			return (struct slice){ q->text[i], q->n[i] };
	return (struct slice){ NULL, 0 };
}
