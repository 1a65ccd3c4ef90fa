/*
 * What top shows. top.c asks, top_sort.c puts in order, top_screen.c draws (ncurses is known only
 * there).
 */
#ifndef ROOMCAST_CTL_TOP_H
#define ROOMCAST_CTL_TOP_H

#include "tools/ctl/api.h"
#include "tools/ctl/rates.h"

enum top_part { TOP_STATS, TOP_NODES, TOP_ROOMS, TOP_CLIENTS, TOP_PARTS };

enum top_order { ORDER_BYTES, ORDER_BEHIND, ORDER_ROUND_TRIP, ORDER_SILENT, ORDERS };

struct top {
	struct answer parts[TOP_PARTS];     /* the last good answers; `object.p` NULL: none yet */
	struct pages nodes, rooms, clients; /* into those, in the order shown */
	struct rates rates;
	enum top_order order;
	bool paused, help;
	char trouble[512]; /* why the last round failed; "" when it did not */
};

extern const char *const top_order_words[ORDERS];

/* Sort what has just come: busiest rooms, slowest clients. */
void top_sort(struct top *t);

enum top_key { KEY_NONE, KEY_QUIT, KEY_CHANGED, KEY_PAUSE };

/* False: there is no terminal that can do it, which has been said. */
bool screen_open(void);
void screen_close(void);
void screen_draw(const struct top *t);

/* What was typed: changes `t`. KEY_NONE when there is nothing more. */
enum top_key screen_key(struct top *t);

#endif
