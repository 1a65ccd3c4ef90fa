#include "broker-common/envelope_fields.h"

#include "broker-common/envelope.h"
#include "broker-common/json.h"

#include <stdarg.h>
#include <stdio.h>

static const struct slice names[FIELDS] = {
	[FIELD_TYPE] = { "type", 4 },         [FIELD_ID] = { "id", 2 },
	[FIELD_TOPIC] = { "topic", 5 },       [FIELD_EVENT_TYPE] = { "event_type", 10 },
	[FIELD_PAYLOAD] = { "payload", 7 },   [FIELD_ECHO] = { "echo", 4 },
	[FIELD_PRIORITY] = { "priority", 8 }, [FIELD_KEY] = { "key", 3 },
	[FIELD_ACK] = { "ack", 3 },           [FIELD_ROOM] = { "room", 4 },
	[FIELD_ROOMS] = { "rooms", 5 },       [FIELD_PRESENCE] = { "presence", 8 },
	[FIELD_INFO] = { "info", 4 },         [FIELD_EVENTS] = { "events", 6 },
	[FIELD_IDS] = { "ids", 3 },           [FIELD_TOKEN] = { "token", 5 },
};

/* ---- what is said of a wrong frame ---- */

enum err fields_refuse(struct fields *f, enum err e, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(f->scratch, 128, format, args);
	va_end(args);
	*f->detail = f->scratch;
	return e;
}

enum err fields_must_be(struct fields *f, enum field which, const char *what)
{
	return fields_refuse(f, ERR_BAD_FRAME, "%s must be %s", names[which].p, what);
}

const char *fields_printable(struct slice text, char out[33])
{
	size_t n = text.n < 32 ? text.n : 32;

	for (size_t i = 0; i < n; i++)
		out[i] = text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : '?';
	out[n] = '\0';
	return out;
}

/* ---- noting where they stand ---- */

static enum field find(struct slice key)
{
	enum field which = 0;

	while (which < FIELDS && !slice_eq(key, names[which]))
		which++;
	return which;
}

/* Note one member. `unknown` holds the `n_unknown` keys before it that are no fields. */
static enum err note(struct fields *f, struct slice key, struct slice value, struct slice *unknown,
                     size_t *n_unknown)
{
	/* The key with its quotes: the walk has passed it and will not look at it again. */
	struct slice quoted = { key.p - 1, key.n + 2 };
	bool twice = false;
	enum field which;
	char text[33];

	if (!json_unescape(quoted, &key))
		return fields_refuse(f, ERR_BAD_FRAME, "the name of a field holds NUL");
	which = find(key);
	if (which < FIELDS) {
		twice = f->raw[which].p != NULL;
		if (!twice)
			f->raw[which] = value;
	} else if (key.n > ENVELOPE_FIELD_MAX) {
		return fields_refuse(f, ERR_BAD_FRAME,
		                     "the name of a field is longer than %d bytes",
		                     ENVELOPE_FIELD_MAX);
	} else {
		for (size_t i = 0; i < *n_unknown; i++)
			twice = twice || slice_eq(key, unknown[i]);
		unknown[(*n_unknown)++] = key;
	}
	if (!twice)
		return ERR_OK;
	return fields_refuse(f, ERR_BAD_FRAME, "the field %s is there twice",
	                     fields_printable(key, text));
}

static enum err note_all(struct fields *f, struct slice text)
{
	struct slice unknown[ENVELOPE_FIELDS_MAX], key, value;
	size_t n_unknown = 0, n = 0, at = 0;
	enum err e = ERR_OK;

	while (json_next_member(text, &at, &key, &value)) {
		if (n++ == ENVELOPE_FIELDS_MAX && e == ERR_OK)
			e = fields_refuse(f, ERR_BAD_FRAME, "a frame has at most %d fields",
			                  ENVELOPE_FIELDS_MAX);
		if (e == ERR_OK)
			e = note(f, key, value, unknown, &n_unknown);
		/* The answer shall carry the `id`, which often stands last. */
		else if (f->raw[FIELD_ID].p == NULL && json_text_is(key, "id"))
			f->raw[FIELD_ID] = value;
	}
	return e;
}

