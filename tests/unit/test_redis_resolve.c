#include "tests/support/alloc.h"
#include "tests/support/test.h"

#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>

/* ---- a resolver that does what the test says; or glibc's ---- */

enum { ASKED_MAX = 4 };

static struct gaicb *asked[ASKED_MAX];
static int standing[ASKED_MAX]; /* EAI_INPROGRESS, 0 or another error */
static unsigned int n_asked;
static bool real, can_be_taken_back, no_threads;

static unsigned int place_of(const struct gaicb *request)
{
	for (unsigned int i = 0; i < n_asked; i++)
		if (asked[i] == request)
			return i;
	fail_msg("nobody asked that");
	return 0;
}

static int scripted_ask(int mode, struct gaicb *list[], int n, struct sigevent *event)
{
	if (real)
		return getaddrinfo_a(mode, list, n, event);
	if (no_threads)
		return EAI_AGAIN;
	assert_int_equal(mode, GAI_NOWAIT);
	assert_int_equal(n, 1);
	assert_true(n_asked < ASKED_MAX);
	asked[n_asked] = list[0];
	standing[n_asked++] = EAI_INPROGRESS;
	return 0;
}

static int scripted_error(struct gaicb *request)
{
	return real ? gai_error(request) : standing[place_of(request)];
}

static int scripted_cancel(struct gaicb *request)
{
	unsigned int i;

	if (real)
		return gai_cancel(request);
	i = place_of(request);
	if (standing[i] != EAI_INPROGRESS)
		return EAI_ALLDONE;
	if (!can_be_taken_back)
		return EAI_NOTCANCELED;
	standing[i] = EAI_CANCELED;
	return EAI_CANCELED;
}

#define getaddrinfo_a scripted_ask
#define gai_error scripted_error
#define gai_cancel scripted_cancel
#include "gateway/tier/redis/resolve.c"
#undef getaddrinfo_a
#undef gai_error
#undef gai_cancel

/* ---- the scene ---- */

static struct loop *loop;
static unsigned int answers;
static char address[RESOLVE_ADDRESS_MAX], reason[128];

static int setup(void **state)
{
	(void)state;
	allocs_left = ALLOCS_UNLIMITED;
	real = can_be_taken_back = no_threads = false;
	n_asked = answers = 0;
	loop = loop_new_manual(1);
	return loop == NULL ? -1 : 0;
}

/* A lookup that is kept for ever fails its test. */
static int teardown(void **state)
{
	(void)state;
	sweep();
	loop_free(loop);
	return list_is_empty(&leftovers) ? 0 : -1;
}

static void on_answer(void *ctx, const char *found, const char *why)
{
	assert_ptr_equal(ctx, &answers);
	assert_true((found == NULL) != (why == NULL));
	snprintf(address, sizeof address, "%s", found == NULL ? "" : found);
	snprintf(reason, sizeof reason, "%s", why == NULL ? "" : why);
	answers++;
}

static struct resolve *ask(const char *host, unsigned int attempt)
{
	struct resolve *r = resolve_start(loop, host, attempt, 2000, on_answer, &answers);

	assert_non_null(r);
	assert_int_equal(answers, 0);
	return r;
}

static void assert_answered(const char *expected)
{
	assert_int_equal(answers, 1);
	assert_string_equal(reason, "");
	assert_string_equal(address, expected);
	loop_turn(loop, 10000);
	assert_int_equal(answers, 1);
}

static void assert_refused(const char *why)
{
	assert_int_equal(answers, 1);
	assert_string_equal(address, "");
	assert_string_equal(reason, why);
	loop_turn(loop, 10000);
	assert_int_equal(answers, 1);
}

/* The lookup at `i` is done: with these addresses, at most three. */
static void found(unsigned int i, const char *const *addresses)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	struct addrinfo **end = &asked[i]->ar_result;

	for (; *addresses != NULL; addresses++) {
		assert_int_equal(getaddrinfo(*addresses, NULL, &hints, end), 0);
		end = &(*end)->ai_next;
	}
	standing[i] = 0;
}

