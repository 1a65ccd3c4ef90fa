/*
 * How a connection comes about: connect, TLS, who we are, which database.
 */
#include "gateway/tier/redis/conn_inside.h"
#include "gateway/tier/redis/resp.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#define REPLY_ELEMENTS (1 << 20) /* of one array */

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct conn *c = ctx;

	(void)fd, (void)what;
	loop_refresh(c->o->loop);
	if (c->state == CONN_BROKEN)
		return;
	(void)conn_take_in(c);
	if (c->tls != NULL)
		conn_flush(c); /* the handshake may have waited for this */
}

static bool start_tls(struct conn *c)
{
	if (c->tls == NULL)
		return true;
	if (redisInitiateSSL(c->redis, c->tls) == REDIS_OK)
		return true;
	conn_break_with_errno(c);
	return false;
}

static void on_writable(evutil_socket_t fd, short what, void *ctx)
{
	struct conn *c = ctx;
	int error = 0;
	socklen_t len = sizeof error;

	(void)what;
	loop_refresh(c->o->loop);
	if (c->state == CONN_BROKEN)
		return;
	if (c->state == CONN_CONNECTING) {
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
			conn_break(c, strerror(error != 0 ? error : errno));
			return;
		}
		c->state = CONN_GREETING;
		if (!start_tls(c))
			return;
		event_add(c->readable, NULL);
	}
	conn_flush(c);
}

static void on_greeted(struct conn *c, const struct command *cmd, struct redisReply *r)
{
	(void)cmd;
	if (r == NULL || c->state == CONN_BROKEN)
		return;
	if (r->type == REDIS_REPLY_ERROR) {
		conn_break(c, r->str);
		return;
	}
	if (--c->greetings > 0)
		return;
	c->state = CONN_READY;
	c->o->ev->ready(c);
}

static bool greet_with(struct conn *c, size_t words, const char *first)
{
	if (conn_enter(c, on_greeted) == NULL)
		return false;
	c->greetings++;
	resp_command(&c->out, words);
	resp_text(&c->out, first);
	return true;
}

/* PING at the end: it is refused by a server that loads its data, or wants a password. */
static bool greet(struct conn *c, const struct conn_target *t)
{
	bool sent = true;

	c->greetings = 0;
	if (t->password != NULL) {
		sent = greet_with(c, t->user != NULL ? 3 : 2, "AUTH");
		if (sent && t->user != NULL)
			resp_text(&c->out, t->user);
		if (sent)
			resp_text(&c->out, t->password);
	}
	if (sent && t->database > 0 && (sent = greet_with(c, 2, "SELECT")))
		resp_u64(&c->out, t->database);
	if (sent && t->name != NULL && (sent = greet_with(c, 3, "CLIENT"))) {
		resp_text(&c->out, "SETNAME");
		resp_text(&c->out, t->name);
	}
	return sent && greet_with(c, 1, "PING");
}

static redisContext *dial(const struct conn_target *t)
{
	redisOptions o = { .options = REDIS_OPT_NONBLOCK };

	if (t->path != NULL)
		REDIS_OPTIONS_SET_UNIX(&o, t->path);
	else
		REDIS_OPTIONS_SET_TCP(&o, t->host, t->port);
	return redisConnectWithOptions(&o);
}

static SSL *make_tls(const struct conn_target *t)
{
	SSL *ssl = SSL_new(t->tls);

	if (ssl == NULL)
		return NULL;
	SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* hiredis looks at the chain only; whose certificate it is, is looked at here. */
	if (t->tls_name == NULL ||
	    (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), t->tls_name) != 1 &&
	     (SSL_set1_host(ssl, t->tls_name) != 1 ||
	      SSL_set_tlsext_host_name(ssl, t->tls_name) != 1))) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}

void conn_open(struct conn *c, const struct conn_target *t)
{
	struct event_base *base = loop_base(c->o->loop);

	assert(c->state == CONN_CLOSED);
	c->state = CONN_CONNECTING;
	c->answered_ms = loop_now_ms(c->o->loop);
	timer_set(&c->look, c->o->timeout_ms / 4 + 1);
	c->redis = dial(t);
	if (c->redis == NULL || c->redis->err != 0) {
		conn_break(c, c->redis == NULL ? "out of memory" : c->redis->errstr);
		return;
	}
	c->redis->reader->maxelements = REPLY_ELEMENTS;
	if (t->path == NULL)
		redisEnableKeepAlive(c->redis);
	c->readable = event_new(base, c->redis->fd, EV_READ | EV_PERSIST, on_readable, c);
	c->writable = event_new(base, c->redis->fd, EV_WRITE | EV_PERSIST, on_writable, c);
	if (t->tls != NULL)
		c->tls = make_tls(t);
	if (c->readable == NULL || c->writable == NULL || (t->tls != NULL && c->tls == NULL) ||
	    !greet(c, t)) {
		conn_break(c, "out of memory");
		return;
	}
	conn_want_write(c, true);
}
