#include "broker-common/version.h"
#include "gateway/base/config_draft.h"

static bool is_same_for_all(const struct config_row *r)
{
	return r->preset[0] == r->preset[1] && r->preset[1] == r->preset[2];
}

static void print_presets(const struct config_row *r, struct buf *out)
{
	const struct config_row *profile = &config_rows[CONFIG_ROW_profile];

	if (r->kind == CONFIG_TEXT || is_same_for_all(r)) {
		row_print_value(r, r->preset[0], r->text, out);
		return;
	}
	for (int64_t i = 0; i < PROFILES; i++) {
		buf_str(out, i == 0 ? "" : ", ");
		row_print_value(r, r->preset[i], NULL, out);
		buf_char(out, ' ');
		row_print_value(profile, i, NULL, out);
	}
}

/* "milliseconds, 100 to 600000". */
static void print_bounds(const struct config_row *r, struct buf *out)
{
	size_t n = strlen(r->name);

	if (n > 3 && strcmp(r->name + n - 3, "_ms") == 0)
		buf_str(out, "milliseconds, ");
	if (r->kind == CONFIG_BYTES)
		buf_str(out, "bytes, ");
	row_print_allowed(r, out);
}

/* One line: bounds, default, and what it takes to change it. */
static void describe(const struct config_row *r, struct buf *out)
{
	if (r->kind != CONFIG_TEXT) {
		print_bounds(r, out);
		buf_str(out, "; ");
	}
	buf_str(out, "default ");
	print_presets(r, out);
	buf_str(out, r->reload ? "; SIGHUP changes it\n" : "; a change needs a restart\n");
}

/* ---- the file ---- */

static const char file_head[] =
	"# Configuration of roomcast-gateway " ROOMCAST_VERSION ", as --print-config writes it.\n"
	"# A line `#name = value` shows what the profile says; take the # away to say another.\n"
	"# Stronger than this file: the environment (ROOMCAST_MAX_RATE=50), flags (--max-rate=50).\n"
	"# Bytes may end in K, M or G (powers of 1024).\n";

static const char rooms_head[] =
	"\n# Rooms whose names fit a pattern (* is any run of characters) may have a policy.\n"
	"# The first section that fits holds; what it does not say is the gateway's own.\n";

static bool is_preset(const struct config_row *r, const struct config *c)
{
	if (r->kind == CONFIG_TEXT)
		return strcmp(*row_text(r, (void *)c), r->text) == 0;
	return row_get(r, c) == r->preset[c->profile];
}

static void print_option(const struct config_row *r, const struct config *c, struct buf *out)
{
	bool shown_only = r != &config_rows[CONFIG_ROW_profile] && is_preset(r, c);

	buf_printf(out, "\n# %s\n# ", r->help);
	describe(r, out);
	if (r->secret && !shown_only) {
		buf_printf(out, "# it is set, and a secret: not shown here\n#%s =\n", r->name);
		return;
	}
	buf_printf(out, "%s%s = ", shown_only ? "#" : "", r->name);
	row_print(r, c, out);
	buf_char(out, '\n');
}

static void print_policy(const struct room_policy *p, struct buf *out)
{
	buf_printf(out, "\n[room \"%s\"]\n", p->pattern);
	for (size_t i = 0; i < POLICY_ROWS; i++) {
		if (row_get(&policy_rows[i], p) < 0)
			continue;
		buf_printf(out, "%s = ", policy_rows[i].name);
		row_print(&policy_rows[i], p, out);
		buf_char(out, '\n');
	}
}

/* Every row, with what holds without a section. */
static void print_policy_example(const struct config *c, struct buf *out)
{
	struct config bare = *c;
	struct room_policy own;

	bare.n_policies = 0;
	own = config_room_policy(&bare, slice_of(""));
	buf_str(out, rooms_head);
	buf_str(out, "#\n#[room \"jobs.*\"]\n");
	for (size_t i = 0; i < POLICY_ROWS; i++) {
		buf_printf(out, "# %s (", policy_rows[i].help);
		row_print_allowed(&policy_rows[i], out);
		buf_printf(out, ")\n#%s = ", policy_rows[i].name);
		row_print(&policy_rows[i], &own, out);
		buf_char(out, '\n');
	}
}

void config_print(const struct config *c, struct buf *out)
{
	buf_str(out, file_head);
	buf_str(out, "\n[gateway]\n");
	for (size_t i = 0; i < CONFIG_OPTIONS; i++)
		print_option(&config_rows[i], c, out);
	print_policy_example(c, out);
	for (size_t i = 0; i < c->n_policies; i++)
		print_policy(&c->policies[i], out);
}

/* ---- --help ---- */

static const char help_head[] =
	"roomcast-gateway " ROOMCAST_VERSION ": a WebSocket message broker.\n"
	"\n"
	"Usage: roomcast-gateway [--OPTION=VALUE]...\n"
	"\n"
	"Every option may stand in a file (--config), in the environment and on the command line:\n"
	"    max_rate = 50            under [gateway]; --print-config writes an example\n"
	"    ROOMCAST_MAX_RATE=50     stronger than the file\n"
	"    --max-rate=50            stronger than the environment; --max-rate 50 is the same\n"
	"Bytes may end in K, M or G, also KB or KiB: powers of 1024. SIGHUP reads the file again,\n"
	"SIGTERM sends the clients away and ends.\n";

static const char *placeholder(const struct config_row *r)
{
	switch (r->kind) {
	case CONFIG_NUMBER: return "=N";
	case CONFIG_BYTES: return "=BYTES";
	case CONFIG_FLAG: return "[=on|off]";
	case CONFIG_TEXT: return "=TEXT";
	case CONFIG_CHOICE: break;
	}
	return "=NAME";
}

static void help_option(const struct config_row *r, struct buf *out)
{
	buf_str(out, "  ");
	config_spell(FROM_FLAG, r->name, out);
	buf_printf(out, "%s\n      %s\n      ", placeholder(r), r->help);
	describe(r, out);
}

void config_help(struct buf *out)
{
	buf_str(out, help_head);
	buf_str(out, "\nInstead of running:\n");
	for (size_t i = 0; i < CONFIG_ACTIONS; i++) {
		const struct config_action_row *a = &config_actions[i];

		buf_str(out, "  ");
		config_spell(FROM_FLAG, a->name, out);
		if (a->letter != '\0')
			buf_printf(out, ", -%c", a->letter);
		buf_printf(out, "\n      %s\n", a->help);
	}
	buf_str(out, "\nOptions:\n");
	buf_printf(out, "  --config=FILE\n      %s\n", config_rows[CONFIG_ROW_config].help);
	for (size_t i = 0; i < CONFIG_OPTIONS; i++)
		help_option(&config_rows[i], out);
}
