#include "gateway/base/config_draft.h"

#include <ctype.h>
#include <stdlib.h>

#define PREFIX_MAX 64 /* bytes of redis_prefix */

static size_t row_index(const struct config_row *r)
{
	return (size_t)(r - config_rows);
}

static bool take_text(char **field, const char *text)
{
	char *copy = NULL;

	if (text != NULL && (copy = strdup(text)) == NULL)
		return false;
	free(*field);
	*field = copy;
	return true;
}

static bool out_of_memory(struct config_draft *d)
{
	buf_str(d->error, "out of memory");
	return false;
}

/* Begin the sentence about a value: a flag and a variable name the option, a line does not. */
static void say_where(struct config_draft *d, const struct config_row *r, enum config_source from)
{
	draft_where(d, r, from, d->error);
	buf_str(d->error, ": ");
	if (from == FROM_FILE || from == FROM_PROFILE)
		buf_printf(d->error, "%s: ", r->name);
}

bool draft_set(struct config_draft *d, const struct config_row *r, enum config_source from,
               const char *text)
{
	size_t i = row_index(r);
	int64_t number = 0;
	struct buf why;
	bool ok;

	buf_init(&why);
	ok = row_parse(r, text, &number, &why);
	if (!ok) {
		say_where(d, r, from);
		buf_slice(d->error, buf_view(&why));
	}
	buf_fini(&why);
	if (!ok || from < d->from[i])
		return ok;
	if (r->kind != CONFIG_TEXT)
		row_set(r, d->c, number);
	else if (!take_text(row_text(r, d->c), text))
		return out_of_memory(d);
	d->from[i] = from;
	return true;
}

bool draft_presets(struct config_draft *d)
{
	const struct config_row *profile = &config_rows[CONFIG_ROW_profile];

	if (d->from[CONFIG_ROW_profile] == FROM_PROFILE)
		row_set(profile, d->c, profile->preset[0]);
	for (size_t i = 0; i < CONFIG_ROWS; i++) {
		const struct config_row *r = &config_rows[i];

		if (d->from[i] != FROM_PROFILE)
			continue;
		if (r->kind != CONFIG_TEXT)
			row_set(r, d->c, r->preset[d->c->profile]);
		else if (!take_text(row_text(r, d->c), r->text))
			return out_of_memory(d);
	}
	return true;
}

/* ---- where it stood ---- */

void config_spell(enum config_source from, const char *name, struct buf *out)
{
	buf_str(out, from == FROM_FLAG ? "--" : from == FROM_ENVIRONMENT ? "ROOMCAST_" : "");
	for (; *name != '\0'; name++)
		if (from == FROM_FLAG && *name == '_')
			buf_char(out, '-');
		else if (from == FROM_ENVIRONMENT)
			buf_char(out, (char)toupper((unsigned char)*name));
		else
			buf_char(out, *name);
}

void draft_where(const struct config_draft *d, const struct config_row *r, enum config_source from,
                 struct buf *out)
{
	switch (from) {
	case FROM_PROFILE:
		buf_str(out, "profile ");
		row_print(&config_rows[CONFIG_ROW_profile], d->c, out);
		return;
	case FROM_FILE: buf_printf(out, "%s:%u", d->c->config, d->line[row_index(r)]); return;
	case FROM_ENVIRONMENT: buf_str(out, "environment "); break;
	case FROM_FLAG: buf_str(out, "flag "); break;
	}
	config_spell(from, r->name, out);
}

void draft_suggest(struct config_draft *d, enum config_source from, const struct nearest *n)
{
	if (n->name == NULL) {
		buf_str(d->error, "; --help names all of them");
		return;
	}
	buf_str(d->error, "; did you mean ");
	config_spell(from, n->name, d->error);
	buf_char(d->error, '?');
}

/* ---- what no value can be wrong in alone ---- */

/* "queue_bytes (2M, profile standard)". */
static void name_it(struct config_draft *d, size_t i)
{
	buf_printf(d->error, "%s (", config_rows[i].name);
	row_print(&config_rows[i], d->c, d->error);
	buf_str(d->error, ", ");
	draft_where(d, &config_rows[i], d->from[i], d->error);
	buf_char(d->error, ')');
}

