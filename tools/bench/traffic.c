#include "tools/bench/traffic.h"

#include "tools/bench/clock.h"

#include <stdlib.h>
#include <string.h>

/* A publisher whose server does not read: nothing more is put behind this much. */
#define UNSENT_MAX ((size_t)4 << 20)
#define STALL_NS (2 * NS_PER_SECOND)

static void make_eager(struct traffic *t, struct publisher *p)
{
	if (p->is_eager)
		return;
	p->is_eager = true;
	t->eager[t->eager_count++] = p;
}

static bool write_texts(struct traffic *t)
{
	const struct dialect *d = t->crowd->plan.dialect;
	size_t padding = t->plan.payload_bytes - STAMP_BYTES;

	t->tail_bytes = padding + strlen(d->publish_tail);
	t->tail = malloc(t->tail_bytes + 1);
	t->head = calloc(t->ledger.streams + 1, sizeof(*t->head));
	if (t->tail == NULL || t->head == NULL)
		return false;
	memset(t->tail, 'x', padding);
	memcpy(t->tail + padding, d->publish_tail, strlen(d->publish_tail));
	for (uint32_t s = 0; s < t->ledger.streams; s++) {
		buf_init(&t->head[s]);
		buf_printf(&t->head[s], "%s%u%s", d->publish_head, t->ledger.stream[s].room,
		           d->publish_middle);
		if (t->head[s].failed)
			return false;
	}
	return true;
}

bool traffic_init(struct traffic *t, struct crowd *crowd, const struct traffic_plan *plan)
{
	const struct crowd_plan *c = &crowd->plan;

	memset(t, 0, sizeof(*t));
	t->plan = *plan;
	t->crowd = crowd;
	t->publisher = calloc(c->publishers + 1, sizeof(*t->publisher));
	t->eager = calloc(c->publishers + 1, sizeof(struct publisher *));
	if (!ledger_init(&t->ledger, c->rooms, c->publishers, c->subscribers, plan->window))
		return false;
	if (t->publisher == NULL || t->eager == NULL || !write_texts(t))
		return false;
	for (uint32_t i = 0; i < c->publishers; i++) {
		t->publisher[i].client = &crowd->client[c->subscribers + i];
		t->publisher[i].next_stream = i;
	}
	return true;
}

void traffic_fini(struct traffic *t)
{
	for (uint32_t s = 0; t->head != NULL && s < t->ledger.streams; s++)
		buf_fini(&t->head[s]);
	free(t->head);
	free(t->tail);
	free(t->eager);
	free(t->publisher);
	ledger_fini(&t->ledger);
	memset(t, 0, sizeof(*t));
}

void traffic_delivered(void *traffic, struct client *c, const struct stamp *s, size_t wire_bytes)
{
	struct traffic *t = traffic;
	uint64_t now = c->conn.net->read_ns;
	struct publisher *p;

	if (client_is_publisher(c)) { /* it joined nothing */
		t->ledger.faults.misrouted++;
		return;
	}
	t->deliveries++;
	t->wire_bytes += wire_bytes;
	if (t->in_span)
		t->span_deliveries++;
	if (s->due_ns >= t->span_begin_ns && s->due_ns < t->span_end_ns)
		histogram_add(&t->latency, now > s->due_ns ? now - s->due_ns : 0);
	if (!ledger_receive(&t->ledger, c->index, c->room, s->stream, s->sequence))
		return;
	p = &t->publisher[t->ledger.stream[s->stream].publisher];
	p->progress_ns = now;
	if (p->under_way > 0)
		p->under_way--;
	make_eager(t, p);
}

void traffic_gone(void *traffic, struct client *c)
{
	struct traffic *t = traffic;

	if (!client_is_publisher(c))
		ledger_gone(&t->ledger, c->index, c->room);
}

