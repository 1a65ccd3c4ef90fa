#include "tests/support/test.h"

#include "gateway/base/loop.h"

#include <string.h>
#include <unistd.h>

/* What ran is written down, a letter each. */
static struct {
	struct loop *loop;
	struct timer timer[8];
	struct deferred deferred[4];
	char ran[32];
} t;

static void note(char c)
{
	t.ran[strlen(t.ran)] = c;
}

static void on_timer(void *ctx)
{
	note((char)('a' + ((struct timer *)ctx - t.timer)));
}

static void on_deferred(void *ctx)
{
	note((char)('A' + ((struct deferred *)ctx - t.deferred)));
}

static int begin(void **state)
{
	(void)state;
	memset(&t, 0, sizeof t);
	t.loop = loop_new_manual(1);
	for (int i = 0; i < 8; i++)
		timer_init(&t.timer[i], t.loop, on_timer, &t.timer[i]);
	for (int i = 0; i < 4; i++)
		t.deferred[i] = (struct deferred){ .run = on_deferred, .ctx = &t.deferred[i] };
	return 0;
}

static int end(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++)
		timer_stop(&t.timer[i]);
	loop_free(t.loop);
	return 0;
}

static void timers_run_in_the_order_of_their_times_and_once(void **state)
{
	static const uint64_t delays[8] = { 50, 10, 40, 20, 80, 30, 70, 60 };

	(void)state;
	for (int i = 0; i < 8; i++)
		timer_set(&t.timer[i], delays[i]);
	loop_turn(t.loop, 35);
	assert_string_equal(t.ran, "bdf");
	loop_turn(t.loop, 100);
	assert_string_equal(t.ran, "bdfcahge");
	loop_turn(t.loop, 1000);
	assert_string_equal(t.ran, "bdfcahge");
}

static void a_timer_set_again_moves_and_a_stopped_one_stays_silent(void **state)
{
	(void)state;
	timer_set(&t.timer[0], 10);
	timer_set(&t.timer[1], 20);
	timer_set(&t.timer[2], 30);
	timer_set(&t.timer[0], 40);
	timer_stop(&t.timer[1]);
	timer_stop(&t.timer[1]);
	assert_false(timer_is_set(&t.timer[1]));
	assert_true(timer_is_set(&t.timer[0]));
	loop_turn(t.loop, 50);
	assert_string_equal(t.ran, "ca");
}

/* Random settings against a search through all of them. */
static void many_timers_keep_their_order(void **state)
{
	static struct timer many[200];
	uint64_t last = 0, now;
	int left = 0;

	(void)state;
	for (int i = 0; i < 200; i++)
		timer_init(&many[i], t.loop, on_timer, &t.timer[0]);
	for (int i = 0; i < 1000; i++) {
		struct timer *x = &many[loop_random(t.loop) % 200];

		if (loop_random(t.loop) % 4 == 0)
			timer_stop(x);
		else
			timer_set(x, loop_random(t.loop) % 500);
	}
	for (int i = 0; i < 200; i++)
		left += timer_is_set(&many[i]);
	while (left > 0) {
		uint64_t first = UINT64_MAX;

		for (int i = 0; i < 200; i++)
			if (timer_is_set(&many[i]) && many[i].due_ms < first)
				first = many[i].due_ms;
		assert_true(first >= last);
		last = first;
		now = loop_now_ms(t.loop);
		memset(t.ran, 0, sizeof t.ran);
		loop_turn(t.loop, first > now ? first - now : 0);
		assert_true(t.ran[0] != '\0'); /* exactly then, not before, not later */
		left -= (int)strlen(t.ran);
	}
	for (int i = 0; i < 200; i++)
		assert_false(timer_is_set(&many[i]));
}

static void deferred_calls_run_once_in_the_order_asked(void **state)
{
	(void)state;
	loop_defer(t.loop, &t.deferred[2]);
	loop_defer(t.loop, &t.deferred[0]);
	loop_defer(t.loop, &t.deferred[2]);
	loop_defer(t.loop, &t.deferred[1]);
	deferred_cancel(&t.deferred[0]);
	assert_string_equal(t.ran, "");
	loop_turn(t.loop, 0);
	assert_string_equal(t.ran, "CB");
}

static void a_manual_clock_moves_only_when_turned(void **state)
{
	uint64_t now = loop_now_ms(t.loop);
	uint64_t wall = loop_wall_us(t.loop);

	(void)state;
	assert_int_equal(loop_now_ms(t.loop), now);
	loop_turn(t.loop, 123);
	assert_int_equal(loop_now_ms(t.loop), now + 123);
	assert_int_equal(loop_wall_us(t.loop), wall + 123000);
}

static void chance_repeats_with_its_seed(void **state)
{
	struct loop *a = loop_new_manual(7), *b = loop_new_manual(7), *c = loop_new_manual(8);
	uint64_t x = loop_random(a);

	(void)state;
	assert_int_equal(x, loop_random(b));
	assert_int_not_equal(x, loop_random(c));
	assert_int_not_equal(x, loop_random(a));
	loop_free(a);
	loop_free(b);
	loop_free(c);
}

/* --- the real one ------------------------------------------------------------------------------- */

static struct loop *real;
static int pipe_ends[2];

static void on_late(void *ctx)
{
	(void)ctx;
	note('l');
	loop_stop(real);
}

static void on_readable(void *ctx)
{
	char c;

	(void)ctx;
	assert_int_equal(read(pipe_ends[0], &c, 1), 1);
	note(c);
	loop_defer(real, &t.deferred[0]);
}

static void sockets_timers_and_deferred_calls_share_a_loop(void **state)
{
	struct timer late;
	struct watch *w;

	(void)state;
	real = loop_new();
	assert_non_null(real);
	assert_int_equal(pipe(pipe_ends), 0);
	w = loop_watch(real, pipe_ends[0], on_readable, NULL);
	assert_non_null(w);
	timer_init(&late, real, on_late, NULL);
	timer_set(&late, 30);
	assert_int_equal(write(pipe_ends[1], "xy", 2), 2);
	loop_run(real);
	assert_string_equal(t.ran, "xAyAl");
	memset(t.ran, 0, sizeof t.ran);
	loop_watch_pause(w, true);
	assert_int_equal(write(pipe_ends[1], "z", 1), 1);
	timer_set(&late, 20);
	loop_run(real);
	assert_string_equal(t.ran, "l");
	loop_unwatch(w);
	loop_free(real);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(timers_run_in_the_order_of_their_times_and_once),
		TEST(a_timer_set_again_moves_and_a_stopped_one_stays_silent),
		TEST(many_timers_keep_their_order),
		TEST(deferred_calls_run_once_in_the_order_asked),
		TEST(a_manual_clock_moves_only_when_turned),
		TEST(chance_repeats_with_its_seed),
		TEST(sockets_timers_and_deferred_calls_share_a_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
