/*
 * RFC 6455 frames: their headers and their masking. The bench's clients and its floor server both
 * speak through these; they are inline because they run once for each delivery.
 */
#ifndef ROOMCAST_BENCH_FRAME_H
#define ROOMCAST_BENCH_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	FRAME_MORE = 0, /* a later piece of a message */
	FRAME_TEXT = 1,
	FRAME_BINARY = 2,
	FRAME_CLOSE = 8, /* this and above: control frames */
	FRAME_PING = 9,
	FRAME_PONG = 10
};

#define FRAME_HEADER_MAX 14
#define FRAME_RESERVED 0x70 /* bits of the first byte that stand for extensions */

struct frame {
	bool last, masked, reserved;
	uint8_t opcode;
	uint8_t header_bytes; /* the masking key included */
	uint64_t payload_bytes;
};

/* Read the header at `p`; false: it does not end within `have` bytes. */
static inline bool frame_parse(const uint8_t *p, size_t have, struct frame *f)
{
	uint8_t length;

	if (have < 2)
		return false;
	length = p[1] & 127;
	f->last = (p[0] & 0x80) != 0;
	f->reserved = (p[0] & FRAME_RESERVED) != 0;
	f->opcode = p[0] & 15;
	f->masked = (p[1] & 0x80) != 0;
	f->header_bytes = (uint8_t)(2 +
	                            (length == 126           ? 2
	                                     : length == 127 ? 8
	                                                     : 0) +
	                            (f->masked ? 4 : 0));
	if (have < f->header_bytes)
		return false;
	f->payload_bytes = length;
	if (length == 126)
		f->payload_bytes = (uint64_t)p[2] << 8 | p[3];
	if (length == 127) {
		f->payload_bytes = 0;
		for (int i = 2; i < 10; i++)
			f->payload_bytes = f->payload_bytes << 8 | p[i];
	}
	return true;
}

/* Bytes of a header without masking key. */
static inline size_t frame_header_bytes(uint64_t payload_bytes)
{
	return payload_bytes < 126 ? 2 : payload_bytes < 65536 ? 4 : 10;
}

/* Write the header of a whole message (no masking key yet, if `masked`); its length. */
static inline size_t frame_put_header(uint8_t *out, uint8_t opcode, uint64_t payload_bytes,
                                      bool masked)
{
	uint8_t mask_bit = masked ? 0x80 : 0;
	size_t n = frame_header_bytes(payload_bytes);

	out[0] = 0x80 | opcode;
	out[1] = mask_bit | (n == 2 ? (uint8_t)payload_bytes : n == 4 ? 126 : 127);
	for (size_t i = n; i > 2; i--, payload_bytes >>= 8)
		out[i - 1] = (uint8_t)payload_bytes;
	return n;
}

/* Mask or unmask in place, eight bytes at a time. */
static inline void frame_mask(uint8_t *p, size_t n, const uint8_t key[4])
{
	uint32_t narrow;
	uint64_t wide, word;
	size_t i = 0;

	memcpy(&narrow, key, 4);
	wide = (uint64_t)narrow << 32 | narrow;
	for (; i + 8 <= n; i += 8) {
		memcpy(&word, p + i, 8);
		word ^= wide;
		memcpy(p + i, &word, 8);
	}
	for (; i < n; i++)
		p[i] ^= key[i & 3];
}

#endif
