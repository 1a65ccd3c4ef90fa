#include "tests/support/test.h"

#include "broker-common/log.h"
#include "gateway/base/loop.h"
#include "gateway/base/lws_loop.h"

#include <errno.h>
#include <libwebsockets.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OWNERS 3
#define REQUEST                                                                                    \
	"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"               \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

/* Notes: "r0" owner 0 could read, "w0" it could write, "c0" it was closed, "d" the deferred call. */
struct owner {
	struct lws *wsi;
	struct line *line;
	int far; /* the client's end */
	char name;
};

static struct loop *loop;
static struct lws_loop *lws;
static struct lws_vhost *vhost;
static struct owner owners[OWNERS];
static struct timer enough;
static struct deferred later;
static char notes[256];
static bool drain_input, write_on_read, write_again;
static int taken;

static void note(char what, char who)
{
	size_t n = strlen(notes);

	assert_true(n + 4 < sizeof notes);
	if (n > 0)
		notes[n++] = ' ';
	notes[n++] = what;
	notes[n++] = who;
	notes[n] = '\0';
}

static void on_later(void *ctx)
{
	(void)ctx;
	note('d', '.');
	lws_loop_write(owners[1].line);
}

static void on_readable(void *ctx)
{
	struct owner *o = ctx;
	char bytes[64];

	note('r', o->name);
	if (drain_input)
		while (recv(lws_loop_fd(o->line), bytes, sizeof bytes, MSG_DONTWAIT) > 0)
			;
	if (!write_on_read)
		return;
	lws_loop_write(o->line);
	lws_loop_write(o->line);
	loop_defer(loop, &later);
}

static void on_writable(void *ctx)
{
	struct owner *o = ctx;

	note('w', o->name);
	if (write_again) {
		write_again = false;
		lws_loop_write(o->line);
	}
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
	struct owner *o = user;

	(void)in;
	(void)n;
	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		o = &owners[taken];
		o->wsi = wsi;
		o->name = (char)('0' + taken++);
		o->line = lws_loop_take(wsi, o);
		lws_set_wsi_user(wsi, o);
		return 0;
	case LWS_CALLBACK_CLOSED:
		if (o != NULL)
			note('c', o->name);
		lws_set_wsi_user(wsi, NULL);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE: note('!', '!'); return 0; /* lws is out of the way */
	default: return 0;
	}
}

static const struct lws_protocols protocols[] = {
	{ .name = "test", .callback = on_lws, .rx_buffer_size = 128 }, { .name = NULL }
};

static void on_enough(void *ctx)
{
	loop_stop(ctx);
}

static void run_for(uint64_t ms)
{
	timer_set(&enough, ms);
	loop_run(loop);
}

/* A client whose handshake is over. */
static void connect_one(struct owner *o)
{
	char answer[512];
	int pair[2];
	ssize_t n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
	                 0);
	o->far = pair[1];
	assert_non_null(lws_adopt_socket_vhost(vhost, pair[0]));
	assert_int_equal(send(o->far, REQUEST, strlen(REQUEST), 0), (ssize_t)strlen(REQUEST));
	run_for(5);
	n = recv(o->far, answer, sizeof answer, 0);
	assert_true(n > 20);
	assert_memory_equal(answer, "HTTP/1.1 101 ", 13);
}

