/*
 * Who may use the API: who has a key, or, where none are configured, who is on this machine and no web page.
 */
#include "broker-common/log.h"
#include "gateway/server/api.h"

#include <arpa/inet.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <strings.h>

#define GUESSES_A_SECOND 10
#define TELL_MS 1000    /* between two lines in the log about wrong keys */
#define HEADER_MOST 512 /* bytes of Authorization: the longest key, and more */

static const struct http_refusal
	from_page = { 403, "forbidden", "this is not for web pages", NULL },
	bad_host = { 403, "forbidden", "the Host header must name this machine's loopback address",
	             NULL },
	needs_key = { 403, "forbidden",
	              "this needs api_keys_file, unless admin_listen is bound to loopback", NULL };

/* --- this machine ---------------------------------------------------------------------------------------------- */

bool admin_host_is_loopback(const char *host)
{
	struct in_addr four;
	char name[64];
	size_t n = strcspn(host, ":");
	const char *port;

	if (strncmp(host, "[::1]", 5) == 0)
		n = 5;
	port = host + n;
	if (*port == ':' && port[1 + strspn(port + 1, "0123456789")] != '\0')
		return false;
	if ((*port != ':' && *port != '\0') || n >= sizeof name)
		return false;
	memcpy(name, host, n);
	name[n] = '\0';
	if (strcmp(name, "[::1]") == 0 || strcasecmp(name, "localhost") == 0)
		return true;
	return inet_pton(AF_INET, name, &four) == 1 && ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* What only a browser sends, or what it can be tricked into sending. */
static const struct http_refusal *check_sender(const struct admin *a, struct lws *wsi)
{
	char host[128];

	if (!a->loopback)
		return &needs_key;
	if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) > 0)
		return &from_page;
	if (!http_header(wsi, WSI_TOKEN_HOST, host, sizeof host) || !admin_host_is_loopback(host))
		return &bad_host;
	return NULL;
}

/* --- keys -------------------------------------------------------------------------------------------------------- */

static void tell(struct admin *a, struct lws *wsi)
{
	uint64_t now = loop_now_ms(a->loop);
	char address[HTTP_ADDRESS_MAX];

	a->untold++;
	if (a->told_ms != 0 && now < a->told_ms + TELL_MS)
		return;
	log_write(LOG_WARN, "api.refused", LOG_SLICE("address", http_peer(wsi, address)),
	          LOG_NUM("times", a->untold), LOG_END);
	a->told_ms = now;
	a->untold = 0;
}

/* Above the rate a wrong key only hears that. A right one always passes: whoever floods us with wrong
 * ones must not lock the others out, and a key is too long to be guessed at any rate. */
static bool may_guess(struct admin *a)
{
	const int64_t most = GUESSES_A_SECOND * 1000;
	uint64_t now = loop_now_ms(a->loop), passed = now - a->guessed_ms;

	a->guessed_ms = now;
	a->guesses_milli += passed > 1000 ? most : (int64_t)passed * GUESSES_A_SECOND;
	if (a->guesses_milli > most)
		a->guesses_milli = most;
	if (a->guesses_milli < 1000)
		return false;
	a->guesses_milli -= 1000;
	return true;
}

static int refuse_key(struct admin *a, struct lws *wsi, bool given)
{
	bool keep_alive = admin_may_go_on(wsi);

	if (given) {
		tell(a, wsi);
		if (!may_guess(a))
			return admin_error(wsi, ERR_RATE_LIMITED,
			                   "too many wrong keys; wait a second",
			                   "Retry-After: 1\r\n", keep_alive);
	}
	return admin_error(wsi, ERR_NOT_AUTHENTICATED,
	                   given ? "this is no valid key"
	                         : "a key is needed: Authorization: Bearer KEY",
	                   given ? "WWW-Authenticate: Bearer realm=\"roomcast\", "
	                           "error=\"invalid_token\"\r\n"
	                         : "WWW-Authenticate: Bearer realm=\"roomcast\"\r\n",
	                   keep_alive);
}

static bool check_key(struct admin *a, struct lws *wsi, struct api_caller *who, int *answer)
{
	bool given = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_AUTHORIZATION) > 0;
	char header[HEADER_MOST];
	struct slice key = { NULL, 0 };

	if (http_header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, header, sizeof header))
		key = api_keys_bearer(slice_of(header));
	if (key.p != NULL)
		who->scopes = api_keys_scopes(a->keys, key, &who->key);
	lws_explicit_bzero(header, sizeof header);
	if (who->scopes != 0)
		return true;
	*answer = refuse_key(a, wsi, given);
	return false;
}

bool api_admit(struct admin *a, struct lws *wsi, struct api_caller *who, int *answer)
{
	const struct http_refusal *wrong;

	*who = (struct api_caller){ 0 };
	if (a->keys != NULL)
		return check_key(a, wsi, who, answer);
	who->scopes = API_READ | API_PUBLISH | API_ADMIN;
	wrong = check_sender(a, wsi);
	if (wrong == NULL)
		return true;
	*answer = admin_refuse(wsi, wrong);
	return false;
}
