/*
 * The fail tier: never up, refuses everything. Tests see with it what clients see when the
 * fan-out tier cannot be reached.
 */
#include "gateway/tier/tier.h"

#include <stdlib.h>

static struct tier *fail_open(const struct tier_options *o, const struct tier_events *ev, void *ctx)
{
	struct tier *t = calloc(1, sizeof *t);

	(void)o, (void)ev, (void)ctx;
	if (t != NULL)
		t->ops = &tier_fail;
	return t;
}

static void fail_close(struct tier *t)
{
	free(t);
}

static enum err fail_publish(struct tier *t, const struct tier_message *m, tier_published *done,
                             void *ctx)
{
	(void)t, (void)m, (void)done, (void)ctx;
	return ERR_UNAVAILABLE;
}

static enum err fail_subscribe(struct tier *t, struct slice topic, tier_done *done, void *ctx)
{
	(void)t, (void)topic, (void)done, (void)ctx;
	return ERR_UNAVAILABLE;
}

static void fail_unsubscribe(struct tier *t, struct slice topic)
{
	(void)t, (void)topic;
}

static enum err fail_enter(struct tier *t, const struct tier_entry *e, tier_room_done *done,
                           void *ctx)
{
	(void)t, (void)e, (void)done, (void)ctx;
	return ERR_UNAVAILABLE;
}

static void fail_leave(struct tier *t, struct slice topic, struct slice client)
{
	(void)t, (void)topic, (void)client;
}

static enum err fail_room(struct tier *t, struct slice topic, uint64_t limit, tier_room_done *done,
                          void *ctx)
{
	(void)t, (void)topic, (void)limit, (void)done, (void)ctx;
	return ERR_UNAVAILABLE;
}

static enum err fail_topics(struct tier *t, struct slice prefix, struct slice after, size_t limit,
                            tier_names_done *done, void *ctx)
{
	(void)t, (void)prefix, (void)after, (void)limit, (void)done, (void)ctx;
	return ERR_UNAVAILABLE;
}

static enum err fail_nodes(struct tier *t, tier_names_done *done, void *ctx)
{
	(void)t, (void)done, (void)ctx;
	return ERR_UNAVAILABLE;
}

static enum err fail_call(struct tier *t, struct slice node, struct slice request,
                          uint64_t deadline_ms, tier_reply *done, void *ctx)
{
	(void)t, (void)node, (void)request, (void)deadline_ms, (void)done, (void)ctx;
	return ERR_UNAVAILABLE;
}

static enum err fail_read(struct tier *t, struct slice topic, uint64_t since, size_t limit,
                          tier_done *done, void *ctx)
{
	(void)t, (void)topic, (void)since, (void)limit, (void)done, (void)ctx;
	return ERR_UNAVAILABLE;
}

const struct tier_ops tier_fail = {
	.name = "fail",
	.open = fail_open,
	.close = fail_close,
	.publish = fail_publish,
	.subscribe = fail_subscribe,
	.unsubscribe = fail_unsubscribe,
	.enter = fail_enter,
	.leave = fail_leave,
	.room = fail_room,
	.topics = fail_topics,
	.nodes = fail_nodes,
	.call = fail_call,
	.read = fail_read,
};