static int setup(void **state)
{
	static const lws_retry_bo_t no_idle_policy;
	struct lws_loop_options o = { .timeout_s = 10,
		                      .readable = on_readable,
		                      .writable = on_writable };
	struct lws_context_creation_info info = { .vhost_name = "test",
		                                  .port = CONTEXT_PORT_NO_LISTEN_SERVER,
		                                  .protocols = protocols,
		                                  .retry_and_idle_policy = &no_idle_policy };

	(void)state;
	loop = loop_new();
	assert_non_null(loop);
	o.loop = loop;
	lws = lws_loop_open(&o);
	assert_non_null(lws);
	vhost = lws_create_vhost(lws_loop_context(lws), &info);
	assert_non_null(vhost);
	timer_init(&enough, loop, on_enough, loop);
	later = (struct deferred){ .run = on_later };
	taken = 0;
	drain_input = true;
	write_on_read = write_again = false;
	for (int i = 0; i < OWNERS; i++)
		connect_one(&owners[i]);
	notes[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	lws_loop_close(lws);
	loop_free(loop);
	for (int i = 0; i < OWNERS; i++)
		close(owners[i].far);
	return 0;
}

static void say(struct owner *o)
{
	assert_int_equal(send(o->far, "x", 1, 0), 1);
}

static void what_comes_goes_to_the_owner_and_not_to_lws(void **state)
{
	(void)state;
	say(&owners[1]);
	run_for(5);
	assert_string_equal(notes, "r1");
}

static void writing_is_once_a_pass_and_behind_what_was_deferred_in_it(void **state)
{
	(void)state;
	write_on_read = true;
	say(&owners[0]);
	run_for(5);
	assert_string_equal(notes, "r0 d. w0 w1");
}

static void who_was_first_to_ask_writes_first(void **state)
{
	(void)state;
	lws_loop_write(owners[2].line);
	lws_loop_write(owners[0].line);
	lws_loop_write(owners[1].line);
	lws_loop_write(owners[2].line);
	run_for(5);
	assert_string_equal(notes, "w2 w0 w1");
}

static void who_wants_to_write_more_waits_for_the_next_pass(void **state)
{
	(void)state;
	write_again = true;
	lws_loop_write(owners[0].line);
	lws_loop_write(owners[1].line);
	say(&owners[2]);
	run_for(5);
	/* The reader comes in between. */
	assert_true(strcmp(notes, "w0 w1 r2 w0") == 0 || strcmp(notes, "r2 w0 w1 w0") == 0);
}

static void a_full_socket_is_asked_again_only_when_it_takes_bytes(void **state)
{
	static char junk[65536];

	(void)state;
	while (send(lws_loop_fd(owners[0].line), junk, sizeof junk, MSG_DONTWAIT) > 0)
		;
	assert_int_equal(errno, EAGAIN);
	lws_loop_write_blocked(owners[0].line);
	lws_loop_write(owners[0].line); /* changes nothing */
	run_for(20);
	assert_string_equal(notes, "");
	while (recv(owners[0].far, junk, sizeof junk, MSG_DONTWAIT) > 0)
		;
	run_for(20);
	assert_string_equal(notes, "w0");
}

static void a_paused_owner_hears_nothing_until_it_goes_on(void **state)
{
	(void)state;
	lws_loop_pause(owners[0].line, true);
	lws_loop_pause(owners[0].line, true);
	say(&owners[0]);
	run_for(10);
	assert_string_equal(notes, "");
	lws_loop_pause(owners[0].line, false);
	run_for(10);
	assert_string_equal(notes, "r0");
}

static void a_killed_connection_is_closed_in_the_same_turn_and_never_asked_again(void **state)
{
	char byte;

	(void)state;
	lws_loop_write(owners[0].line);
	lws_loop_write_blocked(owners[1].line);
	lws_set_timeout(owners[0].wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
	lws_set_timeout(owners[1].wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
	lws_loop_pause(owners[1].line, true);
	lws_loop_poke(lws);
	run_for(10);
	assert_non_null(strstr(notes, "c0"));
	assert_non_null(strstr(notes, "c1"));
	assert_null(strstr(strstr(notes, "c0"), "w0"));
	assert_int_equal(recv(owners[0].far, &byte, 1, 0), 0);
	assert_int_equal(recv(owners[1].far, &byte, 1, 0), 0);
}

static void a_descriptor_that_comes_back_has_no_past(void **state)
{
	(void)state;
	lws_loop_pause(owners[0].line, true);
	lws_loop_write_blocked(owners[0].line);
	lws_set_timeout(owners[0].wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
	lws_loop_poke(lws);
	run_for(5);
	close(owners[0].far);
	taken = 0;
	connect_one(&owners[0]);
	notes[0] = '\0';
	say(&owners[0]);
	lws_loop_write(owners[0].line);
	run_for(5);
	assert_non_null(strstr(notes, "r0"));
	assert_non_null(strstr(notes, "w0"));
}

static void closing_all_tells_every_owner(void **state)
{
	(void)state;
	lws_loop_close(lws);
	lws = NULL;
	assert_non_null(strstr(notes, "c0"));
	assert_non_null(strstr(notes, "c1"));
	assert_non_null(strstr(notes, "c2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_comes_goes_to_the_owner_and_not_to_lws, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(
			writing_is_once_a_pass_and_behind_what_was_deferred_in_it, setup, teardown),
		cmocka_unit_test_setup_teardown(who_was_first_to_ask_writes_first, setup, teardown),
		cmocka_unit_test_setup_teardown(who_wants_to_write_more_waits_for_the_next_pass,
		                                setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_full_socket_is_asked_again_only_when_it_takes_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(a_paused_owner_hears_nothing_until_it_goes_on,
		                                setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_killed_connection_is_closed_in_the_same_turn_and_never_asked_again, setup,
			teardown),
		cmocka_unit_test_setup_teardown(a_descriptor_that_comes_back_has_no_past, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(closing_all_tells_every_owner, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
