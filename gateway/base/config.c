#include "gateway/base/config.h"

#include "broker-common/topic.h"
#include "gateway/base/config_draft.h"

#include <arpa/inet.h>
#include <stdlib.h>

static void policies_free(struct config *c)
{
	for (size_t i = 0; i < c->n_policies; i++)
		free(c->policies[i].pattern);
	free(c->policies);
}

void config_free(struct config *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < CONFIG_ROWS; i++)
		if (config_rows[i].kind == CONFIG_TEXT)
			free(*row_text(&config_rows[i], c));
	policies_free(c);
	free(c);
}

static bool read_sources(struct config_draft *d, int argc, char *const argv[],
                         char *const environment[], enum config_action *action)
{
	if (!draft_flags(d, argc, argv, action))
		return false;
	if (*action == CONFIG_HELP || *action == CONFIG_VERSION)
		return draft_presets(d); /* helps also whom the rest would refuse */
	return draft_environment(d, environment) && draft_file(d) && draft_presets(d) &&
		draft_check(d);
}

struct config *config_load(int argc, char *const argv[], char *const environment[],
                           enum config_action *action, struct buf *error, bool *unreadable)
{
	struct config_draft d = { .c = calloc(1, sizeof *d.c), .error = error };

	*action = CONFIG_RUN;
	*unreadable = false;
	if (d.c == NULL) {
		buf_str(error, "out of memory");
		return NULL;
	}
	if (!read_sources(&d, argc, argv, environment, action)) {
		*unreadable = d.unreadable;
		config_free(d.c);
		d.c = NULL;
	}
	free(d.policy_lines);
	return d.c;
}

/* ---- reload ---- */

static bool same_value(const struct config_row *r, struct config *a, struct config *b)
{
	if (r->kind == CONFIG_TEXT)
		return strcmp(*row_text(r, a), *row_text(r, b)) == 0;
	return row_get(r, a) == row_get(r, b);
}

static void swap_value(const struct config_row *r, struct config *a, struct config *b)
{
	int64_t number;
	char *text;

	if (r->kind == CONFIG_TEXT) {
		text = *row_text(r, a);
		*row_text(r, a) = *row_text(r, b);
		*row_text(r, b) = text;
		return;
	}
	number = row_get(r, a);
	row_set(r, a, row_get(r, b));
	row_set(r, b, number);
}

static void swap_policies(struct config *a, struct config *b)
{
	struct room_policy *policies = a->policies;
	size_t n = a->n_policies;

	a->policies = b->policies;
	a->n_policies = b->n_policies;
	b->policies = policies;
	b->n_policies = n;
}

bool config_reload(struct config *c, int argc, char *const argv[], char *const environment[],
                   struct buf *fixed, struct buf *error)
{
	enum config_action action;
	bool unreadable;
	struct config *fresh = config_load(argc, argv, environment, &action, error, &unreadable);
	const char *comma = "";

	if (fresh == NULL)
		return false;
	for (size_t i = 0; i < CONFIG_OPTIONS; i++) {
		const struct config_row *r = &config_rows[i];

		if (r->reload) {
			swap_value(r, c, fresh);
		} else if (!same_value(r, c, fresh)) {
			buf_printf(fixed, "%s%s", comma, r->name);
			comma = ", ";
		}
	}
	swap_policies(c, fresh);
	config_free(fresh); /* with what was in force until now */
	return true;
}

/* ---- rooms ---- */

static const struct room_policy *policy_find(const struct config *c, struct slice room)
{
	for (size_t i = 0; i < c->n_policies; i++)
		if (topic_match(slice_of(c->policies[i].pattern), room))
			return &c->policies[i];
	return NULL;
}

struct room_policy config_room_policy(const struct config *c, struct slice room)
{
	const struct room_policy *said = policy_find(c, room);
	struct room_policy p = {
#define POLICY_NUMBER(name, own, least, most, help) .name = own,
#define POLICY_CHOICE(name, own, choices, help) .name = own,
#include "gateway/base/room_policy.def"
	};

	if (said == NULL)
		return p;
#define TAKE(name)                                                                                 \
	if (said->name >= 0)                                                                       \
		p.name = said->name;
#define POLICY_NUMBER(name, own, least, most, help) TAKE(name)
#define POLICY_CHOICE(name, own, choices, help) TAKE(name)
#include "gateway/base/room_policy.def"
#undef TAKE
	return p;
}

/* ---- addresses ---- */

static bool parse_port(const char *text, uint16_t *port)
{
	uint32_t v = 0;
	size_t n = 0;

	for (; n < 5 && text[n] >= '0' && text[n] <= '9'; n++)
		v = v * 10 + (uint32_t)(text[n] - '0');
	if (n == 0 || text[n] != '\0' || v > UINT16_MAX)
		return false;
	*port = (uint16_t)v;
	return true;
}

bool config_split_address(const char *text, char host[64], uint16_t *port)
{
	const char *colon = strrchr(text, ':');
	struct slice name = { text, colon == NULL ? 0 : (size_t)(colon - text) };
	bool bracketed = name.n >= 2 && name.p[0] == '[' && name.p[name.n - 1] == ']';
	int family = bracketed ? AF_INET6 : AF_INET;
	uint8_t address[sizeof(struct in6_addr)];

	if (colon == NULL || !parse_port(colon + 1, port))
		return false;
	if (bracketed)
		name = (struct slice){ name.p + 1, name.n - 2 };
	else if (slice_is(name, "localhost"))
		name = slice_of("127.0.0.1");
	else if (slice_is(name, "*"))
		name.n = 0;
	if (name.n >= 64)
		return false;
	if (name.n > 0)
		memcpy(host, name.p, name.n);
	host[name.n] = '\0';
	if (name.n == 0)
		return !bracketed;
	/* One spelling of each address, so that two can be compared. */
	return inet_pton(family, host, address) == 1 &&
		inet_ntop(family, address, host, 64) != NULL;
}
