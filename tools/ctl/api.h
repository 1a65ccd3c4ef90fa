/*
 * The HTTP API of a gateway: paths, answers that have been checked, lists over their pages.
 *
 * What goes wrong is said in a sentence that tells what to do.
 */
#ifndef ROOMCAST_CTL_API_H
#define ROOMCAST_CTL_API_H

#include "broker-common/buf.h"

struct http_call;

/* A path: "/v1/rooms/" and a name, escaped; then ?NAME=VALUE or &NAME=VALUE. */
void path_add(struct buf *path, const char *name);
void query_add(struct buf *path, const char *name, const char *value);

/* An answer: an object. It lies in `text` and is valid as long as that. */
struct answer {
	struct buf text;
	struct slice object;
	int status; /* 0: nobody could be reached, and that has been said */
};
void answer_init(struct answer *a);
void answer_fini(struct answer *a);

/* GET, or POST `body` when that has a `p`. False: it has been said why, `a->status` is set all the
 * same. `missing` is what to say when the answer is 404 "gone". */
bool api_ask(struct answer *a, const char *path, struct slice body, const char *missing);

/* The object that a finished call brought. False with a sentence in `why`. */
bool api_read(struct slice text, int status, struct slice *object, char *why, size_t why_bytes);

/* A list that comes in pages. */
struct pages {
	struct answer *answers; /* one a page */
	size_t n_answers;
	struct slice *items; /* of all pages */
	size_t n, cap;
	bool cut; /* there would be more than the limit */
};

/* Ask `path` for page after page of the list `name`, at most `limit` items. False: said why. */
bool api_pages(struct pages *p, const char *path, const char *name, uint64_t limit,
               const char *missing);
/* Add the elements of one list that lies elsewhere. False: out of memory, which has been said. */
bool pages_take(struct pages *p, struct slice list);

void pages_fini(struct pages *p);

/* Say which nodes did not answer, if any: what only they know is missing. Returns whether all did. */
bool api_all_answered(struct slice object);

void api_close(void);

#endif