static bool refuse_pair(struct config_draft *d, size_t a, const char *must_be, size_t b)
{
	name_it(d, a);
	buf_printf(d->error, " must be %s ", must_be);
	name_it(d, b);
	return false;
}

static bool check_address(struct config_draft *d, size_t i, const char *also)
{
	const struct config_row *r = &config_rows[i];
	char *text = *row_text(r, d->c), host[64];
	uint16_t port;

	if (config_split_address(text, host, &port))
		return true;
	say_where(d, r, d->from[i]);
	config_quote(d->error, slice_of(text));
	buf_printf(d->error,
	           " is not HOST:PORT; HOST is a numeric address (IPv6 in brackets), localhost or "
	           "* for any, PORT 0 to 65535%s",
	           also);
	return false;
}

static bool is_off(const char *admin_listen)
{
	return strcmp(admin_listen, "off") == 0;
}

static bool check_addresses(struct config_draft *d)
{
	char host[64], admin_host[64];
	uint16_t port, admin_port;

	if (!check_address(d, CONFIG_ROW_listen, ""))
		return false;
	if (is_off(d->c->admin_listen))
		return true;
	if (!check_address(d, CONFIG_ROW_admin_listen, "; off: no such listener"))
		return false;
	config_split_address(d->c->listen, host, &port);
	config_split_address(d->c->admin_listen, admin_host, &admin_port);
	if (port == 0 || port != admin_port || strcmp(host, admin_host) != 0)
		return true;
	return refuse_pair(d, CONFIG_ROW_listen, "another address than", CONFIG_ROW_admin_listen);
}

static bool prefix_ok(const char *prefix)
{
	size_t n = strlen(prefix);

	for (const char *p = prefix; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("_-.:", *p) == NULL)
			return false;
	return n > 0 && n <= PREFIX_MAX;
}

static bool check_redis(struct config_draft *d)
{
	const struct config_row *prefix = &config_rows[CONFIG_ROW_redis_prefix];
	struct config *c = d->c;

	if (!prefix_ok(c->redis_prefix)) {
		say_where(d, prefix, d->from[CONFIG_ROW_redis_prefix]);
		config_quote(d->error, slice_of(c->redis_prefix));
		buf_printf(d->error, " is not 1 to %d of A-Z a-z 0-9 _ - . :", PREFIX_MAX);
		return false;
	}
	if ((*c->redis_cert == '\0') != (*c->redis_key == '\0'))
		return refuse_pair(d, CONFIG_ROW_redis_cert, "given together with",
		                   CONFIG_ROW_redis_key);
	return true;
}

/* With keys a door that leaves tokens in logs of proxies is opened only by who says so, and one that
 * believes everybody not at all. */
static bool check_keys(struct config_draft *d)
{
	static const size_t keys[] = { CONFIG_ROW_jwt_hmac_secret_file,
		                       CONFIG_ROW_jwt_public_key_file, CONFIG_ROW_jwt_jwks_file,
		                       CONFIG_ROW_jwt_jwks_url };
	size_t i = 0;

	while (i < sizeof keys / sizeof *keys && **row_text(&config_rows[keys[i]], d->c) == '\0')
		i++;
	if (i == sizeof keys / sizeof *keys)
		return true;
	if (d->from[CONFIG_ROW_allow_query_token] == FROM_PROFILE)
		d->c->allow_query_token = false;
	if (!d->c->allow_user_param)
		return true;
	return refuse_pair(d, CONFIG_ROW_allow_user_param, "off with keys, as with", keys[i]);
}

bool draft_check(struct config_draft *d)
{
	const struct config *c = d->c;

	if (c->queue_bytes < 2 * c->max_message_bytes)
		return refuse_pair(d, CONFIG_ROW_queue_bytes, "at least twice",
		                   CONFIG_ROW_max_message_bytes);
	if (c->ping_interval_ms != 0 && c->client_timeout_ms <= c->ping_interval_ms)
		return refuse_pair(d, CONFIG_ROW_client_timeout_ms, "longer than",
		                   CONFIG_ROW_ping_interval_ms);
	if ((*c->tls_cert == '\0') != (*c->tls_key == '\0'))
		return refuse_pair(d, CONFIG_ROW_tls_cert, "given together with",
		                   CONFIG_ROW_tls_key);
	return check_addresses(d) && check_redis(d) && check_keys(d);
}
