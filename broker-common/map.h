/*
 * A hash map from bytes to things, intrusive: the node lives in the thing.
 *
 * The hash is SipHash-1-3 with a seed of the process's own, so that nobody outside can choose
 * names that collide. It grows by doubling and shrinks by halving (never inside map_each); what is
 * walked comes in no order.
 */
#ifndef ROOMCAST_MAP_H
#define ROOMCAST_MAP_H

#include "broker-common/slice.h"

#include <stdint.h>

struct map_node {
	struct map_node *next;
	uint32_t hash;
};

/* The key of what holds `n`; must not change while it is in a map. */
typedef struct slice map_key(const struct map_node *n);

struct map {
	struct map_node **slots;
	uint32_t n_slots; /* a power of two */
	uint32_t n;
	map_key *key;
	uint32_t walks; /* map_each() under way: its slots stay as they are */
};

/* Seed the hash of the whole process, once, before the first map is used. */
void map_seed(const uint64_t seed[2]);

uint64_t map_hash(struct slice key);

void map_init(struct map *m, map_key *key);
void map_fini(struct map *m); /* the things themselves are left alone */

struct map_node *map_find(const struct map *m, struct slice key);

/* False when out of memory. The key must not be in the map yet. */
bool map_add(struct map *m, struct map_node *n);

/* `n` must be in the map. */
void map_remove(struct map *m, struct map_node *n);

/* Call `each` for every thing; it may remove (and free) the one it is given, nothing else. */
void map_each(struct map *m, void (*each)(struct map_node *n, void *ctx), void *ctx);

#endif
