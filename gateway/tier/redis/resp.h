/*
 * Commands as Redis reads them: an array of bulk strings (Redis serialization protocol, RESP2).
 */
#ifndef ROOMCAST_REDIS_RESP_H
#define ROOMCAST_REDIS_RESP_H

#include "broker-common/buf.h"

#include <stdio.h>

/* The head of a command of `n` words; that many resp_* calls follow. */
static inline void resp_command(struct buf *b, size_t n)
{
	buf_char(b, '*');
	buf_u64(b, n);
	buf_add(b, "\r\n", 2);
}

static inline void resp_bulk_head(struct buf *b, size_t len)
{
	buf_char(b, '$');
	buf_u64(b, len);
	buf_add(b, "\r\n", 2);
}

static inline void resp_slice(struct buf *b, struct slice s)
{
	resp_bulk_head(b, s.n);
	buf_slice(b, s);
	buf_add(b, "\r\n", 2);
}

static inline void resp_text(struct buf *b, const char *text)
{
	resp_slice(b, slice_of(text));
}

static inline void resp_u64(struct buf *b, uint64_t v)
{
	char digits[24];
	int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)v);

	resp_slice(b, (struct slice){ digits, (size_t)n });
}

#endif
