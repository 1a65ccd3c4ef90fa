/* roomcastctl bench: where load comes from. */
#include "tools/ctl/command.h"

#include <stdio.h>

static int run(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	fputs("Load and latency are measured by roomcast-bench, which is a program of its own:\n"
	      "\n"
	      "  a gateway of its own, one scene, against the least that is possible:\n"
	      "    roomcast-bench --gateway build/release/roomcast-gateway --scene one-room --floor\n"
	      "  gateways that run already (open their limits first: max_rate, max_connections):\n"
	      "    roomcast-bench --endpoint ws://HOST:8000/v1/ws --subscribers 1000 --rooms 100 --rate 1000\n"
	      "  all options, scenes and figures:\n"
	      "    roomcast-bench --help\n"
	      "    roomcast-bench --list-scenes\n",
	      stdout);
	return DONE;
}

const struct command command_bench = {
	.name = "bench",
	.arguments = "",
	.summary = "how to measure load and latency (roomcast-bench)",
	.most_given = -1,
	.run = run,
};
