#include "tools/bench/options.h"

#include <stdio.h>
#include <string.h>

#define SETTINGS(...)                                                                              \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

static const struct scene scenes[] = {
	{ "one-room", "1 room of 1000, 1 publisher, one message under way",
	  SETTINGS("subscribers=1000", "rooms=1", "publishers=1", "window=1") },
	{ "one-room-window", "1 room of 1000, 1 publisher, 64 messages under way",
	  SETTINGS("subscribers=1000", "rooms=1", "publishers=1", "window=64") },
	{ "many-rooms", "100 rooms of 10, 10 publishers, each with 16 messages under way",
	  SETTINGS("subscribers=1000", "rooms=100", "publishers=10", "window=16") },
	{ "rate20k", "100 rooms of 10, 10 publishers, 2000 messages/s in all: 20 000 deliveries/s",
	  SETTINGS("subscribers=1000", "rooms=100", "publishers=10", "rate=2000", "duration=5") },
	{ "idle", "10 000 clients in 1000 rooms, nobody publishes: memory per connection",
	  SETTINGS("subscribers=10000", "rooms=1000", "publishers=0", "idle=2") },
	{ "idle-tls", "the same over TLS (with --endpoint: give a wss:// one)",
	  SETTINGS("subscribers=10000", "rooms=1000", "publishers=0", "idle=2", "gateway-tls",
	           "timeout=60") },
	{ "connect", "5000 clients connect and join 500 rooms: CPU per connect",
	  SETTINGS("subscribers=5000", "rooms=500", "publishers=0") },
};

#define SCENES (sizeof(scenes) / sizeof(scenes[0]))

const struct scene *scene_find(const char *name)
{
	for (size_t i = 0; i < SCENES; i++)
		if (strcmp(scenes[i].name, name) == 0)
			return &scenes[i];
	return NULL;
}

void scenes_print(void)
{
	for (size_t i = 0; i < SCENES; i++) {
		printf("  %-16s %s\n  %-16s  ", scenes[i].name, scenes[i].help, "");
		for (const char *const *s = scenes[i].settings; *s != NULL; s++)
			printf(" --%s", *s);
		putchar('\n');
	}
}