void traffic_start(struct traffic *t, uint64_t now, uint64_t span_begin_ns, uint64_t span_end_ns)
{
	const struct crowd *c = t->crowd;

	for (uint32_t i = 0; i < c->plan.subscribers; i++)
		if (c->client[i].state == CLIENT_READY)
			ledger_join(&t->ledger, c->client[i].room);
	t->span_begin_ns = span_begin_ns;
	t->span_end_ns = span_end_ns;
	t->due_ns = (double)now;
	t->interval_ns = t->plan.window > 0 ? 0 : (double)NS_PER_SECOND / t->plan.rate;
	for (uint32_t i = 0; i < c->plan.publishers; i++) {
		t->publisher[i].progress_ns = now;
		make_eager(t, &t->publisher[i]);
	}
}

/* A publisher's streams in turn: its own number, and then in steps of the number of publishers. */
static uint32_t next_stream(struct traffic *t, struct publisher *p)
{
	uint32_t stream = p->next_stream;

	p->next_stream += t->ledger.publishers;
	if (p->next_stream >= t->ledger.streams)
		p->next_stream = (uint32_t)(p - t->publisher);
	return stream;
}

static void publish(struct traffic *t, struct publisher *p, uint64_t due_ns)
{
	uint32_t stream = next_stream(t, p);
	const struct buf *head = &t->head[stream];
	struct stamp s = { .stream = stream, .due_ns = due_ns };
	size_t n = head->n + STAMP_BYTES + t->tail_bytes;
	char *text = conn_put(&p->client->conn, n);

	s.sequence = ledger_publish(&t->ledger, stream);
	memcpy(text, head->p, head->n);
	stamp_write(text + head->n, t->crowd->mark, &s);
	memcpy(text + head->n + STAMP_BYTES, t->tail, t->tail_bytes);
	conn_put_end(&p->client->conn, n);
	t->published++;
	if (t->in_span)
		t->span_published++;
}

static bool can_publish(const struct publisher *p)
{
	return p->client->state == CLIENT_READY && conn_unsent(&p->client->conn) < UNSENT_MAX;
}

static bool fill_windows(struct traffic *t, uint64_t now)
{
	uint32_t kept = 0, n = t->eager_count;
	bool any = false;

	for (uint32_t i = 0; i < n; i++) {
		struct publisher *p = t->eager[i];

		for (; p->under_way < t->plan.window && can_publish(p); any = true) {
			publish(t, p, now);
			p->under_way++;
		}
		conn_flush(&p->client->conn);
		p->is_eager = p->under_way < t->plan.window && p->client->state == CLIENT_READY;
		if (p->is_eager)
			t->eager[kept++] = p;
	}
	t->eager_count = kept;
	return any;
}

/* One that may publish, in turn; NULL: none, so what is due has to wait. */
static struct publisher *next_publisher(struct traffic *t)
{
	uint32_t n = t->ledger.publishers;

	for (uint32_t tried = 0; tried < n; tried++) {
		struct publisher *p = &t->publisher[t->next_publisher];

		t->next_publisher = (t->next_publisher + 1) % n;
		if (can_publish(p))
			return p;
	}
	return NULL;
}

static bool publish_due(struct traffic *t, uint64_t now)
{
	bool any = false;
	struct publisher *p;

	while (t->due_ns <= (double)now && (p = next_publisher(t)) != NULL) {
		publish(t, p, (uint64_t)t->due_ns);
		conn_flush(&p->client->conn);
		t->due_ns += t->interval_ns;
		any = true;
	}
	return any;
}

bool traffic_publish(struct traffic *t, uint64_t now)
{
	return t->plan.window > 0 ? fill_windows(t, now) : publish_due(t, now);
}

void traffic_unblock(struct traffic *t, uint64_t now)
{
	for (uint32_t i = 0; t->plan.window > 0 && i < t->ledger.publishers; i++) {
		struct publisher *p = &t->publisher[i];

		if (p->under_way < t->plan.window || now < p->progress_ns + STALL_NS)
			continue;
		t->given_up += p->under_way;
		p->under_way = 0;
		p->progress_ns = now;
		ledger_give_up(&t->ledger, i);
		make_eager(t, p);
	}
}

uint64_t traffic_behind(const struct traffic *t, uint64_t now)
{
	if (t->plan.window > 0 || t->due_ns >= (double)now)
		return 0;
	return (uint64_t)(((double)now - t->due_ns) / t->interval_ns) + 1;
}
