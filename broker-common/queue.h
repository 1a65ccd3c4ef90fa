/*
 * What waits for one client: three lanes of message references, bounded.
 *
 * Lanes are taken in the order control, high, normal; a lane is a FIFO and a topic belongs to one
 * lane, so a topic keeps its order. High and normal share one limit (messages and bytes on the
 * wire); control (answers, errors) has one of its own. An empty queue takes any one message; the control lane
 * does while its bytes are below their limit, so that an answer of any size can be given.
 *
 * When a message does not fit, messages of topics whose policy allows it are given up, and a gap
 * stands where each stood; gaps next to each other are one. In this order, and within each step the
 * normal lane before the high one:
 *   - it is QUEUE_DROP_NEWEST: it is not taken; the gap stands at the end.
 *   - queued QUEUE_DROP_LOW_FIRST messages of class low, oldest first; the message itself
 *     if it is one of these;
 *   - queued QUEUE_DROP_OLDEST messages, oldest first;
 *   - queued QUEUE_DROP_NEWEST messages, newest first;
 *   - QUEUE_DROP_LOW_FIRST of class normal, then high, oldest first, never a higher
 *     class than the message's own while it can give way itself;
 *   - the message itself, unless it is QUEUE_DISCONNECT;
 *   - nothing left to give up: ERR_QUEUE_FULL, the queue is as it was, the caller closes.
 * Nothing is given up in vain: when all that may go would not make room, only the last two apply.
 * All of it costs O(1) amortised: cursors remember where the next victim can be.
 *
 * A message being sent (some of its fragments have gone) is never given up.
 */
#ifndef ROOMCAST_QUEUE_H
#define ROOMCAST_QUEUE_H

#include "broker-common/err.h"
#include "broker-common/message.h"

struct queue_limits {
	uint32_t messages, control_messages;
	size_t bytes, control_bytes; /* on the wire */
};

struct queue_lane; /* a ring, there only while something waits in it: idle clients own none */

struct queue {
	struct queue_lane *lane[LANES];
	struct message *current; /* partly taken; `offset` bytes of it have gone */
	uint32_t offset;
	uint32_t messages, control_messages; /* waiting, `current` included */
	size_t bytes, control_bytes;
	uint32_t gaps; /* places where a gap waits */
	uint8_t lane_of_current;
	bool held;      /* only the control lane may be taken */
	uint8_t untold; /* by reason, a bit: a gap for which there was no memory */
};

enum gap_reason { GAP_SLOW, GAP_TIER, GAP_OVERLOAD, GAP_REASONS };

void queue_init(struct queue *q);
void queue_fini(struct queue *q); /* drops every reference */

/* Take a reference of `m` for later. `*dropped` grows by the messages given up (`m` itself
 * included when it was the one; then the answer is still ERR_OK). ERR_QUEUE_FULL as above (for
 * the control lane: its own limit). ERR_INTERNAL: no memory. */
enum err queue_push(struct queue *q, const struct queue_limits *l, struct message *m,
                    uint32_t *dropped) must_check;

/* Let a gap for `topic` ("*": everything) stand at the end of `lane`. Never refused: gaps of a
 * lane's end merge, and one that names more than QUEUE_GAP_TOPICS topics becomes "*". */
#define QUEUE_GAP_TOPICS 16
void queue_gap(struct queue *q, enum lane lane, struct slice topic, enum gap_reason why,
               uint32_t count);

/* Copy whole frames into `out`, as many as fit (`room` ≥ MESSAGE_CHUNK + MESSAGE_CHUNK_HEAD), in
 * sending order (of a message in fragments, one); returns the bytes, 0 when there is nothing to send. `*taken` grows by the messages
 * completed (gaps are none), `*oldest_us`, UINT64_MAX at first, becomes the smallest born_us among
 * them where smaller and not 0. Gap frames are built here; without memory they wait. */
size_t queue_take(struct queue *q, struct budget *b, char *out, size_t room, uint32_t *taken,
                  uint64_t *oldest_us);

/* The smallest born_us known among the next message of each lane; UINT64_MAX: none. O(1). */
uint64_t queue_oldest_us(const struct queue *q);

/* Whether queue_take would give something. */
bool queue_has_output(const struct queue *q);

/* Memory is short: give up the QUEUE_DROP_LOW_FIRST messages of class low, with gaps of reason
 * GAP_OVERLOAD in their places. Returns how many. */
uint32_t queue_shed(struct queue *q);

/* Give up everything but the control lane (and what is half sent). Returns how many. */
uint32_t queue_clear_data(struct queue *q);

#endif
