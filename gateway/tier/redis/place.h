/*
 * Places: which partition a topic belongs to, and which Redis server a partition.
 *
 * Every gateway of a cluster must come to the same answer, whatever its version: nothing here may
 * ever change, only be added to.
 */
#ifndef ROOMCAST_PLACE_H
#define ROOMCAST_PLACE_H

#include "broker-common/slice.h"

#include <stdint.h>

#define PLACE_PARTITIONS 64u

/* 0 to PLACE_PARTITIONS - 1, from the topic's bytes. */
unsigned int place_partition(struct slice topic);

/* 0 to `servers` - 1. With one server more, only what moves to the new one moves. */
unsigned int place_server(unsigned int partition, unsigned int servers);

/* Jump consistent hash (Lamping and Veach): 0 to `buckets` - 1. */
uint32_t place_jump(uint64_t key, uint32_t buckets);

#endif
