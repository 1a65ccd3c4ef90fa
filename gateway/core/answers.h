/*
 * The answers of this gateway to what others ask; their rows are in ask.c.
 *
 * Each appends its whole answer, and answers false, having appended nothing of use, when the question makes
 * no sense. All but `deliver` answer with one JSON object:
 *
 *   node                          what inspect_nodes() tells of this one, without "self"
 *   stats                         what inspect_stats() tells of this one
 *   clients LIMIT [AFTER]         {"n":clients in all,"more":bool,"clients":[…]}, by id, behind AFTER
 *   room NAME LIMIT [AFTER]       the same of a room's members here
 *   user ID LIMIT [AFTER]         the same of a user's clients here
 *   client ID                     what inspect_client() tells; {} when it is not here
 *   disconnect-client ID, disconnect-user ID, disconnect-room NAME, kick-client ROOM ID,
 *   kick-user ROOM ID, drain      {"n":how many it was done to}
 */
#ifndef ROOMCAST_CORE_ANSWERS_H
#define ROOMCAST_CORE_ANSWERS_H

#include "gateway/core/state.h"

typedef bool answer(struct hub *h, struct slice what, struct buf *reply);

answer answer_node, answer_stats, answer_clients, answer_room, answer_user, answer_client;
answer answer_disconnect_client, answer_disconnect_user, answer_disconnect_room;
answer answer_kick_client, answer_kick_user, answer_drain;

/* The next argument, a name; false: there is none, or it is no name. */
bool ask_name(struct slice *what, struct slice *name);

/* Whether nothing is left, not even a blank. */
static inline bool ask_ends(struct slice what)
{
	return what.p == NULL;
}

#endif
