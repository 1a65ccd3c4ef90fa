/*
 * What a client would see in bytes from queue_take().
 */
#ifndef ROOMCAST_FRAMES_H
#define ROOMCAST_FRAMES_H

#include "broker-common/slice.h"

struct seen_frame {
	struct slice text;
	unsigned int opcode;
	bool fin;
};

/* Step over the frame at `*at`; false when no whole unmasked frame with a short length is there. */
static inline bool next_frame(const char *bytes, size_t n, size_t *at, struct seen_frame *frame)
{
	const unsigned char *p = (const unsigned char *)bytes + *at;
	size_t left = n - *at, head = 2, length;

	*frame = (struct seen_frame){ .opcode = 0 };
	if (left < 2 || p[1] > 126)
		return false;
	length = p[1];
	if (p[1] == 126) {
		head = 4;
		if (left < 4)
			return false;
		length = (size_t)(p[2] << 8 | p[3]);
	}
	if (left < head + length)
		return false;
	frame->text = (struct slice){ bytes + *at + head, length };
	frame->opcode = p[0] & 15;
	frame->fin = (p[0] & 0x80) != 0;
	*at += head + length;
	return true;
}

#endif
