/*
 * The floor: the least that a server can do and still deliver each message to each member of its
 * room, over TCP and RFC 6455. What a broker costs is told as a ratio to this.
 *
 * One epoll, one thread; no limits, heartbeats, JSON, time-outs or TLS. Its protocol has three
 * words, each the cheapest that still asks the same number of packets of both sides:
 *   to the client, behind the handshake:     {"type":"welcome"}
 *   `+ROOM` joins; the answer is             {"type":"ack","id":1}
 *   `ROOM PAYLOAD` publishes: every member of the room gets PAYLOAD as one text frame
 * Rooms are numbers.
 */
#ifndef ROOMCAST_BENCH_FLOOR_H
#define ROOMCAST_BENCH_FLOOR_H

#include <stdnoreturn.h>

enum floor_sends {
	FLOOR_EACH,     /* one send() for each member and message */
	FLOOR_COALESCED /* one send() for each member and turn of the loop, with all that is new */
};

/* Serve on this listening socket until the process is killed. */
noreturn void floor_serve(int listener, enum floor_sends sends);

#endif
