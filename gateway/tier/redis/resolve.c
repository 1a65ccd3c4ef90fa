#include "gateway/tier/redis/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_FIRST_MS 10 /* then twice that, and so on */
#define LOOK_MOST_MS 160

/* What a thread of glibc's reads and writes. Lives until glibc is done with it, whoever asked. */
struct lookup {
	struct list_node node; /* in `leftovers`, once nobody waits for it */
	struct gaicb request;
	struct gaicb *requests[1];
	struct addrinfo hints;
	char host[];
};

struct resolve {
	struct loop *loop;
	struct lookup *lookup; /* NULL: the answer is known */
	struct timer timer;
	uint64_t due_ms;
	uint64_t look_ms;
	unsigned int attempt;
	resolve_done *done;
	void *ctx;
	char address[RESOLVE_ADDRESS_MAX];
};

/* Of the process, as glibc's threads are, and not of a loop: these may outlive it. */
static struct list leftovers = { { &leftovers.head, &leftovers.head } };

/* ---- lookups ---- */

static void lookup_free(struct lookup *l)
{
	if (l->request.ar_result != NULL)
		freeaddrinfo(l->request.ar_result);
	free(l);
}

/* Free what glibc has finished since. */
static void sweep(void)
{
	struct list_node *next;

	for (struct list_node *n = list_first(&leftovers); n != NULL; n = next) {
		struct lookup *l = container_of(n, struct lookup, node);

		next = list_next(&leftovers, n);
		if (gai_error(&l->request) == EAI_INPROGRESS)
			continue;
		list_remove(n);
		lookup_free(l);
	}
}

/* Nobody waits for it any more. One that waits in glibc's queue can be taken back; one that is being
 * asked cannot. */
static void lookup_drop(struct lookup *l)
{
	if (l == NULL)
		return;
	gai_cancel(&l->request);
	if (gai_error(&l->request) == EAI_INPROGRESS)
		list_push(&leftovers, &l->node);
	else
		lookup_free(l);
}

static struct lookup *lookup_new(const char *host)
{
	size_t n = strlen(host) + 1;
	struct lookup *l = calloc(1, sizeof *l + n);

	if (l == NULL)
		return NULL;
	memcpy(l->host, host, n);
	l->hints = (struct addrinfo){ .ai_family = AF_UNSPEC,
		                      .ai_socktype = SOCK_STREAM,
		                      .ai_flags = AI_ADDRCONFIG };
	l->request = (struct gaicb){ .ar_name = l->host, .ar_request = &l->hints };
	l->requests[0] = &l->request;
	if (getaddrinfo_a(GAI_NOWAIT, l->requests, 1, NULL) == 0)
		return l;
	free(l);
	return NULL;
}

/* The one at `attempt`, round and round, as text. */
static bool pick(const struct addrinfo *list, unsigned int attempt, char out[RESOLVE_ADDRESS_MAX])
{
	const struct addrinfo *a = list;
	unsigned int n = 0;

	for (; a != NULL; a = a->ai_next)
		n++;
	if (n == 0)
		return false;
	a = list;
	for (attempt %= n; attempt > 0; attempt--)
		a = a->ai_next;
	return getnameinfo(a->ai_addr, a->ai_addrlen, out, RESOLVE_ADDRESS_MAX, NULL, 0,
	                   NI_NUMERICHOST) == 0;
}

/* ---- asking ---- */

static void answer(struct resolve *r, const char *address, const char *reason)
{
	resolve_done *done = r->done;
	void *ctx = r->ctx;
	char copy[RESOLVE_ADDRESS_MAX];

	if (address != NULL)
		address = memcpy(copy, address, sizeof copy);
	resolve_cancel(r); /* it may be asked again from inside the callback */
	done(ctx, address, reason);
}

static void look_again(struct resolve *r)
{
	uint64_t now = loop_now_ms(r->loop), left = r->due_ms - now;

	timer_set(&r->timer, left < r->look_ms ? left : r->look_ms);
	if (r->look_ms < LOOK_MOST_MS)
		r->look_ms *= 2;
}

static void look(void *ctx)
{
	struct resolve *r = ctx;
	int e;

	if (r->lookup == NULL) {
		answer(r, r->address, NULL);
		return;
	}
	e = gai_error(&r->lookup->request);
	if (e == EAI_INPROGRESS && loop_now_ms(r->loop) < r->due_ms)
		look_again(r);
	else if (e == EAI_INPROGRESS)
		answer(r, NULL, "the name was not resolved in time");
	else if (e != 0)
		answer(r, NULL, gai_strerror(e));
	else if (pick(r->lookup->request.ar_result, r->attempt, r->address))
		answer(r, r->address, NULL);
	else
		answer(r, NULL, "the name has no address");
}

static bool is_numeric(const char *host)
{
	uint8_t address[sizeof(struct in6_addr)];

	return strlen(host) < RESOLVE_ADDRESS_MAX &&
		(inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1);
}

struct resolve *resolve_start(struct loop *l, const char *host, unsigned int attempt,
                              uint64_t timeout_ms, resolve_done *done, void *ctx)
{
	struct resolve *r = calloc(1, sizeof *r);

	sweep();
	if (r == NULL)
		return NULL;
	r->loop = l;
	r->due_ms = loop_now_ms(l) + timeout_ms;
	r->look_ms = LOOK_FIRST_MS;
	r->attempt = attempt;
	r->done = done;
	r->ctx = ctx;
	timer_init(&r->timer, l, look, r);
	if (is_numeric(host)) {
		memcpy(r->address, host, strlen(host) + 1);
		timer_set(&r->timer, 0);
		return r;
	}
	r->lookup = lookup_new(host);
	if (r->lookup == NULL) {
		free(r);
		return NULL;
	}
	look_again(r);
	return r;
}

void resolve_cancel(struct resolve *r)
{
	if (r == NULL)
		return;
	timer_stop(&r->timer);
	lookup_drop(r->lookup);
	free(r);
}
