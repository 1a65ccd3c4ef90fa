#include "tests/support/test.h"

#include "gateway/base/loop.h"
#include "gateway/server/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS 3

static struct loop *loop;
static struct buf error;
static struct listener *listener;
static uint64_t errors;
static struct timer enough;

static void on_enough(void *ctx)
{
	loop_stop(ctx);
}

static void run_for(uint64_t ms)
{
	timer_set(&enough, ms);
	loop_run(loop);
}

static int setup(void **state)
{
	(void)state;
	errors = 0;
	listener = NULL;
	buf_init(&error);
	loop = loop_new();
	timer_init(&enough, loop, on_enough, loop);
	return loop == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	listener_close(listener);
	loop_free(loop);
	buf_fini(&error);
	return 0;
}

static struct listener_options options(const char *address)
{
	return (struct listener_options){
		.loop = loop, .address = address, .option = "listen", .errors = &errors
	};
}

static struct listener *open_at(const char *address)
{
	struct listener_options o = options(address);

	buf_reset(&error);
	return listener_open(&o, &error);
}

static void assert_error_has(const char *word)
{
	buf_char(&error, '\0');
	if (strstr(error.p, word) == NULL)
		fail_msg("no '%s' in: %s", word, error.p);
}

static int port_of(const char *address)
{
	return atoi(strrchr(address, ':') + 1);
}

static int connect_to(const char *address)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		                 .sin_port = htons((uint16_t)port_of(address)),
		                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	return fd;
}

static void port_0_becomes_a_real_one(void **state)
{
	(void)state;
	listener = open_at("127.0.0.1:0");
	assert_non_null(listener);
	assert_memory_equal(listener_address(listener), "127.0.0.1:", 10);
	assert_true(port_of(listener_address(listener)) > 0);
	assert_true(listener_takes_loopback(listener));
	assert_int_equal(error.n, 0);
}

static void version_6_addresses_have_brackets(void **state)
{
	(void)state;
	listener = open_at("[::1]:0");
	if (listener == NULL)
		skip(); /* this machine has no IPv6 */
	assert_memory_equal(listener_address(listener), "[::1]:", 6);
	assert_true(listener_takes_loopback(listener));
}

static void every_address_is_also_the_loopback(void **state)
{
	(void)state;
	listener = open_at("0.0.0.0:0");
	assert_non_null(listener);
	assert_true(listener_takes_loopback(listener));
}

static struct sockaddr_storage address(const char *text)
{
	struct sockaddr_storage a = { 0 };
	struct sockaddr_in *four = (struct sockaddr_in *)&a;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&a;

	a.ss_family = strchr(text, ':') == NULL ? AF_INET : AF_INET6;
	if (inet_pton(a.ss_family, text,
	              a.ss_family == AF_INET ? (void *)&four->sin_addr : (void *)&six->sin6_addr) !=
	    1)
		fail_msg("no address: %s", text);
	return a;
}

static void the_loopback_is_known_in_every_form(void **state)
{
	static const char *const are[] = { "127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1",
		                           "::ffff:127.9.9.9" };
	static const char *const are_not[] = { "0.0.0.0",     "126.255.255.255",
		                               "128.0.0.1",   "10.0.0.127",
		                               "::",          "::2",
		                               "::127.0.0.1", "::ffff:128.0.0.1",
		                               "fe80::1",     "7f00:1::" };

	(void)state;
	for (size_t i = 0; i < sizeof are / sizeof *are; i++) {
		struct sockaddr_storage a = address(are[i]);

		if (!address_is_loopback(&a))
			fail_msg("not loopback: %s", are[i]);
	}
	for (size_t i = 0; i < sizeof are_not / sizeof *are_not; i++) {
		struct sockaddr_storage a = address(are_not[i]);

		if (address_is_loopback(&a))
			fail_msg("taken for loopback: %s", are_not[i]);
	}
}

