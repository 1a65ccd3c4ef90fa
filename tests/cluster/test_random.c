/*
 * Clients at random on three gateways: whatever they do, everybody sees one order, presence adds up,
 * and nothing is left behind. A failure names its seed; the same seed does the same again.
 */
#include "tests/support/cluster.h"
#include "tests/support/test.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS 20
#define STEPS 2000
#define GATEWAYS 3
#define ROOMS 4
#define CLIENTS 30 /* at a time */
#define MOST 400   /* connections of one run */
#define ID_LEN 21

/* A connection's time in a room, as far as it knows. */
struct stay {
	enum { OUT, JOINING, IN, LEAVING } state;
	bool sees;
	bool got;            /* a message */
	size_t since, until; /* where in the room's order its first may stand */
	size_t next, end;    /* behind the last that came; behind the last that shall come */
	int rev;
	bool here[MOST]; /* who is visible, by the list and the notices since */
};

struct person {
	struct client *client;
	const char *user;
	int gateway;
	bool welcome, busy;
	struct stay stay[ROOMS];
};

static struct {
	struct cluster *cluster;
	uint64_t seed;
	struct person person[MOST]; /* the first on each gateway is in every room, and stays */
	int n, live;
	bool alive[GATEWAYS];
	/* Messages are numbers; the first person's view is the order that all must see. */
	int order[ROOMS][STEPS * 8], place[STEPS * 8], spared[STEPS * 8];
	size_t ordered[ROOMS];
	int published;
} world;

static unsigned int draw(unsigned int below)
{
	world.seed = world.seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned int)(world.seed >> 33) % below;
}

/* --- what a client reads --------------------------------------------------------------------- */

static int whose(const char *id)
{
	for (int i = 0; i < world.n; i++)
		if (memcmp(world.person[i].client->id, id, ID_LEN) == 0)
			return i;
	fail_msg("nobody has the id %.*s", ID_LEN, id);
	return -1;
}

/* Mark who stands in a list of members; how many they are. */
static int mark(struct stay *s, const char *frame, const char *list, bool here)
{
	static const char head[] = "{\"client\":\"";
	const char *p = strstr(frame, list), *end;
	int n = 0;

	if (p == NULL)
		return 0;
	end = strchr(p, ']');
	for (; (p = strstr(p, head)) != NULL && p < end; n++) {
		p += sizeof head - 1;
		s->here[whose(p)] = here;
	}
	return n;
}

static int number(const char *frame, const char *field)
{
	return atoi(frame_field(frame, field));
}

static void check_counts(const struct stay *s, const char *frame)
{
	const char *users[MOST];
	int count = 0, n = 0;

	for (int i = 0, k; i < world.n; i++) {
		if (!s->here[i])
			continue;
		count++;
		for (k = 0; k < n && world.person[i].user != users[k]; k++)
			;
		if (k == n && world.person[i].user != NULL)
			users[n++] = world.person[i].user;
	}
	assert_int_equal(count, number(frame, "count"));
	assert_int_equal(n, number(frame, "users"));
}

static void read_list(struct stay *s, const char *frame)
{
	assert_true(number(frame, "rev") >= s->rev);
	memset(s->here, 0, sizeof s->here);
	mark(s, frame, "\"members\":[", true);
	s->rev = number(frame, "rev");
	check_counts(s, frame);
}

/* As the protocol says: old, or it goes on where the last one ended. */
static void read_notice(struct stay *s, const char *frame)
{
	int rev = number(frame, "rev"), changes;

	assert_true(s->sees);
	if (rev <= s->rev)
		return;
	changes = mark(s, frame, "\"joined\":[", true) + mark(s, frame, "\"left\":[", false);
	if (rev - changes > s->rev)
		fail_msg("a notice is missing between %d and %s", s->rev, frame);
	s->rev = rev;
	check_counts(s, frame);
}

