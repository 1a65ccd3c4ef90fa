/*
 * roomcast-bench: loads brokers that speak roomcast's protocol, and measures them.
 *
 *   options, scenes        what is asked for
 *   campaign               the runs in turn: starts servers (server, certificate, floor), collects
 *   load                   one run: connect, idle, publish, wait, judge
 *   crowd, traffic         the clients and their dialogue; what is published, and what came of it
 *   ledger, histogram      every delivery accounted for; latencies
 *   conn, link, frame      RFC 6455 on one epoll
 *   meter, result, report  what the kernel counted; figures and their medians; the table and JSON
 */
#include "broker-common/version.h"
#include "tools/bench/campaign.h"
#include "tools/bench/floor.h"
#include "tools/bench/options.h"
#include "tools/bench/progress.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int serve_floor(const struct options *o)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;
	struct rlimit files;

	at.sin_port = htons((uint16_t)o->serve_floor);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 4096) != 0) {
		complain("cannot listen on 127.0.0.1:%u", o->serve_floor);
		return 1;
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	floor_serve(fd, o->floor == FLOOR_ONLY_COALESCED ? FLOOR_COALESCED : FLOOR_EACH);
}

int main(int argc, char **argv)
{
	struct options o;

	signal(SIGPIPE, SIG_IGN);
	if (!options_read(&o, argc, argv))
		return 2;
	if (o.help)
		options_print_help();
	else if (o.version)
		puts("roomcast-bench " ROOMCAST_VERSION);
	else if (o.list_scenes)
		scenes_print();
	if (o.help || o.version || o.list_scenes)
		return 0;
	if (o.serve_floor > 0)
		return serve_floor(&o);
	progress_enable(o.progress == -1 ? isatty(STDERR_FILENO) : o.progress);
	return campaign_run(&o);
}