static const char *const one[] = { "192.0.2.1", NULL };
static const char *const three[] = { "192.0.2.1", "2001:db8::2", "192.0.2.3", NULL };

/* ---- numeric hosts ---- */

static void a_numeric_host_is_its_own_answer_and_nobody_is_asked(void **state)
{
	static const char *const hosts[] = { "127.0.0.1", "::1", "2001:db8::ff" };

	(void)state;
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		answers = 0;
		ask(hosts[i], 7);
		loop_turn(loop, 0);
		assert_answered(hosts[i]);
	}
	assert_int_equal(n_asked, 0);
}

static void a_cancelled_numeric_answer_does_not_come(void **state)
{
	(void)state;
	resolve_cancel(ask("127.0.0.1", 0));
	loop_turn(loop, 10000);
	assert_int_equal(answers, 0);
	resolve_cancel(NULL);
}

/* ---- names ---- */

static void a_name_is_looked_up_and_its_answer_comes_from_the_loop(void **state)
{
	(void)state;
	ask("cache.example", 0);
	assert_string_equal(asked[0]->ar_name, "cache.example");
	loop_turn(loop, 500);
	assert_int_equal(answers, 0);
	found(0, one);
	assert_int_equal(answers, 0);
	loop_turn(loop, LOOK_MOST_MS);
	assert_answered("192.0.2.1");
}

static void a_quick_answer_is_seen_at_once(void **state)
{
	(void)state;
	ask("cache.example", 0);
	found(0, one);
	loop_turn(loop, LOOK_FIRST_MS);
	assert_answered("192.0.2.1");
}

static void the_name_is_copied(void **state)
{
	char host[] = "cache.example";

	(void)state;
	ask(host, 0);
	memset(host, 'x', sizeof host - 1);
	assert_string_equal(asked[0]->ar_name, "cache.example");
	found(0, one);
	loop_turn(loop, 100);
}

