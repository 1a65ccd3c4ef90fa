/*
 * Where the HTTP API is, and who we are there.
 *
 * Each of both comes from the flags, else from the environment (ROOMCAST_ENDPOINT, ROOMCAST_KEY),
 * else from ~/.config/roomcast/ctl.conf ($XDG_CONFIG_HOME is respected):
 *
 *     # comment
 *     endpoint = http://127.0.0.1:8001
 *     key_file = /etc/roomcast/read.key        or: key = SECRET
 */
#ifndef ROOMCAST_CTL_ENDPOINT_H
#define ROOMCAST_CTL_ENDPOINT_H

#include "tools/ctl/options.h"

#define ENDPOINT_DEFAULT "http://127.0.0.1:8001"

struct endpoint {
	char url[512];       /* http[s]://HOST[:PORT][/PATH], without the last slash */
	char host[256];      /* without the brackets of IPv6 */
	char key[1024];      /* "": none */
	uint16_t port;       /* the scheme's where the URL names none */
	bool insecure;       /* https: take any certificate */
	uint64_t timeout_ms; /* of one answer */
};

extern const struct option_row endpoint_options[];

/* Whether a flag named the endpoint or a key for it. */
bool endpoint_is_given(void);

/* For a command whose own options of these names come first: the key and the time as the flags
 * would have said them, after endpoint_options_ok(). False: it has been said what is wrong. */
bool endpoint_use_key(const char *key);
void endpoint_use_timeout(uint64_t ms);

/* Read all sources, into endpoint_get(). False: it has been said what is wrong. */
bool endpoint_options_ok(void);

const struct endpoint *endpoint_get(void);

/* Whether it is on this machine: a loopback address, or localhost. */
bool endpoint_is_local(const struct endpoint *e);

/* Take a URL apart into `e`; false with a sentence in `why`. */
bool endpoint_parse(struct endpoint *e, const char *url, char *why, size_t why_bytes);

/* One line of the file; false with a sentence in `why`. Values of `key_file` are left in `key_file`. */
struct endpoint_file {
	char endpoint[512], key[1024], key_file[1024]; /* "": not said */
};
bool endpoint_file_line(struct endpoint_file *f, char *line, char *why, size_t why_bytes);

#endif
