/*
 * Logins: what a token made of a connection: its user, its grants, its end.
 *
 * Without keys (open mode) there are none, and everybody may do everything that a room's policy leaves open.
 */
#ifndef ROOMCAST_LOGIN_H
#define ROOMCAST_LOGIN_H

#include "gateway/base/keys.h"
#include "gateway/core/grants.h"
#include "gateway/core/session.h"

struct login {
	struct session *session; /* NULL: none yet */
	struct grants *grants;
	struct timer timer; /* for the warning, then the end */
	struct slice user;  /* NULL: anonymous */
	struct slice info;  /* raw JSON, or NULL */
	struct slice id;    /* `jti`, or NULL */
	int64_t ends_ms;    /* since 1970; INT64_MAX: never */
	uint64_t max_rate;  /* 0: the configuration's */
	bool warned;
	char text[]; /* user, info, id */
};

/* Before a session is made: may it come in with this token (NULL: none)? ERR_OK: `*out` is its login, or NULL
 * where it needs none: open mode, anonymous clients, or a `hello` that will bring the token. Else
 * ERR_NOT_AUTHENTICATED, ERR_EXPIRED, ERR_UNAVAILABLE (the keys are being fetched) or ERR_INTERNAL. */
enum err login_admit(struct hub *h, struct slice token, struct slice address, bool hello,
                     struct login **out) must_check;
void login_free(struct login *l);

/* The session has its welcome: from now on it is warned, and closed (4002) when its token ends. */
void login_start(struct session *s);

/* The session is about to go. */
void login_stop(struct session *s);

/* Milliseconds to the end; UINT64_MAX: none. */
uint64_t login_left_ms(const struct session *s);

/* Frames a second, and what the token says of the client (raw JSON, or NULL). */
int64_t login_max_rate(const struct session *s);
struct slice login_info(const struct session *s);

/* Its `jti`, for logs; NULL: none. */
struct slice login_id(const struct session *s);

#endif