/* The next place of the order at or behind `at` that is for this person. */
static size_t place_for(const struct person *p, int room, size_t at)
{
	while (at < world.ordered[room] && &world.person[world.spared[world.order[room][at]]] == p)
		at++;
	return at;
}

static void read_event(struct person *p, int room, const char *frame)
{
	struct stay *s = &p->stay[room];
	int n = number(frame, "payload");

	if (p == world.person) {
		world.place[n] = (int)world.ordered[room];
		world.order[room][world.ordered[room]++] = n;
	}
	assert_int_not_equal(s->state, OUT);
	if (s->got)
		assert_int_equal(world.place[n], place_for(p, room, s->next));
	else
		assert_in_range(world.place[n], s->since, place_for(p, room, s->until));
	s->got = true;
	s->next = (size_t)world.place[n] + 1;
}

static void joined(struct stay *s, int room)
{
	if (s->state == JOINING)
		s->until = world.ordered[room]; /* what comes from now on it gets */
	s->state = IN;
}

/* Ids of requests: j and l one room, d two rooms, p presence, m publish. */
static void read_ack(struct person *p, const char *frame)
{
	const char *id = frame_field(frame, "id");
	struct stay *s = &p->stay[id[1] - '0'];

	if (id[0] == 'm')
		return;
	p->busy = false;
	if (id[0] == 'j' || id[0] == 'd')
		joined(s, id[1] - '0');
	if (id[0] == 'd')
		joined(&p->stay[id[2] - '0'], id[2] - '0');
	if (strstr(frame, "\"members\":") != NULL) {
		s->sees |= id[0] == 'j';
		if (s->sees)
			read_list(s, frame);
	}
}

/* It had all messages from its first to the end, and none behind that. */
static void check_end(const struct person *p, int room)
{
	const struct stay *s = &p->stay[room];

	assert_true(place_for(p, room, s->got ? s->next : s->until) >= s->end);
	assert_true(!s->got || s->next <= s->end);
}

static void read_all(struct person *p)
{
	bool left[ROOMS];

	for (int r = 0; r < ROOMS; r++)
		left[r] = p->stay[r].state == LEAVING && p->client->reads;
	for (const char *f; (f = client_next(p->client)) != NULL;) {
		const char *type = frame_field(f, "type"), *topic = frame_field(f, "topic");

		assert_int_equal(p->welcome, strcmp(type, "welcome") != 0);
		p->welcome = true;
		if (strcmp(type, "ack") == 0)
			read_ack(p, f);
		else if (strcmp(type, "event") == 0)
			read_event(p, topic[5] - '0', f);
		else if (strcmp(type, "presence") == 0)
			read_notice(&p->stay[topic[5] - '0'], f);
		else
			assert_string_equal(type, "welcome");
	}
	for (int r = 0; r < ROOMS; r++) {
		if (left[r] && p->client->session != NULL)
			check_end(p, r);
		if (left[r])
			p->stay[r] = (struct stay){ .state = OUT };
	}
}

static void turn(uint64_t ms)
{
	cluster_turn(world.cluster, ms);
	for (int i = 0; i < world.n; i++)
		read_all(&world.person[i]);
}

/* --- what a client does ------------------------------------------------------------------------ */

static struct person *come(int gateway)
{
	static const char *const users[] = { NULL, "ann", "bob", "eve" };
	struct person *p = &world.person[world.n++];

	memset(p, 0, sizeof *p);
	p->gateway = gateway;
	p->user = users[draw(4)];
	p->client = cluster_dial(world.cluster, gateway, p->user, false);
	world.live++;
	return p;
}

static void go(struct person *p)
{
	world.live--;
	if (draw(2) == 0)
		session_close(p->client->session, CLOSE_KICKED);
	else
		client_cut(p->client);
	turn(0);
	assert_null(p->client->session);
}

