/*
 * What the command line says. Every option is one row of the table in options.c, every scene one
 * of the table in scenes.c; the help is made from both.
 */
#ifndef ROOMCAST_BENCH_OPTIONS_H
#define ROOMCAST_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPTION_LIST_MAX 64
#define REPEAT_MAX 1000

enum floor_choice { FLOOR_NONE, FLOOR_ONLY_EACH, FLOOR_ONLY_COALESCED, FLOOR_BOTH };

struct text_list {
	const char *at[OPTION_LIST_MAX];
	size_t count;
};

struct options {
	/* whom */
	struct text_list endpoint, server_pid, gateway_arg;
	const char *gateway, *token, *ca_file;
	bool insecure, gateway_tls;
	enum floor_choice floor;
	/* what */
	const char *scene;
	uint32_t subscribers, rooms, publishers, size, window;
	bool presence;
	double rate, connect_rate;
	/* how long */
	double warm_up, duration, idle, timeout;
	uint32_t repeat;
	/* how */
	int pin, spin, progress; /* switches; -1: decided by the circumstances */
	bool json;
	/* instead */
	uint32_t serve_floor; /* port */
	bool list_scenes, help, version;
};

/* Defaults, then the scene, then the arguments. False: said on stderr what is wrong. */
bool options_read(struct options *o, int argc, char **argv);

void options_print_help(void);

struct scene {
	const char *name, *help;
	const char *const
		*settings; /* as on the command line, without the dashes; ends with NULL */
};

/* NULL: there is none of that name. */
const struct scene *scene_find(const char *name);
void scenes_print(void);

#endif
