/*
 * The receiving side of a WebSocket: whatever the bytes, and however they are cut, the outcome is
 * the same, nothing is read beyond them, and nothing stays charged.
 */
#include "gateway/server/reader.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	uint64_t hash;
	uint32_t messages, broken;
};

static void mix(struct outcome *o, char kind, const char *p, size_t n)
{
	o->hash = (o->hash ^ (uint64_t)kind) * 0x100000001b3u;
	for (size_t i = 0; i < n; i++)
		o->hash = (o->hash ^ (uint8_t)p[i]) * 0x100000001b3u;
}

static void on_message(void *ctx, char *text, size_t n)
{
	struct outcome *o = ctx;

	mix(o, 'm', text, n);
	memset(text, 0, n);
	o->messages++;
}

static void on_ping(void *ctx, struct slice s)
{
	if (s.n > 125)
		abort();
	mix(ctx, 'p', s.p, s.n);
}

static void on_pong(void *ctx, struct slice s)
{
	mix(ctx, 'o', s.p, s.n);
}

static void on_closed(void *ctx, int code, struct slice reason)
{
	mix(ctx, (char)code, reason.p, reason.n);
}

static void on_broken(void *ctx, enum close_why why)
{
	struct outcome *o = ctx;

	if (++o->broken > 1)
		abort();
	mix(o, (char)why, NULL, 0);
}

static const struct reader_events events = { on_message, on_ping, on_pong, on_closed, on_broken };

static struct outcome run(const uint8_t *data, size_t size, size_t most)
{
	struct outcome out = { 0xcbf29ce484222325u, 0, 0 };
	struct budget budget = { 0 };
	struct joiner joiner;
	struct reader r = { .left = 0 };
	struct reader_options o = { .events = &events,
		                    .ctx = &out,
		                    .joiner = &joiner,
		                    .limits = { &budget, 1u << 30, 4096 } };

	joiner_init(&joiner);
	for (size_t at = 0; at < size;) {
		size_t piece = size - at < most ? size - at : most, tail;
		char *buffer = malloc(READER_TAIL_MAX + piece), *exact;

		tail = reader_tail(&r, buffer);
		exact = malloc(tail + piece); /* so that one byte too far is seen */
		memcpy(exact, buffer, tail);
		memcpy(exact + tail, data + at, piece);
		reader_feed(&r, &o, exact, tail + piece);
		free(exact);
		free(buffer);
		at += piece;
	}
	reader_fini(&r, &o);
	joiner_fini(&joiner);
	if (budget.used != 0)
		abort();
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole = run(data, size, size == 0 ? 1 : size);
	struct outcome cut = run(data, size, 1 + size % 7);

	/* Behind a failure the cut decides where the reader stands, not before. */
	if (whole.broken != cut.broken || whole.messages != cut.messages)
		abort();
	if (whole.broken == 0 && whole.hash != cut.hash)
		abort();
	return 0;
}
