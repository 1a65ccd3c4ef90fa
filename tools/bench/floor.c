#include "tools/bench/floor.h"

#include "tools/bench/frame.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define INPUT_BYTES ((size_t)256 << 10)
#define EVENTS_PER_TURN 1024
#define ROOMS 65536
#define NO_ROOM ((uint32_t)-1)

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define WELCOME "{\"type\":\"welcome\"}"
#define ACK "{\"type\":\"ack\",\"id\":1}"

/* Bytes that could not be used or sent yet; `p` NULL, as it nearly always is: none. */
struct leftover {
	uint8_t *p;
	size_t n, room;
};

struct peer {
	int fd;              /* -1: gone, freed when the loop turns */
	uint32_t room, slot; /* its place among the room's members */
	bool open;           /* the handshake is done */
	struct leftover in, out;
	struct peer *next_gone;
};

struct room {
	struct peer **member;
	uint32_t count, slots;
	bool has_batch;
	struct leftover batch; /* FLOOR_COALESCED: frames of this turn */
};

static struct room rooms[ROOMS];
static uint32_t with_batch[ROOMS], with_batch_count;
static struct peer *gone;
static enum floor_sends mode;
static int epoll;
static uint8_t input[INPUT_BYTES];

static void append(struct leftover *l, const void *p, size_t n)
{
	if (l->n + n > l->room) {
		l->room = (l->n + n) * 2;
		l->p = realloc(l->p, l->room);
		if (l->p == NULL)
			abort();
	}
	memcpy(l->p + l->n, p, n);
	l->n += n;
}

static void drop(struct peer *p)
{
	if (p->fd < 0)
		return;
	close(p->fd);
	p->fd = -1;
	if (p->room != NO_ROOM) {
		struct room *r = &rooms[p->room];

		r->member[p->slot] = r->member[--r->count];
		r->member[p->slot]->slot = p->slot;
	}
	p->next_gone = gone;
	gone = p;
}

static void free_gone(void)
{
	while (gone != NULL) {
		struct peer *p = gone;

		gone = p->next_gone;
		free(p->in.p);
		free(p->out.p);
		free(p);
	}
}

/* ---- sending ---- */

static void watch(struct peer *p, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = p };

	epoll_ctl(epoll, EPOLL_CTL_MOD, p->fd, &e);
}

static void put(struct peer *p, const void *bytes, size_t n)
{
	ssize_t sent = 0;

	if (p->out.n == 0) {
		sent = send(p->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent == (ssize_t)n)
			return;
		if (sent < 0 && errno != EAGAIN)
			return; /* dead: epoll tells */
		if (sent < 0)
			sent = 0;
		watch(p, EPOLLIN | EPOLLOUT);
	}
	append(&p->out, (const uint8_t *)bytes + sent, n - (size_t)sent);
}

static void put_more(struct peer *p)
{
	ssize_t sent = send(p->fd, p->out.p, p->out.n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent <= 0)
		return;
	p->out.n -= (size_t)sent;
	memmove(p->out.p, p->out.p + sent, p->out.n);
	if (p->out.n > 0)
		return;
	free(p->out.p);
	p->out = (struct leftover){ 0 };
	watch(p, EPOLLIN);
}

static void put_text(struct peer *p, const char *text)
{
	uint8_t frame[128];
	size_t n = frame_put_header(frame, FRAME_TEXT, strlen(text), false);

	memcpy(frame + n, text, strlen(text));
	put(p, frame, n + strlen(text));
}

static void fan_out(const struct room *r, const void *bytes, size_t n)
{
	for (uint32_t i = 0; i < r->count; i++)
		put(r->member[i], bytes, n);
}

static void send_batches(void)
{
	for (uint32_t i = 0; i < with_batch_count; i++) {
		struct room *r = &rooms[with_batch[i]];

		fan_out(r, r->batch.p, r->batch.n);
		r->batch.n = 0;
		r->has_batch = false;
	}
	with_batch_count = 0;
}

/* ---- receiving ---- */

/* The frame to send is made in place: what stood before the payload is used up, and always longer
 * than the header (two bytes of room and blank, and four of masking key). */
static void publish(uint32_t number, uint8_t *payload, size_t n)
{
	struct room *r = &rooms[number];
	uint8_t *frame = payload - frame_header_bytes(n);

	frame_put_header(frame, FRAME_TEXT, n, false);
	n += (size_t)(payload - frame);
	if (mode == FLOOR_EACH) {
		fan_out(r, frame, n);
		return;
	}
	append(&r->batch, frame, n);
	if (!r->has_batch)
		with_batch[with_batch_count++] = number;
	r->has_batch = true;
}

