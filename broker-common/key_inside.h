/*
 * The struct of a key, for key.c and key_read.c alone.
 */
#ifndef ROOMCAST_KEY_INSIDE_H
#define ROOMCAST_KEY_INSIDE_H

#include "broker-common/key.h"

#include <openssl/types.h>
#include <stdint.h>

struct key {
	EVP_PKEY *pkey; /* NULL: a shared secret */
	uint32_t algs;  /* what it may be used for, as bits */
	char *id;       /* NULL: none; not terminated */
	size_t id_n;
	size_t secret_n;
	unsigned char secret[];
};

#endif
