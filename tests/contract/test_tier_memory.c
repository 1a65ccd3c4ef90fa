#include "tests/support/tier_contract.h"

#include <stdio.h>

static struct loop *open_memory(void **medium)
{
	struct loop *loop = loop_new_manual(7);

	*medium = exchange_new(loop, KEYS_MAX, KEYS_MS);
	return loop;
}

static void close_memory(struct loop *loop, void *medium)
{
	exchange_free(medium);
	loop_free(loop);
}

/* Keys are the exchange's. */
static const char *flags(void)
{
	return "--tier=memory";
}

int main(void)
{
	return tier_contract(&(struct tier_backend){
		.tier = &tier_memory,
		.open = open_memory,
		.close = close_memory,
		.flags = flags,
		.pass = loop_turn,
		.step_ms = 0,
		.quiet_steps = 1,
	});
}