/* NULL: it is one; else what it must be. */
static const char *id_must_be(struct slice id)
{
	enum json_type type = json_type_of(id);

	if (type == JSON_STRING)
		return id.n - 2 > ENVELOPE_ID_MAX ? "64 bytes or less" : NULL;
	if (type != JSON_NUMBER)
		return "an integer or a string";
	if (id.n > ENVELOPE_ID_MAX)
		return "64 bytes or less";
	for (size_t i = 0; i < id.n; i++)
		if (id.p[i] == '.' || id.p[i] == 'e' || id.p[i] == 'E')
			return "an integer or a string";
	return NULL;
}

/* JSON that only goes beyond the limits: a client that waits for the answer by its `id` shall get it. */
static void note_id_of_large(struct fields *f, struct slice frame)
{
	static const struct json_limits widest = { .depth = JSON_DEPTH_MAX, .keys = UINT32_MAX };
	struct slice key, value;
	size_t at = 0;

	if (json_check(frame, &widest, NULL) != JSON_OBJECT)
		return;
	while (f->raw[FIELD_ID].p == NULL && json_next_member(frame, &at, &key, &value))
		if (json_text_is(key, "id"))
			f->raw[FIELD_ID] = value;
}

static enum err take_id(struct fields *f, enum err e, struct slice *id)
{
	const char *wrong;

	if (id == NULL || f->raw[FIELD_ID].p == NULL)
		return e;
	wrong = id_must_be(f->raw[FIELD_ID]);
	if (wrong == NULL)
		*id = f->raw[FIELD_ID];
	else if (e == ERR_OK)
		e = fields_must_be(f, FIELD_ID, wrong);
	return e;
}

enum err fields_open(struct fields *f, char *text, size_t n, struct slice *id, char scratch[128],
                     const char **detail)
{
	struct json_limits limits = json_default_limits;
	struct slice frame = { text, n };
	enum json_type type;
	const char *wrong = NULL;

	*f = (struct fields){ .scratch = scratch, .detail = detail };
	*detail = NULL;
	limits.depth++; /* the frame around the payload */
	type = json_check(frame, &limits, &wrong);
	if (type == JSON_INVALID) {
		note_id_of_large(f, frame);
		return take_id(f, fields_refuse(f, ERR_BAD_JSON, "bad JSON: %s", wrong), id);
	}
	if (type != JSON_OBJECT)
		return fields_refuse(f, ERR_BAD_FRAME, "a frame must be a JSON object");
	return take_id(f, note_all(f, frame), id);
}

/* ---- reading them ---- */

enum err fields_need(struct fields *f, enum field which)
{
	if (f->raw[which].p == NULL)
		return fields_refuse(f, ERR_MISSING_FIELD, "%s is missing", names[which].p);
	return ERR_OK;
}

enum err fields_flag(struct fields *f, enum field which, bool *out)
{
	enum json_type type = json_type_of(f->raw[which]);

	if (f->raw[which].p == NULL)
		return ERR_OK;
	if (type != JSON_TRUE && type != JSON_FALSE)
		return fields_must_be(f, which, "true or false");
	*out = type == JSON_TRUE;
	return ERR_OK;
}

enum err fields_text(struct fields *f, enum field which, struct slice *out)
{
	if (f->raw[which].p == NULL)
		return ERR_OK;
	if (json_type_of(f->raw[which]) != JSON_STRING)
		return fields_must_be(f, which, "a string");
	if (!json_unescape(f->raw[which], out))
		return fields_must_be(f, which, "without NUL");
	return ERR_OK;
}

enum err fields_list(struct fields *f, enum field which, struct slice *out, uint32_t most,
                     uint32_t *n)
{
	struct slice list = f->raw[which], value;
	size_t at = 0;
	enum err e = fields_need(f, which);

	*n = 0;
	if (e != ERR_OK)
		return e;
	if (json_type_of(list) != JSON_ARRAY)
		return fields_must_be(f, which, "an array of strings");
	while (json_next_element(list, &at, &value)) {
		if (json_type_of(value) != JSON_STRING)
			return fields_must_be(f, which, "an array of strings");
		if (*n == most)
			return fields_refuse(f, ERR_BAD_FRAME, "%s must not hold more than %u",
			                     names[which].p, most);
		if (!json_unescape(value, &out[*n]))
			return fields_must_be(f, which, "without NUL");
		++*n;
	}
	return *n == 0 ? fields_must_be(f, which, "an array of at least one string") : ERR_OK;
}