static void a_busy_port_is_a_sentence_with_address_and_option(void **state)
{
	char busy[64];

	(void)state;
	listener = open_at("127.0.0.1:0");
	assert_non_null(listener);
	strcpy(busy, listener_address(listener));
	assert_null(open_at(busy));
	assert_error_has(busy);
	assert_error_has("listen");
	assert_error_has("the port is in use");
	assert_null(strchr(error.p, '\n'));
}

static void a_closed_listeners_port_is_free_at_once(void **state)
{
	char address[64];

	(void)state;
	listener = open_at("127.0.0.1:0");
	strcpy(address, listener_address(listener));
	listener_close(listener);
	listener = open_at(address);
	assert_non_null(listener);
	assert_string_equal(listener_address(listener), address);
}

static void an_address_of_another_machine_is_said(void **state)
{
	(void)state;
	assert_null(open_at("192.0.2.1:0"));
	assert_error_has("this machine has no such address");
	assert_null(open_at("nowhere"));
	assert_error_has("not host:port");
}

/* The three options are inherited by what is accepted. */
static void connections_inherit_the_cap_of_the_send_buffer(void **state)
{
	struct listener_options o = options("127.0.0.1:0");
	int size = 0, on = 0, low = 0, client, server, fd = -1;
	socklen_t n = sizeof size;

	(void)state;
	o.send_buffer = 30000;
	listener = listener_open(&o, &error);
	assert_non_null(listener);
	for (int i = 3; i < 64 && fd < 0; i++) { /* ours is the one that listens */
		int listens = 0;

		n = sizeof listens;
		if (getsockopt(i, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) == 0 && listens)
			fd = i;
	}
	client = connect_to(listener_address(listener));
	usleep(1000);
	server = accept(fd, NULL, NULL);
	assert_true(server >= 0);
	n = sizeof size;
	getsockopt(server, SOL_SOCKET, SO_SNDBUF, &size, &n);
	getsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, &n);
	getsockopt(server, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &low, &n);
	assert_int_equal(size, 60000); /* the kernel doubles it for its own book-keeping */
	assert_int_not_equal(on, 0);
	assert_true(low > 0 && low <= 65536);
	close(client);
	close(server);
}

static void above_its_highest_descriptor_it_turns_away_and_rests(void **state)
{
	struct listener_options o = options("127.0.0.1:0");
	int clients[CLIENTS];
	char byte;

	(void)state;
	o.highest_fd = 3;
	listener = listener_open(&o, &error);
	assert_true(listener_start(listener, NULL));
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = connect_to(listener_address(listener));
	run_for(50);
	assert_int_equal(errors, 1); /* not a thousand times: it waits */
	assert_int_equal(read(clients[0], &byte, 1), 0);
	assert_int_equal(recv(clients[1], &byte, 1, MSG_DONTWAIT), -1);
	run_for(400);
	assert_int_equal(errors, CLIENTS);
	for (int i = 0; i < CLIENTS; i++) {
		assert_int_equal(read(clients[i], &byte, 1), 0);
		close(clients[i]);
	}
}

static void closing_none_is_fine(void **state)
{
	(void)state;
	listener_close(NULL);
	assert_int_equal(errors, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(port_0_becomes_a_real_one, setup, teardown),
		cmocka_unit_test_setup_teardown(version_6_addresses_have_brackets, setup, teardown),
		cmocka_unit_test_setup_teardown(every_address_is_also_the_loopback, setup,
		                                teardown),
		cmocka_unit_test(the_loopback_is_known_in_every_form),
		cmocka_unit_test_setup_teardown(a_busy_port_is_a_sentence_with_address_and_option,
		                                setup, teardown),
		cmocka_unit_test_setup_teardown(a_closed_listeners_port_is_free_at_once, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(an_address_of_another_machine_is_said, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(connections_inherit_the_cap_of_the_send_buffer,
		                                setup, teardown),
		cmocka_unit_test_setup_teardown(
			above_its_highest_descriptor_it_turns_away_and_rests, setup, teardown),
		cmocka_unit_test_setup_teardown(closing_none_is_fine, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
