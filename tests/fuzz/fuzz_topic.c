/*
 * Any bytes as a topic, and the part before the first line end as a pattern for the rest.
 */
#include "broker-common/token.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(struct slice text)
{
	char out[TOPIC_MAX];
	struct topic t, again;
	struct slice made;

	if (topic_parse(text, &t) != ERR_OK)
		return;
	assert(t.text.p == text.p && t.text.n == text.n && text.n <= TOPIC_MAX);
	assert(t.name.p + t.name.n == text.p + text.n);
	assert(t.kind == TOPIC_ALL || topic_name_ok(t.name));
	made = topic_make(t.kind, t.name, out);
	assert(slice_eq(made, text));
	assert(topic_parse(made, &again) == ERR_OK && again.kind == t.kind);
}

/* As the `match` of a token: prefix and pattern make the text again. */
static void parse_pattern(struct slice text)
{
	char out[TOPIC_MAX];
	struct token_rule r;
	struct topic t;

	if (!token_pattern(text, &r)) {
		assert(topic_parse(text, &t) != ERR_OK); /* every topic is a pattern of itself */
		return;
	}
	assert(r.kind == TOPIC_ALL || token_pattern_ok(r.pattern));
	assert(slice_eq(topic_make(r.kind, r.pattern, out), text));
	assert(topic_match(r.pattern, r.pattern));
}

static void match(struct slice pattern, struct slice name)
{
	char *wider;

	/* Without a star it is a comparison. */
	if (memchr(pattern.p, '*', pattern.n) == NULL)
		assert(topic_match(pattern, name) == slice_eq(pattern, name));
	if (!topic_match(pattern, name))
		return;
	/* A star in front takes nothing away. */
	wider = malloc(pattern.n + 1);
	assert(wider != NULL);
	wider[0] = '*';
	memcpy(wider + 1, pattern.p, pattern.n);
	assert(topic_match((struct slice){ wider, pattern.n + 1 }, name));
	free(wider);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	const char *end;

	assert(text != NULL);
	if (size != 0)
		memcpy(text, data, size);
	parse((struct slice){ text, size });
	parse_pattern((struct slice){ text, size });
	end = memchr(text, '\n', size);
	/* Names are short: on long ones a pattern of many stars takes its time. */
	if (end != NULL && size < 4096)
		match((struct slice){ text, (size_t)(end - text) },
		      (struct slice){ end + 1, size - (size_t)(end - text) - 1 });
	free(text);
	return 0;
}
