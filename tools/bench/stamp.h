/*
 * Stamps: what a payload carries so that its journey can be judged.
 *
 * A mark that belongs to this run, stream, sequence number and the time at which the message was
 * due. Numbers are spelled with one letter A to P for four bits: safe in JSON, fixed in width, and
 * read with a few shifts, since a subscriber reads one for each delivery.
 */
#ifndef ROOMCAST_BENCH_STAMP_H
#define ROOMCAST_BENCH_STAMP_H

#include <stdint.h>
#include <string.h>

#define STAMP_MARK_BYTES 8
#define STAMP_BYTES 40 /* mark 8, stream 8, sequence 8, due 16 */

struct stamp {
	uint32_t stream, sequence;
	uint64_t due_ns;
};

static inline uint64_t stamp_spell(uint32_t number)
{
	uint64_t v = number;

	v = (v | v << 16) & 0x0000ffff0000ffffull;
	v = (v | v << 8) & 0x00ff00ff00ff00ffull;
	v = (v | v << 4) & 0x0f0f0f0f0f0f0f0full;
	return v + 0x4141414141414141ull;
}

static inline uint32_t stamp_unspell(uint64_t letters)
{
	uint64_t v = letters - 0x4141414141414141ull;

	v = (v | v >> 4) & 0x00ff00ff00ff00ffull;
	v = (v | v >> 8) & 0x0000ffff0000ffffull;
	return (uint32_t)(v | v >> 16);
}

static inline void stamp_write(char *out, uint64_t mark, const struct stamp *s)
{
	uint64_t word[5] = { mark, stamp_spell(s->stream), stamp_spell(s->sequence),
		             stamp_spell((uint32_t)(s->due_ns >> 32)),
		             stamp_spell((uint32_t)s->due_ns) };

	memcpy(out, word, STAMP_BYTES);
}

/* What stands at `in`, which begins with the mark and is STAMP_BYTES long. */
static inline struct stamp stamp_read(const char *in)
{
	uint64_t word[5];

	memcpy(word, in, STAMP_BYTES);
	return (struct stamp){ .stream = stamp_unspell(word[1]),
		               .sequence = stamp_unspell(word[2]),
		               .due_ns = (uint64_t)stamp_unspell(word[3]) << 32 |
		                       stamp_unspell(word[4]) };
}

#endif
