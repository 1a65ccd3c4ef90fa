/*
 * An inquiry: one thing that an operator asked, from the call to its answer.
 *
 * It asks one gateway or all of them, keeps what they say, and when the last has answered (or will
 * not) calls `finish`, which writes `out` from it. What others say is checked to be one JSON object.
 */
#ifndef ROOMCAST_CORE_INQUIRY_H
#define ROOMCAST_CORE_INQUIRY_H

#include "gateway/core/inspect.h"
#include "gateway/core/state.h"

/* Who is asked, and what it said. */
struct source {
	struct inquiry *inquiry;
	char node[NODE_ID_LEN];
	enum err e;          /* why there is no answer */
	struct slice answer; /* one JSON object, ours; NULL: none */
};

struct known_member; /* inspect.c */

struct inquiry {
	struct list_node node; /* of hub.inquiries */
	struct hub *hub;
	inspect_done *done;
	void *ctx;
	void (*finish)(struct inquiry *q); /* ends it */
	struct buf question, out;
	struct source *sources; /* by node id */
	size_t n_sources;
	uint32_t waiting;
	size_t bytes; /* of the answers */

	/* what it is about; `name`, `other` and `after` are copies, NULL where there is none */
	struct slice name, other, after;
	size_t limit;
	size_t n;                     /* found so far */
	uint32_t rounds;              /* pages of the registry looked at */
	struct tier_room room;        /* without members */
	struct known_member *members; /* those that say something of themselves, by client */
	size_t n_members;
	struct buf infos; /* what `members` point to */
	char text[];
};

/* NULL: `*e` says why. Not started yet: inquiry_free() undoes it. */
struct inquiry *inquiry_new(struct hub *h, struct slice name, struct slice other,
                            struct slice after, inspect_done *done, void *ctx, enum err *e);
void inquiry_free(struct inquiry *q);

/* Ask `question` of one gateway, or of all that live. Not ERR_OK: `finish` does not come. Else the tier's
 * own failure ends the inquiry without it. */
enum err inquiry_ask(struct inquiry *q, struct slice node, void (*finish)(struct inquiry *q))
	must_check;
enum err inquiry_ask_all(struct inquiry *q, void (*finish)(struct inquiry *q)) must_check;

/* Let the sources know that what this one said makes no sense. */
void inquiry_refuse(struct source *s);

/* `,"unanswered":[…]` when there are any; and whether. */
bool inquiry_has_unanswered(const struct inquiry *q);
void inquiry_write_unanswered(struct inquiry *q);

/* Call `done` with `out` (ERR_OK) or without, and free it. */
void inquiry_end(struct inquiry *q, enum err e);

/* For hub_close(): answers will not come any more. */
void inquiry_forget(struct hub *h);

#endif
