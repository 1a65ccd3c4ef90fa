#include "broker-common/map.h"

#include <assert.h>
#include <stdlib.h>

#define FEWEST_SLOTS 16u
#define MOST_SLOTS (1u << 31)

static uint64_t seed[2];

void map_seed(const uint64_t s[2])
{
	seed[0] = s[0];
	seed[1] = s[1];
}

/* ---- SipHash-1-3 (Aumasson, Bernstein): one round for each word, three at the end ---- */

static inline uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

/* The same on every machine, so that what is derived from a hash may travel. */
static inline uint64_t little_endian(const unsigned char *p, size_t n)
{
	uint64_t word = 0;

	for (size_t i = 0; i < n; i++)
		word |= (uint64_t)p[i] << (8 * i);
	return word;
}

uint64_t map_hash(struct slice key)
{
	uint64_t v[4] = { seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d,
		          seed[0] ^ 0x6c7967656e657261, seed[1] ^ 0x7465646279746573 };
	const unsigned char *p = (const unsigned char *)key.p;
	size_t left = key.n;
	uint64_t word;

	for (; left >= 8; p += 8, left -= 8) {
		word = little_endian(p, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = (uint64_t)key.n << 56 | little_endian(p, left);
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- the map ---- */

void map_init(struct map *m, map_key *key)
{
	*m = (struct map){ .key = key };
}

void map_fini(struct map *m)
{
	if (m == NULL)
		return;
	free(m->slots);
	map_init(m, m->key);
}

/* Move everything into `n_slots` slots; false when there is no memory, and nothing has moved. */
static bool resize(struct map *m, uint32_t n_slots)
{
	struct map_node **slots = calloc(n_slots, sizeof(struct map_node *));
	struct map_node *n, *next;

	if (slots == NULL)
		return false;
	for (uint32_t i = 0; i < m->n_slots; i++) {
		for (n = m->slots[i]; n != NULL; n = next) {
			next = n->next;
			n->next = slots[n->hash & (n_slots - 1)];
			slots[n->hash & (n_slots - 1)] = n;
		}
	}
	free(m->slots);
	m->slots = slots;
	m->n_slots = n_slots;
	return true;
}

/* Below a quarter, so that a map which wavers around a size is not resized each time. */
static void shrink(struct map *m)
{
	if (m->walks != 0)
		return;
	if (m->n == 0) {
		map_fini(m);
		return;
	}
	while (m->n_slots > FEWEST_SLOTS && m->n < m->n_slots / 4) {
		if (!resize(m, m->n_slots / 2))
			return; /* no memory for less memory: it stays large, nothing is lost */
	}
}

struct map_node *map_find(const struct map *m, struct slice key)
{
	struct map_node *n;
	uint32_t hash;

	if (m->n == 0)
		return NULL;
	hash = (uint32_t)map_hash(key);
	for (n = m->slots[hash & (m->n_slots - 1)]; n != NULL; n = n->next) {
		if (n->hash == hash && slice_eq(m->key(n), key))
			return n;
	}
	return NULL;
}

bool map_add(struct map *m, struct map_node *n)
{
	struct map_node **slot;

	assert(m->walks == 0);
	if (m->n_slots == 0 && !resize(m, FEWEST_SLOTS))
		return false;
	if (m->n == m->n_slots && (m->n_slots == MOST_SLOTS || !resize(m, m->n_slots * 2)))
		return false;
	n->hash = (uint32_t)map_hash(m->key(n));
	slot = &m->slots[n->hash & (m->n_slots - 1)];
	n->next = *slot;
	*slot = n;
	m->n++;
	return true;
}

void map_remove(struct map *m, struct map_node *n)
{
	struct map_node **link;

	assert(m->n != 0);
	link = &m->slots[n->hash & (m->n_slots - 1)];
	while (*link != n) {
		assert(*link != NULL);
		link = &(*link)->next;
	}
	*link = n->next;
	n->next = NULL;
	m->n--;
	shrink(m);
}

void map_each(struct map *m, void (*each)(struct map_node *n, void *ctx), void *ctx)
{
	struct map_node *n, *next;

	m->walks++;
	for (uint32_t i = 0; i < m->n_slots; i++) {
		for (n = m->slots[i]; n != NULL; n = next) {
			next = n->next;
			each(n, ctx);
		}
	}
	m->walks--;
	shrink(m);
}