static void each_attempt_takes_the_next_address_round_and_round(void **state)
{
	static const struct {
		unsigned int attempt;
		const char *address;
	} cases[] = {
		{ 0, "192.0.2.1" }, { 1, "2001:db8::2" },   { 2, "192.0.2.3" },
		{ 3, "192.0.2.1" }, { 301, "2001:db8::2" }, { UINT32_MAX, "192.0.2.1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		answers = n_asked = 0;
		ask("cache.example", cases[i].attempt);
		found(0, three);
		loop_turn(loop, 100);
		assert_answered(cases[i].address);
	}
}

static void a_name_that_is_not_known_is_a_reason(void **state)
{
	(void)state;
	ask("nowhere.example", 0);
	standing[0] = EAI_NONAME;
	loop_turn(loop, 100);
	assert_refused(gai_strerror(EAI_NONAME));
}

static void a_name_without_an_address_is_a_reason(void **state)
{
	(void)state;
	ask("empty.example", 0);
	standing[0] = 0;
	loop_turn(loop, 100);
	assert_refused("the name has no address");
}

/* ---- those that take too long ---- */

static void the_time_out_comes_when_it_was_said(void **state)
{
	(void)state;
	can_be_taken_back = true;
	ask("slow.example", 0);
	loop_turn(loop, 1999);
	assert_int_equal(answers, 0);
	loop_turn(loop, 1);
	assert_refused("the name was not resolved in time");
	assert_true(list_is_empty(&leftovers));
}

static void what_cannot_be_taken_back_is_kept_until_it_is_done(void **state)
{
	(void)state;
	ask("slow.example", 0);
	loop_turn(loop, 2000);
	assert_refused("the name was not resolved in time");
	assert_false(list_is_empty(&leftovers));

	answers = 0;
	ask("slow.example", 0); /* looks, and leaves it alone */
	assert_false(list_is_empty(&leftovers));
	found(0, three);
	found(1, one);
	loop_turn(loop, 100);
	assert_answered("192.0.2.1");
	answers = 0;
	ask("127.0.0.1", 0);
	assert_true(list_is_empty(&leftovers));
	loop_turn(loop, 0);
}

static void it_outlives_the_loop_of_its_asker(void **state)
{
	(void)state;
	resolve_cancel(ask("slow.example", 0));
	loop_free(loop);
	loop = loop_new_manual(1);
	assert_false(list_is_empty(&leftovers));
	found(0, one);
	loop_turn(loop, 10000);
	assert_int_equal(answers, 0);
}

static void several_can_be_under_way_and_end_in_any_order(void **state)
{
	struct resolve *second;

	(void)state;
	ask("a.example", 0);
	second = ask("b.example", 0);
	ask("c.example", 1);
	resolve_cancel(second);
	found(2, three);
	loop_turn(loop, 100);
	assert_int_equal(answers, 1);
	assert_string_equal(address, "2001:db8::2");
	found(0, one);
	found(1, one);
	loop_turn(loop, 1000);
	assert_int_equal(answers, 2);
	assert_string_equal(address, "192.0.2.1");
}

static void ask_once_more(void *ctx, const char *got, const char *why)
{
	(void)got, (void)why;
	assert_non_null(resolve_start(loop, "127.0.0.1", 0, 2000, on_answer, ctx));
}

static void one_can_be_asked_from_inside_the_answer(void **state)
{
	(void)state;
	resolve_start(loop, "a.example", 0, 2000, ask_once_more, &answers);
	found(0, one);
	loop_turn(loop, 100);
	assert_answered("127.0.0.1");
}

static void without_memory_or_a_thread_nothing_is_started(void **state)
{
	(void)state;
	for (int left = 0; left < 2; left++) {
		allocs_left = left;
		assert_null(resolve_start(loop, "a.example", 0, 2000, on_answer, &answers));
	}
	allocs_left = ALLOCS_UNLIMITED;
	no_threads = true;
	assert_null(resolve_start(loop, "a.example", 0, 2000, on_answer, &answers));
	loop_turn(loop, 10000);
	assert_int_equal(answers, 0);
}

/* ---- glibc itself ---- */

static void on_real_answer(void *ctx, const char *got, const char *why)
{
	on_answer(ctx, got, why);
	loop_stop(loop);
}

static void glibc_finds_the_own_machine(void **state)
{
	(void)state;
	real = true;
	loop_free(loop);
	loop = loop_new();
	assert_non_null(loop);
	assert_non_null(resolve_start(loop, "localhost", 0, 10000, on_real_answer, &answers));
	loop_run(loop);
	assert_int_equal(answers, 1);
	assert_string_equal(reason, "");
	if (strcmp(address, "127.0.0.1") != 0)
		assert_string_equal(address, "::1");
}

/* Too long for a name, so that nobody outside is asked. */
static void glibc_says_why_there_is_no_answer(void **state)
{
	char host[300];

	(void)state;
	memset(host, 'a', sizeof host - 1);
	host[sizeof host - 1] = '\0';
	real = true;
	loop_free(loop);
	loop = loop_new();
	assert_non_null(loop);
	assert_non_null(resolve_start(loop, host, 0, 10000, on_real_answer, &answers));
	loop_run(loop);
	assert_int_equal(answers, 1);
	assert_string_equal(address, "");
	assert_string_not_equal(reason, "");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_numeric_host_is_its_own_answer_and_nobody_is_asked),
		TEST(a_cancelled_numeric_answer_does_not_come),
		TEST(a_name_is_looked_up_and_its_answer_comes_from_the_loop),
		TEST(a_quick_answer_is_seen_at_once),
		TEST(the_name_is_copied),
		TEST(each_attempt_takes_the_next_address_round_and_round),
		TEST(a_name_that_is_not_known_is_a_reason),
		TEST(a_name_without_an_address_is_a_reason),
		TEST(the_time_out_comes_when_it_was_said),
		TEST(what_cannot_be_taken_back_is_kept_until_it_is_done),
		TEST(it_outlives_the_loop_of_its_asker),
		TEST(several_can_be_under_way_and_end_in_any_order),
		TEST(one_can_be_asked_from_inside_the_answer),
		TEST(without_memory_or_a_thread_nothing_is_started),
		TEST(glibc_finds_the_own_machine),
		TEST(glibc_says_why_there_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
