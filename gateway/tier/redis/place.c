#include "gateway/tier/redis/place.h"

#include <assert.h>

/* FNV-1a, 64 bits. Not our map's hash: that one has a seed, which differs from process to process. */
#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

unsigned int place_partition(struct slice topic)
{
	uint64_t hash = FNV_BASIS;

	for (size_t i = 0; i < topic.n; i++)
		hash = (hash ^ (unsigned char)topic.p[i]) * FNV_PRIME;
	return (unsigned int)(hash % PLACE_PARTITIONS);
}

uint32_t place_jump(uint64_t key, uint32_t buckets)
{
	uint64_t at = 0, next = 0;

	assert(buckets > 0);
	while (next < buckets) {
		at = next;
		key = key * UINT64_C(2862933555777941757) + 1;
		next = (uint64_t)((double)(at + 1) *
		                  ((double)(UINT64_C(1) << 31) / (double)((key >> 33) + 1)));
	}
	return (uint32_t)at;
}

unsigned int place_server(unsigned int partition, unsigned int servers)
{
	assert(partition < PLACE_PARTITIONS);
	return place_jump(partition, servers);
}
