#include "tools/ctl/table.h"
#include "tools/ctl/top.h"

#include "broker-common/json.h"

#include <stdlib.h>

const char *const top_order_words[ORDERS] = {
	[ORDER_BYTES] = "bytes waiting",
	[ORDER_BEHIND] = "age of what waits",
	[ORDER_ROUND_TRIP] = "round trip",
	[ORDER_SILENT] = "silence",
};

static const char *const order_fields[ORDERS] = {
	[ORDER_BYTES] = "queue.bytes",
	[ORDER_BEHIND] = "queue.oldest_ms",
	[ORDER_ROUND_TRIP] = "round_trip_us",
	[ORDER_SILENT] = "silent_ms",
};

/* Fields are looked up once, not at each comparison. */
struct ranked {
	int64_t value;
	size_t place; /* before: what is equal stays in its order, so that lines do not jump */
	struct slice item;
};

static int compare(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? 1 : -1;
	return x->place < y->place ? -1 : x->place > y->place;
}

/* Largest first. Without memory the order stays. */
static void rank(struct pages *p, const char *field)
{
	struct ranked *r = p->n == 0 ? NULL : calloc(p->n, sizeof(*r));

	if (r == NULL)
		return;
	for (size_t i = 0; i < p->n; i++)
		r[i] = (struct ranked){ field_int(p->items[i], field, -1), i, p->items[i] };
	qsort(r, p->n, sizeof(*r), compare);
	for (size_t i = 0; i < p->n; i++)
		p->items[i] = r[i].item;
	free(r);
}

void top_sort(struct top *t)
{
	rank(&t->rooms, "members");
	rank(&t->clients, order_fields[t->order]);
}
