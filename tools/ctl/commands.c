#include "broker-common/slice.h"
#include "tools/ctl/client.h"
#include "tools/ctl/command.h"
#include "tools/ctl/endpoint.h"
#include "tools/ctl/output.h"

const struct command *const commands[] = {
	&command_rooms,  &command_room,   &command_clients,
	&command_client, &command_user,   &command_nodes,
	&command_stats,  &command_top,    &command_doctor,
	&command_config, &command_listen, &command_publish,
	&command_token,  &command_kick,   &command_disconnect,
	&command_drain,  &command_bench,  NULL,
};

bool help_wanted;

const struct option_row common_options[] = {
	{ "help", OPTION_FLAG, NULL, "show this", &help_wanted, 0 },
	{ .name = NULL },
};

const char command_exit_codes[] = "0 done, 1 failed or incomplete (stderr says why), 2 wrong use";

const struct command *command_find(const char *name)
{
	for (const struct command *const *c = commands; *c != NULL; c++) {
		if (strcmp((*c)->name, name) == 0)
			return *c;
	}
	return NULL;
}

void command_options(const struct command *c, const struct option_row *tables[COMMAND_TABLES])
{
	if (c->options != NULL)
		*tables++ = c->options;
	if (c->takes & TAKES_JSON)
		*tables++ = json_options;
	if (c->takes & TAKES_LIMIT)
		*tables++ = limit_options;
	if (c->takes & TAKES_WATCH)
		*tables++ = watch_options;
	if (c->takes & TAKES_SOCKET)
		*tables++ = client_options;
	if (c->takes & TAKES_ENDPOINT)
		*tables++ = endpoint_options;
	*tables++ = common_options;
	*tables = NULL;
}
