#include "gateway/base/config_draft.h"

#include <ctype.h>

#define NAME_MAX_BYTES 63 /* no option's name is as long */

static const char env_prefix[] = "ROOMCAST_";

/* Begin the sentence about a name that nobody knows. */
static void unknown(struct config_draft *d, const char *what, struct slice name)
{
	buf_printf(d->error, "%s ", what);
	config_quote(d->error, name);
	buf_str(d->error, ": there is no such option");
}

/* ---- flags ---- */

/* A flag, taken apart; neither row nor action: nobody knows it. */
struct flag {
	struct slice whole; /* with its hyphens, without the value */
	const char *value;  /* behind `=`; NULL: none */
	const struct config_row *row;
	const struct config_action_row *action;
	char plain[NAME_MAX_BYTES + 1]; /* as the tables spell it; "" when longer than any */
};

static const struct config_action_row *find_action(const char *name, char letter)
{
	for (size_t i = 0; i < CONFIG_ACTIONS; i++)
		if (strcmp(name, config_actions[i].name) == 0 ||
		    (letter != '\0' && letter == config_actions[i].letter))
			return &config_actions[i];
	return NULL;
}

static void split_flag(const char *text, struct flag *f)
{
	size_t hyphens = strncmp(text, "--", 2) == 0 ? 2 : 1, n = strcspn(text, "=");
	struct slice name = { text + hyphens, n - hyphens };
	char letter = hyphens == 1 && name.n == 1 ? name.p[0] : '\0';

	*f = (struct flag){ .whole = { text, n } };
	if (text[n] == '=')
		f->value = text + n + 1;
	if (name.n <= NAME_MAX_BYTES)
		for (size_t i = 0; i < name.n; i++)
			f->plain[i] = (char)(name.p[i] == '-' ? '_' : name.p[i]);
	f->action = find_action(hyphens == 2 ? f->plain : "", letter);
	if (hyphens == 2)
		f->row = rows_find(config_rows, CONFIG_ROWS, slice_of(f->plain));
}

static bool refuse_flag(struct config_draft *d, const struct flag *f)
{
	struct nearest n = { .wrong = slice_of(f->plain) };

	unknown(d, "flag", f->whole);
	nearest_try_rows(&n, config_rows, CONFIG_ROWS);
	for (size_t i = 0; i < CONFIG_ACTIONS; i++)
		nearest_try(&n, config_actions[i].name);
	draft_suggest(d, FROM_FLAG, &n);
	return false;
}

/* The argument that begins with a hyphen; `next` may be its value. Returns how many were used,
 * or 0. */
static int take_flag(struct config_draft *d, const char *text, const char *next,
                     enum config_action *action)
{
	struct flag f;

	split_flag(text, &f);
	if (f.action != NULL && f.value == NULL) {
		*action = f.action->action;
		return 1;
	}
	if (f.action != NULL) {
		buf_printf(d->error, "flag %.*s takes no value", SLICE_ARGS(f.whole));
		return 0;
	}
	if (f.row == NULL)
		return refuse_flag(d, &f);
	if (f.value == NULL && f.row->kind == CONFIG_FLAG && (next == NULL || next[0] == '-'))
		f.value = "on";
	if (f.value != NULL)
		return draft_set(d, f.row, FROM_FLAG, f.value) ? 1 : 0;
	if (next == NULL || strncmp(next, "--", 2) == 0) {
		buf_printf(d->error, "flag %.*s needs a value", SLICE_ARGS(f.whole));
		return 0;
	}
	return draft_set(d, f.row, FROM_FLAG, next) ? 2 : 0;
}

/* --help and --version are answered whatever else is wrong. */
static bool asks_first(int argc, char *const argv[], enum config_action *action)
{
	for (int i = 1; i < argc; i++) {
		struct flag f = { .action = NULL };

		if (argv[i][0] == '-' && argv[i][1] != '\0')
			split_flag(argv[i], &f);
		if (f.action == NULL || f.value != NULL ||
		    (f.action->action != CONFIG_HELP && f.action->action != CONFIG_VERSION))
			continue;
		*action = f.action->action;
		return true;
	}
	return false;
}

bool draft_flags(struct config_draft *d, int argc, char *const argv[], enum config_action *action)
{
	int used;

	if (asks_first(argc, argv, action))
		return true;
	for (int i = 1; i < argc; i += used) {
		if (argv[i][0] != '-' || argv[i][1] == '\0' || strcmp(argv[i], "--") == 0) {
			buf_str(d->error, "argument ");
			config_quote(d->error, slice_of(argv[i]));
			buf_str(d->error,
			        ": only flags are allowed, such as --listen=127.0.0.1:8000");
			return false;
		}
		used = take_flag(d, argv[i], i + 1 < argc ? argv[i + 1] : NULL, action);
		if (used == 0)
			return false;
	}
	return true;
}

/* ---- environment ---- */

/* Variables of that prefix which are not the gateway's: our scripts', and what Kubernetes sets in
 * every container that stands beside a service whose name begins with roomcast. */
static bool is_foreign(const char *name, const char *value)
{
	static const char *const scripts[] = { "BUILD", "DEPS",     "ENDPOINT", "KEY",
		                               "LONG",  "SANITIZE", "TOKEN",    "URL" };
	const char *port = strstr(name, "PORT");

	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
		if (strcmp(name, scripts[i]) == 0)
			return true;
	if (strstr(name, "SERVICE_HOST") != NULL || strstr(name, "SERVICE_PORT") != NULL)
		return true;
	if (port == NULL)
		return false;
	return (port[4] == '_' && isdigit((unsigned char)port[5])) ||
		(port[4] == '\0' && strstr(value, "://") != NULL);
}

static bool refuse_variable(struct config_draft *d, struct slice whole, const char *plain)
{
	struct nearest n = { .wrong = slice_of(plain) };

	unknown(d, "environment", whole);
	nearest_try_rows(&n, config_rows, CONFIG_ROWS);
	draft_suggest(d, FROM_ENVIRONMENT, &n);
	return false;
}

/* `entry` is NAME=VALUE with our prefix. */
static bool take_variable(struct config_draft *d, const char *entry)
{
	const char *equals = strchr(entry, '='), *name = entry + sizeof env_prefix - 1;
	char spelled[NAME_MAX_BYTES + 1] = "", plain[NAME_MAX_BYTES + 1] = "";
	const struct config_row *r = NULL;
	bool upper = true;

	if (equals == NULL)
		return true; /* not a variable at all */
	if (equals - name <= NAME_MAX_BYTES)
		for (size_t i = 0; name + i < equals; i++) {
			upper = upper && !islower((unsigned char)name[i]);
			spelled[i] = name[i];
			plain[i] = (char)tolower((unsigned char)name[i]);
		}
	if (upper)
		r = rows_find(config_rows, CONFIG_ROWS, slice_of(plain));
	if (r != NULL)
		return draft_set(d, r, FROM_ENVIRONMENT, equals + 1);
	if (is_foreign(spelled, equals + 1))
		return true;
	return refuse_variable(d, (struct slice){ entry, (size_t)(equals - entry) }, plain);
}

bool draft_environment(struct config_draft *d, char *const environment[])
{
	for (; environment != NULL && *environment != NULL; environment++)
		if (strncmp(*environment, env_prefix, sizeof env_prefix - 1) == 0 &&
		    !take_variable(d, *environment))
			return false;
	return true;
}
