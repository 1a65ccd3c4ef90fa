/*
 * Three gateways' tiers and what they say, for the promises of gateway/tier/tier.h.
 *
 * Everything that comes back is written down, one line each, in two streams per node: what came
 * (messages, presence, questions) and what was answered; between the two the contract promises no
 * order. A promise reads line by line what it expects; a line left over at its end breaks it, and so
 * does a callback from inside a call, a second one, or one after the node was closed.
 */
#ifndef ROOMCAST_TEST_TIER_WORLD_H
#define ROOMCAST_TEST_TIER_WORLD_H

#include "broker-common/list.h"
#include "broker-common/topic.h"
#include "gateway/base/config.h"
#include "gateway/base/loop.h"
#include "gateway/base/metrics.h"
#include "gateway/tier/tier.h"

#define NODES 3
#define PRESENCE_MAX 100     /* unless an entry says otherwise */
#define ANY_TS 1700000000000 /* ts_ms of a message whose fields do not matter: not written down */
#define KEYS_MAX 3           /* the world's idempotency_keys and _ms */
#define KEYS_MS 1000

/* One backend: where its nodes meet, and how time passes there. */
struct tier_backend {
	const struct tier_ops *tier;

	/* Once for the program. NULL, or why there is nothing to try here. */
	const char *(*start)(void);
	void (*stop)(void);

	/* For each promise: a loop and what the nodes share; options besides, words with blanks. */
	struct loop *(*open)(void **medium);
	void (*close)(struct loop *loop, void *medium);
	const char *(*flags)(void);

	/* Let `ms` pass; what was under way has moved on by a step. */
	void (*pass)(struct loop *loop, uint64_t ms);
	uint64_t step_ms;
	int quiet_steps; /* so many steps without a word: nothing is under way any more */
};

struct lines {
	char **text;
	size_t n, read, room;
};

/* A presence notice as numbers. */
struct change {
	bool joined, edge;
	uint64_t rev, count, users;
};

struct node {
	struct tier *tier; /* NULL: closed */
	char id[NODE_ID_LEN + 1];
	int ups; /* times its link came up */
	struct lines came, answers;
	struct lines list; /* the last list that was answered, sorted: "CLIENT USER INFO" */
	struct change changes[1000];
	size_t n_changes;
};

struct world {
	const struct tier_backend *backend;
	struct loop *loop;
	void *medium;
	struct config *config;
	struct metrics metrics;
	struct node node[NODES];
	struct list asks;   /* every operation, answered or not (tier_ask.c) */
	size_t unanswered;  /* of nodes that are open */
	uint64_t heard;     /* callbacks so far */
	int inside;         /* calls of the tier under way */
	const char *broken; /* a rule of all calls that was broken, or NULL */
	struct {
		char topic[TOPIC_MAX];
		size_t n;
		uint64_t before;
	} first[16]; /* the first rev seen of a topic, less one */
	size_t n_first;
};
extern struct world world;

/* --- the world (tier_world.c) ---------------------------------------------------------------------- */

void world_open(const struct tier_backend *b);
void world_close(void); /* also after a failure, however far it had come */

/* Nodes 0 to NODES - 1, "node0000" and so on, are open at first. */
void node_open(int node); /* returns when it is up */
void node_close(int node);

/* Run until every answer has come and nothing is said any more. */
void settle(void);
void pass(uint64_t ms); /* at least so long, and then the same */

/* --- what was heard (tier_notes.c) ------------------------------------------------------------------- */

/* The next line of what came to a node, or of its answers, is this. `rev` is counted from the first
 * one seen of its topic, which is 1. */
void expect_came(int node, const char *line);
void expect_answer(int node, const char *line);
void expect_nothing(void);
void forget(void); /* take all lines as read */

/* Unread answers that begin with `start`. */
int count_answers(int node, const char *start);

/* The members of the last list that a node was given, sorted by bytes; NULL at the end. */
void expect_list(int node, const char *const members[]);

/* Of the changes that the node heard (`least` or more) each follows from the one before: `rev` and
 * `count` by one, `users` by one at an edge and else not. */
void expect_changes_follow(int node, size_t least);

/* How a payload stands in a line: as it is, or with its size and hash if it is long. Until called four
 * times more. */
const char *digest(struct slice text);

/* For the callbacks: one was called, in its turn. */
void heard(void);
void note(struct lines *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
void note_list(struct node *n, const struct member *members, size_t n_members);
long relative_rev(struct slice topic, uint64_t rev);
void lines_forget(struct lines *l);
extern const struct tier_events node_events; /* ctx: struct node */

/* --- asking: each goes on at once, its answer is there after settle() (tier_ask.c) -------------------- */

void subscribe(int node, const char *topic);
void unsubscribe(int node, const char *topic);

/* `then` runs inside the answer. */
void subscribe_then(int node, const char *topic, void (*then)(void));

void publish(int node, const char *topic, const char *payload);
void publish_with_key(int node, const char *topic, struct slice key);
void publish_message(int node, const struct tier_message *m);

/* Client NODEID-NAME; `user` NULL: none. The rest is said by `e`. */
void enter(int node, const char *topic, const char *name, const char *user, struct tier_entry e);
#define SEEN ((struct tier_entry){ .visible = true })
#define LISTED ((struct tier_entry){ .visible = true, .list = true })
#define UNSEEN ((struct tier_entry){ .visible = false })
void leave(int node, const char *topic, const char *name);

void ask_room(int node, const char *topic, uint64_t limit);
void ask_topics(int node, const char *prefix, const char *after, size_t limit);
void ask_nodes(int node); /* answered in byte order */
void call(int node, const char *callee, const char *request, uint64_t deadline_ms);

/* Nothing is promised any more to a node that asked and then closed. */
void asks_abandon(const struct node *n);
void asks_free(void);

#endif
