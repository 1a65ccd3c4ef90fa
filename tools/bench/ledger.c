#include "tools/bench/ledger.h"

#include <stdlib.h>
#include <string.h>

bool ledger_init(struct ledger *l, uint32_t rooms, uint32_t publishers, uint32_t subscribers,
                 uint32_t window)
{
	uint32_t slots = 1;

	memset(l, 0, sizeof(*l));
	l->rooms = rooms;
	l->publishers = publishers;
	l->subscribers = subscribers;
	l->streams = publishers == 0 ? 0 : rooms > publishers ? rooms : publishers;
	l->streams_per_room = (l->streams + rooms - 1) / rooms;
	while (slots < window)
		slots *= 2;
	l->window_mask = slots - 1;
	l->stream = calloc(l->streams + 1, sizeof(*l->stream));
	l->members = calloc(rooms, sizeof(*l->members));
	l->receipt = calloc((size_t)subscribers * l->streams_per_room + 1, sizeof(*l->receipt));
	if (l->stream == NULL || l->members == NULL || l->receipt == NULL)
		return false;
	for (uint32_t s = 0; s < l->streams; s++) {
		struct stream *stream = &l->stream[s];

		stream->room = s % rooms;
		stream->publisher = s % publishers;
		stream->window = window == 0 ? NULL : calloc(slots, sizeof(*stream->window));
		if (window != 0 && stream->window == NULL)
			return false;
	}
	return true;
}

void ledger_fini(struct ledger *l)
{
	for (uint32_t s = 0; l->stream != NULL && s < l->streams; s++)
		free(l->stream[s].window);
	free(l->stream);
	free(l->members);
	free(l->receipt);
	memset(l, 0, sizeof(*l));
}

static struct receipt *receipt_of(struct ledger *l, uint32_t subscriber, uint32_t stream)
{
	return &l->receipt[(size_t)subscriber * l->streams_per_room + stream / l->rooms];
}

void ledger_join(struct ledger *l, uint32_t room)
{
	l->members[room]++;
}

void ledger_gone(struct ledger *l, uint32_t subscriber, uint32_t room)
{
	l->members[room]--;
	for (uint32_t s = room; s < l->streams; s += l->rooms)
		l->expected -= l->stream[s].published - receipt_of(l, subscriber, s)->received;
}

uint32_t ledger_publish(struct ledger *l, uint32_t stream)
{
	struct stream *s = &l->stream[stream];
	uint32_t sequence = ++s->published;

	l->expected += l->members[s->room];
	if (s->window != NULL) {
		struct under_way *w = &s->window[sequence & l->window_mask];

		w->sequence = sequence;
		w->missing = l->members[s->room];
	}
	return sequence;
}

/* Note a sequence number that is not the next one; whether it is new. */
static bool note_odd(struct ledger *l, struct receipt *r, uint32_t sequence)
{
	uint32_t distance;

	if (sequence > r->newest) { /* a hole, which may still be filled late */
		distance = sequence - r->newest;
		r->seen = distance < 64 ? r->seen << distance | 1 : 1;
		r->newest = sequence;
		return true;
	}
	distance = r->newest - sequence;
	/* Beyond the bits nobody knows; calling it late keeps the count of lost ones honest. */
	if (distance < 64 && (r->seen >> distance & 1) != 0) {
		l->faults.duplicated++;
		return false;
	}
	if (distance < 64)
		r->seen |= 1ull << distance;
	l->faults.reordered++;
	return true;
}

bool ledger_receive(struct ledger *l, uint32_t subscriber, uint32_t room, uint32_t stream,
                    uint32_t sequence)
{
	struct stream *s = stream < l->streams ? &l->stream[stream] : NULL;
	struct under_way *w;
	struct receipt *r;

	if (s == NULL || s->room != room || sequence == 0 || sequence > s->published) {
		l->faults.misrouted++;
		return false;
	}
	r = receipt_of(l, subscriber, stream);
	if (sequence == r->newest + 1) {
		r->newest = sequence;
		r->seen = r->seen << 1 | 1;
	} else if (!note_odd(l, r, sequence)) {
		return false;
	}
	r->received++;
	l->received++;
	if (s->window == NULL)
		return false;
	w = &s->window[sequence & l->window_mask];
	return w->sequence == sequence && w->missing > 0 && --w->missing == 0;
}

void ledger_give_up(struct ledger *l, uint32_t publisher)
{
	for (uint32_t s = publisher; s < l->streams; s += l->publishers)
		if (l->stream[s].window != NULL)
			memset(l->stream[s].window, 0,
			       (l->window_mask + 1) * sizeof(*l->stream[s].window));
}

void ledger_close(struct ledger *l)
{
	l->faults.lost = l->received < l->expected ? l->expected - l->received : 0;
}
