/*
 * Tokens on a clock that the test turns, and a tier that refuses at the wrong moment.
 */
#include "tests/support/cluster.h"
#include "tests/support/test.h"
#include "tests/support/tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char secret_file[64], flag[100];
static const char *const flags[] = { flag, "--expiring-ms=60000", "--allow-anonymous=on", NULL };

static uint64_t now_s(struct cluster *c)
{
	return loop_wall_us(c->loop) / 1000000u;
}

/* Send a frame with a token that ends in `s` seconds; `claims` stand before `exp`. */
static void say_with_token(struct client *x, const char *frame, const char *claims, uint64_t s)
{
	const char *why;
	struct key *k = key_from_secret(slice_of(SECRET), &why);
	char all[512], text[1024];
	struct buf b;

	snprintf(all, sizeof all, "{%s\"exp\":%llu}", claims,
	         (unsigned long long)(now_s(x->cluster) + s));
	token_write(&b, "{\"alg\":\"HS256\"}", all, k, KEY_HS256);
	snprintf(text, sizeof text, "{\"type\":\"%s\",\"id\":7,\"token\":\"%.*s\"}", frame,
	         SLICE_ARGS(buf_view(&b)));
	buf_fini(&b);
	key_free(k);
	client_say(x, text);
	cluster_turn(x->cluster, 0);
}

static struct client *log_in(struct cluster *c, const char *claims, uint64_t s)
{
	struct client *x = cluster_dial(c, 0, NULL, true);

	say_with_token(x, "hello", claims, s);
	client_expect(x, "{\"type\":\"welcome\"");
	return x;
}

/* With pings off nothing else closes a client that says nothing. */
static struct cluster *open_quiet(const struct tier_ops *tier)
{
	static const char *quiet[] = { NULL, NULL, NULL, "--ping-interval-ms=0", NULL };

	for (int i = 0; i < 3; i++)
		quiet[i] = flags[i];
	return cluster_open_on(1, tier, quiet);
}

static void a_client_is_warned_once_and_closed_on_time(void **state)
{
	struct cluster *c = open_quiet(&tier_memory);
	struct client *ann = log_in(c, "\"sub\":\"ann\",", 7200);

	(void)state;
	cluster_turn(c, 7138 * 1000);
	client_expect_nothing(ann);
	cluster_turn(c, 3 * 1000);
	client_expect(ann, "{\"type\":\"expiring\",\"in_ms\":");
	cluster_turn(c, 57 * 1000);
	client_expect_nothing(ann);
	assert_non_null(ann->session);
	cluster_turn(c, 3 * 1000);
	assert_null(ann->session);
	assert_int_equal(ann->why, CLOSE_EXPIRED);
	cluster_close(c);
}

static void a_refresh_starts_the_clock_anew(void **state)
{
	struct cluster *c = open_quiet(&tier_memory);
	struct client *ann = log_in(c, "\"sub\":\"ann\",", 100);

	(void)state;
	cluster_turn(c, 50 * 1000);
	client_expect(ann, "{\"type\":\"expiring\"");
	say_with_token(ann, "refresh", "\"sub\":\"ann\",", 200);
	client_expect(ann, "{\"type\":\"ack\",\"id\":7,\"expires_in_ms\":200");
	cluster_turn(c, 60 * 1000); /* where the old one ended */
	assert_non_null(ann->session);
	client_expect_nothing(ann);
	cluster_turn(c, 90 * 1000);
	client_expect(ann, "{\"type\":\"expiring\""); /* it is told of each token */
	cluster_turn(c, 60 * 1000);
	assert_int_equal(ann->why, CLOSE_EXPIRED);
	cluster_close(c);
}

static void an_anonymous_client_is_not_closed(void **state)
{
	struct cluster *c = open_quiet(&tier_memory);
	struct client *x = cluster_connect(c, 0, NULL);

	(void)state;
	cluster_turn(c, 86400 * 1000);
	assert_non_null(x->session);
	client_expect_nothing(x);
	cluster_close(c);
}

/* --- a tier that refuses ------------------------------------------------------------------------------------ */

static bool refusing;
static struct tier_ops flaky;

static enum err enter(struct tier *t, const struct tier_entry *e, tier_room_done *done, void *ctx)
{
	return refusing ? ERR_UNAVAILABLE : tier_memory.enter(t, e, done, ctx);
}

