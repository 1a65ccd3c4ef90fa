/*
 * The Redis tier: what carries messages and membership between the gateways of a cluster. Each
 * operation is handed to the server that its topic belongs to.
 */
#include "gateway/tier/redis/redis.h"
#include "broker-common/log.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#define TELL_AGAIN_MS 10000 /* why it is down, when that has changed */

/* --- where things are ------------------------------------------------------------------------------ */

struct server *redis_partition_server(struct redis_tier *t, unsigned int partition)
{
	return &t->servers[place_server(partition, t->n_servers)];
}

struct server *redis_server(struct redis_tier *t, struct slice topic)
{
	return redis_partition_server(t, place_partition(topic));
}

struct slice redis_channel(const struct redis_tier *t, struct slice topic, char out[CHANNEL_MAX])
{
	size_t prefix = strlen(t->config->redis_prefix);

	assert(prefix <= 64 && topic.n <= TOPIC_MAX);
	memcpy(out, t->config->redis_prefix, prefix);
	out[prefix] = ':';
	memcpy(out + prefix + 1, topic.p, topic.n);
	return (struct slice){ out, prefix + 1 + topic.n };
}

/* A name with several addresses fails with another reason at each attempt. */
static bool is_news(const struct redis_tier *t, const char *reason)
{
	return strcmp(t->reason, reason) != 0 &&
		(t->told_ms == 0 || loop_now_ms(t->loop) >= t->told_ms + TELL_AGAIN_MS);
}

void redis_link(struct redis_tier *t, const char *reason)
{
	bool up = true;

	for (unsigned int i = 0; i < t->n_servers; i++)
		up &= t->servers[i].up;
	if (t->closing || (up && t->up) || (!up && reason == NULL) ||
	    (!up && !t->up && !is_news(t, reason)))
		return;
	t->up = up;
	t->told_ms = loop_now_ms(t->loop);
	snprintf(t->reason, sizeof t->reason, "%s", up ? "connected" : reason);
	t->ev->link(t->ctx, up, false, t->reason);
}

void redis_heard_again(struct server *s)
{
	struct redis_tier *t = s->t;

	if (!s->lost || t->closing)
		return;
	s->lost = false;
	t->metrics->tier_lost++;
	t->ev->link(t->ctx, t->up, true, t->reason);
}

/* --- operations ------------------------------------------------------------------------------------------ */

static enum err redis_subscribe(struct tier *t, struct slice topic, tier_done *done, void *ctx)
{
	return subs_want(redis_server(redis_of(t), topic), topic, done, ctx);
}

static void redis_unsubscribe(struct tier *t, struct slice topic)
{
	subs_drop(redis_server(redis_of(t), topic), topic);
}

static enum err redis_enter(struct tier *t, const struct tier_entry *e, tier_room_done *done,
                            void *ctx)
{
	return reg_enter(redis_server(redis_of(t), e->topic), e, done, ctx);
}

static void redis_leave(struct tier *t, struct slice topic, struct slice client)
{
	reg_leave(redis_server(redis_of(t), topic), topic, client);
}

static enum err redis_room(struct tier *t, struct slice topic, uint64_t limit, tier_room_done *done,
                           void *ctx)
{
	return reg_room(redis_server(redis_of(t), topic), topic, limit, done, ctx);
}

static enum err redis_read(struct tier *t, struct slice topic, uint64_t since, size_t limit,
                           tier_done *done, void *ctx)
{
	(void)t, (void)topic, (void)since, (void)limit, (void)done, (void)ctx;
	return ERR_NOT_SUPPORTED;
}

/* --- life -------------------------------------------------------------------------------------------------- */

static void redis_close(struct tier *tier)
{
	struct redis_tier *t = redis_of(tier);

	t->closing = true;
	for (unsigned int i = 0; i < t->n_servers; i++)
		redis_server_close(&t->servers[i]);
	calls_fini(t);
	free(t->servers);
	addresses_fini(&t->addresses);
	SSL_CTX_free(t->tls);
	buf_fini(&t->text);
	free(t);
}

