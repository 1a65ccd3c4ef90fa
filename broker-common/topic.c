#include "broker-common/topic.h"

#include <assert.h>
#include <stdint.h>

static const struct slice prefixes[TOPIC_KINDS] = {
	[TOPIC_ROOM] = { "room:", 5 }, [TOPIC_EVENT] = { "event:", 6 },
	[TOPIC_USER] = { "user:", 5 }, [TOPIC_CLIENT] = { "client:", 7 },
	[TOPIC_ALL] = { "all", 3 },
};

/* What a name may hold: nothing that JSON would escape, a log line would quote or a pattern means. */
static const uint8_t in_name[256] = {
	['A' ... 'Z'] = 1, ['a' ... 'z'] = 1, ['0' ... '9'] = 1, ['_'] = 1, ['-'] = 1, ['='] = 1,
	['@'] = 1,         [','] = 1,         ['.'] = 1,         [';'] = 1, [':'] = 1,
};

bool topic_name_ok(struct slice name)
{
	uint8_t ok = 1;

	if (name.n == 0 || name.n > TOPIC_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++)
		ok &= in_name[(unsigned char)name.p[i]];
	return ok;
}

enum err topic_parse(struct slice text, struct topic *out)
{
	if (slice_eq(text, prefixes[TOPIC_ALL])) {
		*out = (struct topic){ TOPIC_ALL, text, { text.p + text.n, 0 } };
		return ERR_OK;
	}
	for (enum topic_kind k = 0; k < TOPIC_ALL; k++) {
		struct slice prefix = prefixes[k], name;

		if (!slice_starts(text, prefix))
			continue;
		name = (struct slice){ text.p + prefix.n, text.n - prefix.n };
		if (!topic_name_ok(name))
			break;
		*out = (struct topic){ k, text, name };
		return ERR_OK;
	}
	return ERR_BAD_TOPIC;
}

const char *topic_prefix(enum topic_kind kind)
{
	assert(kind < TOPIC_KINDS);
	return prefixes[kind].p;
}

struct slice topic_make(enum topic_kind kind, struct slice name, char out[TOPIC_MAX])
{
	struct slice prefix;

	assert(kind < TOPIC_KINDS);
	prefix = prefixes[kind];
	if (kind == TOPIC_ALL)
		name.n = 0;
	assert(name.n <= TOPIC_NAME_MAX);
	memcpy(out, prefix.p, prefix.n);
	if (name.n > 0)
		memcpy(out + prefix.n, name.p, name.n);
	return (struct slice){ out, prefix.n + name.n };
}

bool topic_match(struct slice pattern, struct slice name)
{
	size_t p = 0, n = 0, star = SIZE_MAX, star_n = 0;

	while (n < name.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++; /* takes nothing at first */
			star_n = n;
		} else if (p < pattern.n && pattern.p[p] == name.p[n]) {
			p++;
			n++;
		} else if (star != SIZE_MAX) {
			/* Only the last star has to take more: what the ones before it found
			 * first leaves the most for it. */
			p = star + 1;
			n = ++star_n;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}