/* All but a publish is a request that the client waits for. */
__attribute__((format(printf, 2, 3))) static void request(struct person *p, const char *format, ...)
{
	char frame[200];
	va_list ap;

	va_start(ap, format);
	vsnprintf(frame, sizeof frame, format, ap);
	va_end(ap);
	p->busy = true;
	client_say(p->client, frame);
}

static void join(struct person *p, int room, bool presence)
{
	struct stay *s = &p->stay[room];

	if (s->state == OUT)
		*s = (struct stay){ .state = JOINING, .since = world.ordered[room] };
	request(p, "{\"type\":\"join\",\"id\":\"j%d\",\"room\":\"%d\",\"presence\":%s}", room, room,
	        presence ? "true" : "false");
}

static void join_two(struct person *p, int room)
{
	int other = (room + 1) % ROOMS;

	if (p->stay[room].state != OUT || p->stay[other].state != OUT)
		return;
	p->stay[room] = (struct stay){ .state = JOINING, .since = world.ordered[room] };
	p->stay[other] = (struct stay){ .state = JOINING, .since = world.ordered[other] };
	request(p, "{\"type\":\"join\",\"id\":\"d%d%d\",\"rooms\":[\"%d\",\"%d\"]}", room, other,
	        room, other);
}

static void leave(struct person *p, int room)
{
	struct stay *s = &p->stay[room];

	if (s->state != IN)
		return;
	s->state = LEAVING;
	s->end = world.ordered[room];
	request(p, "{\"type\":\"leave\",\"id\":\"l%d\",\"room\":\"%d\"}", room, room);
}

static void ask(struct person *p, int room)
{
	request(p, "{\"type\":\"presence\",\"id\":\"p%d\",\"room\":\"%d\"}", room, room);
}

static void publish(struct person *p, int room)
{
	int n = world.published++;
	bool spared = p != world.person && draw(4) == 0, busy = p->busy;

	world.spared[n] = spared ? (int)(p - world.person) : MOST - 1;
	request(p,
	        "{\"type\":\"publish\",\"id\":\"m\",\"topic\":\"room:%d\",\"event_type\":\"m\","
	        "\"payload\":%d,\"echo\":%s}",
	        room, n, spared ? "false" : "true");
	p->busy = busy;
}

/* --- one run ------------------------------------------------------------------------------------- */

static bool is_here(const struct person *p)
{
	return p->client->session != NULL;
}

static void kill_gateway(int gateway)
{
	for (int i = 0; i < world.n; i++)
		world.live -= world.person[i].gateway == gateway && is_here(&world.person[i]);
	world.alive[gateway] = false;
	cluster_kill(world.cluster, gateway);
}

static void act(struct person *p)
{
	int room = (int)draw(ROOMS), what = (int)draw(20);

	if (what < 8)
		publish(p, room);
	else if (p < world.person + GATEWAYS)
		return; /* these stay */
	else if (what == 8)
		go(p);
	else if (what == 9)
		p->client->reads = !p->client->reads;
	else if (p->busy || !p->client->reads)
		return;
	else if (what < 14)
		join(p, room, draw(2) == 0);
	else if (what == 14)
		join_two(p, room);
	else if (what < 18)
		leave(p, room);
	else
		ask(p, room);
}

static void step(void)
{
	int gateway = (int)draw(GATEWAYS), who = (int)draw((unsigned int)world.n);

	if (world.live < CLIENTS && world.n < MOST - 1 && world.alive[gateway] && draw(4) == 0)
		come(gateway);
	for (; !is_here(&world.person[who]); who = (who + 1) % world.n)
		;
	act(&world.person[who]);
	if (draw(3) == 0)
		turn(draw(60));
}

