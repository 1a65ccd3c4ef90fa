/*
 * A growing run of bytes, for building what will be sent.
 *
 * When memory runs out, `failed` is set and stays, and everything added from then on is left
 * out: check it once, at the end.
 */
#ifndef ROOMCAST_BUF_H
#define ROOMCAST_BUF_H

#include "broker-common/slice.h"

#include <stdint.h>

struct buf {
	char *p;
	size_t n, cap; /* bytes */
	bool failed;
};

void buf_init(struct buf *b);
void buf_fini(struct buf *b);

/* Empty it and keep the memory; `failed` starts anew. */
void buf_reset(struct buf *b);

/* Make room for `n` more bytes; false (and `failed`) when there is none. */
bool buf_reserve(struct buf *b, size_t n);

void buf_add(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, const char *text);
void buf_slice(struct buf *b, struct slice s);
void buf_char(struct buf *b, char c);
void buf_u64(struct buf *b, uint64_t v);
void buf_i64(struct buf *b, int64_t v);
__attribute__((format(printf, 2, 3))) void buf_printf(struct buf *b, const char *format, ...);

/* A JSON string with its quotes (RFC 8259 section 7). Every control character is escaped, DEL and
 * U+0080 to U+009F too; a byte that is not part of valid UTF-8 becomes U+FFFD. */
void buf_json(struct buf *b, struct slice s);

/* What it holds; valid until the next change. */
struct slice buf_view(const struct buf *b);

#endif
