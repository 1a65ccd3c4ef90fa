#include "gateway/tier/memory/exchange.h"

#include <stdlib.h>

struct key {
	struct map_node node;
	struct list_node age;
	uint64_t until_ms;
	uint32_t len;
	char text[];
};

static struct slice key_text(const struct map_node *n)
{
	const struct key *k = container_of(n, const struct key, node);

	return (struct slice){ k->text, k->len };
}

void keys_init(struct keys *k, uint64_t most, uint64_t keep_ms)
{
	map_init(&k->map, key_text);
	list_init(&k->order);
	k->most = most;
	k->keep_ms = keep_ms;
}

static void forget(struct keys *k, struct key *key)
{
	list_remove(&key->age);
	map_remove(&k->map, &key->node);
	free(key);
}

void keys_fini(struct keys *k)
{
	struct list_node *n;

	while ((n = list_first(&k->order)) != NULL)
		forget(k, container_of(n, struct key, age));
	map_fini(&k->map);
}

/* All keys live equally long, so the oldest is the first to end. */
static void forget_old(struct keys *k, uint64_t now_ms)
{
	struct list_node *n;

	while ((n = list_first(&k->order)) != NULL) {
		struct key *key = container_of(n, struct key, age);

		if (key->until_ms > now_ms && k->map.n < k->most)
			return;
		forget(k, key);
	}
}

bool keys_claim(struct keys *k, struct slice text, uint64_t now_ms)
{
	struct map_node *n = map_find(&k->map, text);
	struct key *key = n == NULL ? NULL : container_of(n, struct key, node);

	if (key != NULL && key->until_ms > now_ms)
		return false;
	if (key != NULL)
		forget(k, key);
	if (k->most == 0)
		return true;
	forget_old(k, now_ms);
	key = malloc(sizeof *key + text.n);
	if (key == NULL)
		return true; /* sending twice is better than not at all */
	*key = (struct key){ .until_ms = now_ms + k->keep_ms, .len = (uint32_t)text.n };
	memcpy(key->text, text.p, text.n);
	if (!map_add(&k->map, &key->node)) {
		free(key);
		return true;
	}
	list_push(&k->order, &key->age);
	return true;
}

void keys_release(struct keys *k, struct slice text)
{
	struct map_node *n = map_find(&k->map, text);

	if (n != NULL)
		forget(k, container_of(n, struct key, node));
}
