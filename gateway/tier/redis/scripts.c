#include "gateway/tier/redis/scripts.h"

#include "gateway/tier/redis/resp.h"

#include <hiredis/hiredis.h>

#define SHA_LEN 40

#define SCRIPT(symbol, file, head)                                                                 \
	extern const char lua_##file##_lua[];                                                      \
	extern const size_t lua_##file##_lua_len;
#include "gateway/tier/redis/scripts.def"
extern const char lua_presence_lua[];
extern const size_t lua_presence_lua_len;

static const struct source {
	const char *name, *text;
	const size_t *len;
	bool head;
} sources[SCRIPTS] = {
#define SCRIPT(symbol, file, head)                                                                 \
	[SCRIPT_##symbol] = { #file, lua_##file##_lua, &lua_##file##_lua_len, head },
#include "gateway/tier/redis/scripts.def"
};

/* As Redis answers them: the same from every server, as they say nothing but the text. */
static char shas[SCRIPTS][SHA_LEN + 1];

const char *script_name(enum script which)
{
	return sources[which].name;
}

static bool is_sha(const struct redisReply *r)
{
	return r->type == REDIS_REPLY_STRING && r->len == SHA_LEN &&
		strspn(r->str, "0123456789abcdef") == SHA_LEN;
}

static void on_loaded(struct conn *c, const struct command *cmd, struct redisReply *r)
{
	struct server *s = c->o->owner;

	if (r == NULL)
		return;
	if (r->type == REDIS_REPLY_ERROR) {
		if (!server_error(s, r))
			conn_break(c, r->str);
		return;
	}
	if (!is_sha(r)) {
		conn_break(c, "an absurd answer to SCRIPT LOAD");
		return;
	}
	memcpy(shas[cmd->value], r->str, SHA_LEN);
	if (cmd->value != SCRIPTS - 1)
		return;
	s->scripts_loaded = true;
	server_step(s);
}

void scripts_load(struct server *s)
{
	struct buf *out = conn_out(&s->cmd);

	for (enum script i = 0; i < SCRIPTS; i++) {
		size_t head = sources[i].head ? lua_presence_lua_len : 0;
		struct command *cmd = conn_upkeep(&s->cmd, on_loaded);

		if (cmd == NULL) {
			conn_break(&s->cmd, "out of memory");
			return;
		}
		cmd->value = i;
		resp_command(out, 3);
		resp_text(out, "SCRIPT");
		resp_text(out, "LOAD");
		resp_bulk_head(out, head + *sources[i].len);
		buf_add(out, lua_presence_lua, head);
		buf_add(out, sources[i].text, *sources[i].len);
		buf_add(out, "\r\n", 2);
	}
}

static void begin(struct buf *out, enum script which, size_t keys, size_t args)
{
	resp_command(out, 3 + keys + args);
	resp_text(out, "EVALSHA");
	resp_slice(out, (struct slice){ shas[which], SHA_LEN });
	resp_u64(out, keys);
}

struct command *script_call(struct server *s, enum script which, size_t keys, size_t args,
                            command_reply *reply)
{
	struct command *cmd = conn_command(&s->cmd, reply);

	if (cmd != NULL)
		begin(conn_out(&s->cmd), which, keys, args);
	return cmd;
}

struct command *script_upkeep(struct server *s, enum script which, size_t keys, size_t args,
                              command_reply *reply)
{
	struct command *cmd = conn_upkeep(&s->cmd, reply);

	if (cmd != NULL)
		begin(conn_out(&s->cmd), which, keys, args);
	return cmd;
}

void script_key(struct server *s, unsigned int partition, const char *kind, struct slice name,
                struct slice more)
{
	struct buf *out = conn_out(&s->cmd);
	char tag[64 + 8];
	int n = snprintf(tag, sizeof tag, "{%s:%u}", s->t->config->redis_prefix, partition);
	size_t len = (size_t)n + strlen(kind);

	len += name.p == NULL ? 0 : 1 + name.n;
	len += more.p == NULL ? 0 : 1 + more.n;
	resp_bulk_head(out, len);
	buf_add(out, tag, (size_t)n);
	buf_str(out, kind);
	if (name.p != NULL)
		buf_char(out, ':');
	if (name.p != NULL)
		buf_slice(out, name);
	if (more.p != NULL)
		buf_char(out, ':');
	if (more.p != NULL)
		buf_slice(out, more);
	buf_add(out, "\r\n", 2);
}