/* What a gateway counts is what its clients know. */
static void check_metrics(int gateway)
{
	const struct metrics *m = &world.cluster->gateway[gateway].metrics;
	uint64_t connections = 0, memberships = 0, rooms = 0;
	bool in[ROOMS] = { false };

	for (int i = 0; i < world.n; i++) {
		const struct person *p = &world.person[i];

		if (!is_here(p) || p->gateway != gateway)
			continue;
		connections++;
		memberships += 1u + (p->user != NULL); /* `all`, `user:` */
		for (int r = 0; r < ROOMS; r++) {
			memberships += p->stay[r].state == IN;
			rooms += p->stay[r].state == IN && !in[r];
			in[r] |= p->stay[r].state == IN;
		}
	}
	hub_measure(world.cluster->gateway[gateway].hub);
	assert_int_equal(m->connections, connections);
	assert_int_equal(m->memberships, memberships);
	assert_int_equal(m->rooms, rooms);
	assert_in_range(m->topics, rooms + (connections > 0), rooms + 4);
}

/* The registry's list is everybody's view, and the truth. */
static void check_room(int room)
{
	const struct stay *list = &world.person[0].stay[room];

	for (int i = 0; i < world.n; i++) {
		struct person *p = &world.person[i];
		struct stay *s = &p->stay[room];

		assert_int_equal(list->here[i], is_here(p) && s->state == IN && s->sees);
		if (!is_here(p) || s->state != IN)
			continue;
		s->end = world.ordered[room];
		check_end(p, room);
		if (s->sees)
			assert_memory_equal(s->here, list->here, sizeof s->here);
	}
}

static void check_all_have_left(void)
{
	struct person *p;

	for (int i = 0; i < world.n; i++)
		if (is_here(&world.person[i]))
			client_cut(world.person[i].client);
	for (int g = 0; g < GATEWAYS; g++) {
		const struct metrics *m = &world.cluster->gateway[g].metrics;

		if (!world.alive[g])
			continue;
		hub_measure(world.cluster->gateway[g].hub);
		assert_int_equal(m->connections + m->memberships + m->rooms + m->topics, 0);
		assert_int_equal(m->queued_bytes, 0);
	}
	p = come(0);
	turn(200);
	for (int r = 0; r < ROOMS; r++) { /* an empty room is a new one */
		p->stay[r] = (struct stay){ .sees = true, .rev = -1 };
		ask(p, r);
		turn(0);
		assert_int_equal(p->stay[r].rev, 0);
	}
}

static void begin(uint64_t seed)
{
	const char *const flags[] = { "--max-rate=100000", NULL };

	memset(&world, 0, sizeof world);
	world.seed = seed;
	world.cluster = cluster_open(GATEWAYS, flags);
	for (int g = 0; g < GATEWAYS; g++) {
		world.alive[g] = true;
		come(g);
	}
	for (int r = 0; r < ROOMS; r++) {
		for (int g = 0; g < GATEWAYS; g++)
			join(&world.person[g], r, g == 0);
		turn(0);
	}
}

static void run(void **state)
{
	begin(*(const uint64_t *)*state);
	for (int i = 0; i < STEPS; i++) {
		if (i == STEPS / 2 && draw(2) == 0)
			kill_gateway(GATEWAYS - 1);
		step();
	}
	for (int i = 0; i < world.n; i++)
		world.person[i].client->reads = true;
	turn(0);
	turn(200);
	for (int r = 0; r < ROOMS; r++) {
		ask(&world.person[0], r);
		turn(0);
		check_room(r);
	}
	for (int g = 0; g < GATEWAYS; g++)
		if (world.alive[g])
			check_metrics(g);
	check_all_have_left();
	cluster_close(world.cluster);
}

int main(void)
{
	static uint64_t seeds[SEEDS];
	static char names[SEEDS][32];
	struct CMUnitTest tests[SEEDS];

	for (int i = 0; i < SEEDS; i++) {
		seeds[i] = (uint64_t)i + 1;
		snprintf(names[i], sizeof names[i], "seed %d", i + 1);
		tests[i] = (struct CMUnitTest){ .name = names[i],
			                        .test_func = run,
			                        .initial_state = &seeds[i] };
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