static struct tier *open_tier(const struct tier_options *o, const struct tier_events *ev, void *ctx)
{
	struct tier *t = tier_memory.open(o, ev, ctx);

	assert_non_null(t);
	t->ops = &flaky;
	return t;
}

static struct cluster *open_flaky(void)
{
	flaky = tier_memory;
	flaky.open = open_tier;
	flaky.enter = enter;
	refusing = false;
	return open_quiet(&flaky);
}

static void publish(struct client *to, const char *topic)
{
	char frame[200];

	snprintf(frame, sizeof frame,
	         "{\"type\":\"publish\",\"topic\":\"%s\",\"event_type\":\"e\",\"payload\":1}",
	         topic);
	client_say(to, frame);
	cluster_turn(to->cluster, 0);
}

#define CAN_PUBLISH                                                                                \
	"\"topics\":[{\"match\":\"user:*\",\"can\":[\"publish\"]},{\"match\":\"all\",\"can\":[\"publish\"]}],"

static void a_refresh_that_the_tier_refuses_changes_nothing(void **state)
{
	struct cluster *c = open_flaky();
	struct client *x = log_in(c, "\"rooms\":[\"a\"],", 3600);
	struct client *sender = log_in(c, CAN_PUBLISH, 3600);

	(void)state;
	client_join(x, "a");
	refusing = true;
	say_with_token(
		x, "refresh",
		"\"sub\":\"ann\",\"rooms\":[\"b\"],\"topics\":[{\"match\":\"all\",\"can\":[\"join\"]}],",
		60);
	client_expect(x, "{\"type\":\"error\",\"id\":7,\"code\":1201,\"name\":\"unavailable\"");
	refusing = false;
	publish(sender, "user:ann");
	publish(sender, "all");
	client_expect_nothing(x); /* neither the user's nor what all hear */
	client_say(x, "{\"type\":\"join\",\"id\":1,\"room\":\"b\"}");
	cluster_turn(c, 0);
	client_expect(x, "{\"type\":\"error\",\"id\":1,\"code\":1008,\"name\":\"forbidden\"");
	client_join(x, "a");
	cluster_turn(c, 61 * 1000); /* the end is the old one's */
	assert_non_null(x->session);
	say_with_token(x, "refresh", "\"sub\":\"ann\",\"rooms\":[\"b\"],", 3600);
	client_expect(x, "{\"type\":\"ack\",\"id\":7");
	publish(sender, "user:ann");
	client_expect(x, "{\"type\":\"event\",\"topic\":\"user:ann\"");
	cluster_close(c);
}

static void who_goes_in_the_middle_of_a_refresh_leaves_nothing(void **state)
{
	struct cluster *c = open_quiet(&tier_memory);
	struct client *x = log_in(c, "\"rooms\":[\"a\"],", 3600);
	const char *why;
	struct key *k = key_from_secret(slice_of(SECRET), &why);
	char text[600];
	struct buf b;

	(void)state;
	token_write(&b, "{\"alg\":\"HS256\"}", "{\"sub\":\"ann\"}", k, KEY_HS256);
	snprintf(text, sizeof text, "{\"type\":\"refresh\",\"id\":7,\"token\":\"%.*s\"}",
	         SLICE_ARGS(buf_view(&b)));
	client_say(x, text); /* the tier answers in the next turn */
	client_cut(x);
	cluster_turn(c, 1000);
	assert_int_equal(c->gateway[0].metrics.memberships, 0);
	buf_fini(&b);
	key_free(k);
	cluster_close(c);
}

static int write_secret(void **state)
{
	FILE *f;
	int fd;

	(void)state;
	strcpy(secret_file, "/tmp/roomcast-secret-XXXXXX");
	fd = mkstemp(secret_file);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (f == NULL)
		return -1;
	fputs(SECRET "\n", f);
	fclose(f);
	snprintf(flag, sizeof flag, "--jwt-hmac-secret-file=%s", secret_file);
	return 0;
}

static int remove_secret(void **state)
{
	(void)state;
	return unlink(secret_file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_is_warned_once_and_closed_on_time),
		cmocka_unit_test(a_refresh_starts_the_clock_anew),
		cmocka_unit_test(an_anonymous_client_is_not_closed),
		cmocka_unit_test(a_refresh_that_the_tier_refuses_changes_nothing),
		cmocka_unit_test(who_goes_in_the_middle_of_a_refresh_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, write_secret, remove_secret);
}
