/*
 * A message: bytes as they go to the socket, made once and shared by all who wait for it.
 *
 * `bytes` holds one WebSocket text message from the server (RFC 6455 section 5: unmasked). Up to
 * MESSAGE_CHUNK bytes of text it is one frame; above, it is framed as fragments of MESSAGE_CHUNK
 * bytes, each with a header of MESSAGE_CHUNK_HEAD bytes, so that chunk i starts at
 * i * (MESSAGE_CHUNK + MESSAGE_CHUNK_HEAD) and a slow reader never holds more than one of them
 * outside our queue. The bytes never change.
 */
#ifndef ROOMCAST_MESSAGE_H
#define ROOMCAST_MESSAGE_H

#include "broker-common/budget.h"
#include "broker-common/slice.h"

#include <stdint.h>

#define MESSAGE_CHUNK 16384u  /* bytes of text in a fragment */
#define MESSAGE_CHUNK_HEAD 4u /* bytes: opcode, 126, 16-bit length */

/* `priority` of a publish: who is let go first when a queue is short. */
enum drop_class { DROP_LOW, DROP_NORMAL, DROP_HIGH, DROP_CLASSES };

/* Which FIFO of a client it waits in; it belongs to the topic, so a topic keeps its order. */
enum lane { LANE_CONTROL, LANE_HIGH, LANE_NORMAL, LANES };

/* What a full queue does with messages of a topic. */
enum queue_policy {
	QUEUE_DISCONNECT,
	QUEUE_DROP_OLDEST,
	QUEUE_DROP_NEWEST,
	QUEUE_DROP_LOW_FIRST,
	QUEUE_POLICIES
};

struct message {
	struct budget *budget;
	uint64_t born_us; /* wall clock of its publish; 0: none */
	uint32_t refs;
	uint32_t len;               /* bytes on the wire, frame headers included */
	uint16_t topic_at, topic_n; /* where its topic stands in `bytes`; topic_n 0: none */
	uint8_t lane;               /* enum lane */
	uint8_t policy;             /* enum queue_policy */
	uint8_t drop;               /* enum drop_class */
	char bytes[];
};

/* Frame `text` (UTF-8 JSON): one reference, the caller's; control lane, no topic, until the
 * caller says otherwise. `budget` is charged until the last reference goes. NULL: no memory. */
struct message *message_new(struct budget *budget, struct slice text);

/* Say that the topic stands at `at` in the text that was framed (within the first chunk). */
void message_set_topic(struct message *m, size_t at, size_t n);
struct slice message_topic(const struct message *m);

static inline struct message *message_ref(struct message *m)
{
	m->refs++;
	return m;
}

void message_unref(struct message *m);

/* Bytes of the whole frames that start at `at` (the start of a chunk) and fit into `room`; 0 when
 * not even the first does. Chunks of one message are whole frames each. */
size_t message_frames(const struct message *m, size_t at, size_t room);

#endif
