/*
 * A real redis-server for one test program: empty, on a Unix socket in a directory of its own, and gone
 * with the program, however that ends.
 */
#ifndef ROOMCAST_TEST_REDIS_SERVER_H
#define ROOMCAST_TEST_REDIS_SERVER_H

struct redis_server;

/* Answers when it returns. NULL: there is none in PATH. Anything else that is wrong fails the test. */
struct redis_server *redis_server_start(void);

/* What `redis` says to reach it; valid until it is stopped. */
const char *redis_server_url(const struct redis_server *s);

/* Returns when it has done what had reached it before the call, on any connection. */
void redis_server_wait(struct redis_server *s);

/* Ends it and waits for its end. NULL is fine. */
void redis_server_stop(struct redis_server *s);

#endif