static void redis_measure(struct tier *tier)
{
	struct redis_tier *t = redis_of(tier);

	t->metrics->tier_pending_commands = t->metrics->tier_pending_bytes = 0;
	for (unsigned int i = 0; i < t->n_servers; i++) {
		t->metrics->tier_pending_commands += t->servers[i].cmd.n_commands;
		t->metrics->tier_pending_bytes += conn_pending_bytes(&t->servers[i].cmd);
	}
}

static bool use_files(SSL_CTX *tls, const struct config *c)
{
	if (c->redis_ca[0] != '\0' ? SSL_CTX_load_verify_file(tls, c->redis_ca) != 1
	                           : SSL_CTX_set_default_verify_paths(tls) != 1)
		return false;
	if (c->redis_cert[0] == '\0')
		return true;
	return SSL_CTX_use_certificate_chain_file(tls, c->redis_cert) == 1 &&
		SSL_CTX_use_PrivateKey_file(tls, c->redis_key, SSL_FILETYPE_PEM) == 1 &&
		SSL_CTX_check_private_key(tls) == 1;
}

static bool make_tls(struct redis_tier *t)
{
	bool wanted = false;

	for (size_t i = 0; i < t->addresses.n; i++)
		wanted |= t->addresses.at[i].tls;
	if (!wanted)
		return true;
	t->tls = SSL_CTX_new(TLS_client_method());
	if (t->tls == NULL)
		return false;
	SSL_CTX_set_min_proto_version(t->tls, TLS1_2_VERSION);
	SSL_CTX_set_verify(t->tls, SSL_VERIFY_PEER, NULL);
	if (use_files(t->tls, t->config))
		return true;
	log_write(LOG_ERROR, "tier.tls_files", LOG_TEXT("ca", t->config->redis_ca),
	          LOG_TEXT("cert", t->config->redis_cert), LOG_TEXT("key", t->config->redis_key),
	          LOG_TEXT("error", ERR_reason_error_string(ERR_peek_last_error())), LOG_END);
	ERR_clear_error();
	return false;
}

static struct tier *redis_open(const struct tier_options *o, const struct tier_events *ev,
                               void *ctx)
{
	struct redis_tier *t = calloc(1, sizeof *t);
	struct buf error;

	if (t == NULL)
		return NULL;
	buf_init(&error);
	t->tier.ops = &tier_redis;
	t->loop = o->loop;
	t->config = o->config;
	t->metrics = o->metrics;
	t->ev = ev;
	t->ctx = ctx;
	memcpy(t->node, o->node.p, NODE_ID_LEN);
	snprintf(t->node_topic, sizeof t->node_topic, "node:%s", t->node);
	buf_init(&t->text);
	if (!addresses_parse(t->config->redis, &t->addresses, &error)) {
		log_write(LOG_ERROR, "tier.address", LOG_SLICE("error", buf_view(&error)), LOG_END);
		goto free_tier;
	}
	if (!make_tls(t))
		goto free_tls;
	t->n_servers = (unsigned int)t->addresses.n;
	t->servers = calloc(t->n_servers, sizeof *t->servers);
	if (t->servers == NULL)
		goto free_tls;
	calls_init(t);
	for (unsigned int i = 0; i < t->n_servers; i++)
		redis_server_open(&t->servers[i], t, i);
	buf_fini(&error);
	return &t->tier;

free_tls:
	SSL_CTX_free(t->tls);
	addresses_fini(&t->addresses);
free_tier:
	buf_fini(&error);
	free(t);
	return NULL;
}

const struct tier_ops tier_redis = {
	.name = "redis",
	.check = addresses_check,
	.open = redis_open,
	.close = redis_close,
	.measure = redis_measure,
	.publish = redis_publish,
	.subscribe = redis_subscribe,
	.unsubscribe = redis_unsubscribe,
	.enter = redis_enter,
	.leave = redis_leave,
	.room = redis_room,
	.topics = redis_topics,
	.nodes = redis_nodes,
	.call = redis_call,
	.read = redis_read,
};
