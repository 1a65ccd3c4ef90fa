#include "broker-common/message.h"

#include <assert.h>
#include <stdlib.h>

#define STRIDE (MESSAGE_CHUNK + MESSAGE_CHUNK_HEAD)
#define SMALL_TEXT 125u /* the most that a 2-byte head can say */
#define SMALL_HEAD 2u

/* RFC 6455 section 5.2, first byte */
#define FIN 0x80u
#define OPCODE_TEXT 1u
#define CONTINUATION 0u

/* Whole chunks in front of the last one, which has 1 to MESSAGE_CHUNK bytes (0: an empty text). */
static size_t chunks_before_last(size_t text)
{
	return text == 0 ? 0 : (text - 1) / MESSAGE_CHUNK;
}

static size_t head_size(size_t text)
{
	return text <= SMALL_TEXT ? SMALL_HEAD : MESSAGE_CHUNK_HEAD;
}

/* Write one frame; where the next one begins. */
static char *put_frame(char *out, unsigned int first_byte, const char *text, size_t n)
{
	unsigned char head[MESSAGE_CHUNK_HEAD] = { (unsigned char)first_byte, (unsigned char)n };
	size_t head_n = head_size(n);

	if (head_n == MESSAGE_CHUNK_HEAD) {
		head[1] = 126; /* a 16-bit length follows */
		head[2] = (unsigned char)(n >> 8);
		head[3] = (unsigned char)n;
	}
	memcpy(out, head, head_n);
	if (n != 0)
		memcpy(out + head_n, text, n);
	return out + head_n + n;
}

struct message *message_new(struct budget *budget, struct slice text)
{
	size_t before = chunks_before_last(text.n), last = text.n - before * MESSAGE_CHUNK;
	size_t len = before * STRIDE + head_size(last) + last;
	unsigned int opcode = OPCODE_TEXT;
	struct message *m;
	char *out;

	if (len > UINT32_MAX - sizeof(*m))
		return NULL;
	m = malloc(sizeof(*m) + len);
	if (m == NULL)
		return NULL;
	*m = (struct message){ .budget = budget, .refs = 1, .len = (uint32_t)len };
	m->lane = LANE_CONTROL;
	m->policy = QUEUE_DISCONNECT;
	m->drop = DROP_NORMAL;
	out = m->bytes;
	for (size_t i = 0; i < before; i++) {
		out = put_frame(out, opcode, text.p + i * MESSAGE_CHUNK, MESSAGE_CHUNK);
		opcode = CONTINUATION;
	}
	out = put_frame(out, FIN | opcode, text.p == NULL ? NULL : text.p + text.n - last, last);
	assert(out == m->bytes + len);
	budget_take(budget, sizeof(*m) + len);
	return m;
}

void message_set_topic(struct message *m, size_t at, size_t n)
{
	size_t head = m->len <= SMALL_HEAD + SMALL_TEXT ? SMALL_HEAD : MESSAGE_CHUNK_HEAD;

	assert(n != 0 && at + n <= MESSAGE_CHUNK && head + at + n <= m->len);
	m->topic_at = (uint16_t)(head + at);
	m->topic_n = (uint16_t)n;
}

struct slice message_topic(const struct message *m)
{
	if (m->topic_n == 0)
		return (struct slice){ NULL, 0 };
	return (struct slice){ m->bytes + m->topic_at, m->topic_n };
}

void message_unref(struct message *m)
{
	if (m == NULL)
		return;
	assert(m->refs != 0);
	if (--m->refs != 0)
		return;
	budget_give(m->budget, sizeof(*m) + m->len);
	free(m);
}

size_t message_frames(const struct message *m, size_t at, size_t room)
{
	size_t left = m->len - at;

	assert(at <= m->len && at % STRIDE == 0);
	return left <= room ? left : room / STRIDE * STRIDE;
}