static void join(struct peer *p, uint32_t number)
{
	struct room *r = &rooms[number];

	if (p->room != NO_ROOM)
		return;
	if (r->count == r->slots) {
		r->slots = r->slots == 0 ? 8 : r->slots * 2;
		r->member = realloc(r->member, r->slots * sizeof(struct peer *));
		if (r->member == NULL)
			abort();
	}
	p->room = number;
	p->slot = r->count;
	r->member[r->count++] = p;
	put_text(p, ACK);
}

static void take_text(struct peer *p, uint8_t *text, size_t n)
{
	bool joins = n > 0 && text[0] == '+';
	size_t i = joins;
	uint32_t room = 0;

	for (; i < n && text[i] >= '0' && text[i] <= '9'; i++)
		room = room * 10 + (uint32_t)(text[i] - '0');
	room %= ROOMS;
	if (joins)
		join(p, room);
	else if (i < n && text[i] == ' ')
		publish(room, text + i + 1, n - i - 1);
}

/* Use the whole frames among these bytes; how many bytes that was. */
static size_t take_frames(struct peer *p, uint8_t *bytes, size_t n)
{
	size_t at = 0;
	struct frame f;

	while (p->fd >= 0 && frame_parse(bytes + at, n - at, &f) &&
	       f.payload_bytes <= n - at - f.header_bytes) {
		uint8_t *payload = bytes + at + f.header_bytes;

		if (!f.masked || f.opcode == FRAME_CLOSE) {
			drop(p);
			break;
		}
		frame_mask(payload, f.payload_bytes, payload - 4);
		if (f.opcode == FRAME_TEXT)
			take_text(p, payload, f.payload_bytes);
		at += f.header_bytes + f.payload_bytes;
	}
	return at;
}

/* Answer the upgrade; how many bytes it was, 0: not all is there. */
static size_t take_upgrade(struct peer *p, const uint8_t *bytes, size_t n)
{
	static const char name[] = "\r\nSec-WebSocket-Key:";
	const uint8_t *end = memmem(bytes, n, "\r\n\r\n", 4);
	char request[4096], key[64], keyed[128], answer[256];
	uint8_t digest[SHA_DIGEST_LENGTH];
	const char *found;
	int length;

	if (end == NULL)
		return 0;
	snprintf(request, sizeof(request), "%.*s", (int)(end - bytes), bytes);
	found = strcasestr(request, name);
	if (found == NULL || sscanf(found + strlen(name), " %63[^\r]", key) != 1) {
		drop(p);
		return 0;
	}
	snprintf(keyed, sizeof(keyed), "%s" GUID, key);
	SHA1((const uint8_t *)keyed, strlen(keyed), digest);
	EVP_EncodeBlock((uint8_t *)keyed, digest, sizeof(digest));
	length = snprintf(
		answer, sizeof(answer),
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Accept: %s\r\n\r\n%c%c" WELCOME,
		keyed, 0x80 | FRAME_TEXT, (int)strlen(WELCOME));
	p->open = true;
	put(p, answer, (size_t)length);
	return (size_t)(end - bytes) + 4;
}

static void on_readable(struct peer *p)
{
	uint8_t *bytes = input;
	size_t used = 0, have;
	ssize_t n = recv(p->fd, input, sizeof(input), MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		drop(p);
		return;
	}
	if (n < 0)
		return;
	have = (size_t)n;
	if (p->in.n > 0) {
		append(&p->in, input, have);
		bytes = p->in.p;
		have = p->in.n;
	}
	if (!p->open)
		used = take_upgrade(p, bytes, have);
	if (p->open)
		used += take_frames(p, bytes + used, have - used);
	if (bytes == input) {
		if (used < have)
			append(&p->in, input + used, have - used);
		return;
	}
	p->in.n = have - used;
	memmove(p->in.p, p->in.p + used, p->in.n);
	if (p->in.n > 0)
		return;
	free(p->in.p);
	p->in = (struct leftover){ 0 };
}

static void accept_all(int listener)
{
	int fd, yes = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct peer *p = calloc(1, sizeof(*p));
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = p };

		if (p == NULL)
			abort();
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		p->fd = fd;
		p->room = NO_ROOM;
		epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
	}
}

noreturn void floor_serve(int listener, enum floor_sends sends)
{
	struct epoll_event event[EVENTS_PER_TURN], e = { .events = EPOLLIN };

	mode = sends;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
	for (;;) {
		int count = epoll_wait(epoll, event, EVENTS_PER_TURN, -1);

		for (int i = 0; i < count; i++) {
			struct peer *p = event[i].data.ptr;

			if (p == NULL)
				accept_all(listener);
			if (p != NULL && p->fd >= 0 && (event[i].events & EPOLLOUT))
				put_more(p);
			if (p != NULL && p->fd >= 0 &&
			    (event[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
				on_readable(p);
		}
		send_batches();
		free_gone();
	}
}
