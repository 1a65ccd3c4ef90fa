/*
 * The structs of the core floor, for its own files. The floors above use session.h, client.h
 * and hub.h.
 */
#ifndef ROOMCAST_CORE_STATE_H
#define ROOMCAST_CORE_STATE_H

#include "broker-common/buf.h"
#include "broker-common/list.h"
#include "broker-common/map.h"
#include "broker-common/topic.h"
#include "gateway/core/client.h"
#include "gateway/core/hub.h"
#include "gateway/core/session.h"

#define CLIENT_ID_LEN (NODE_ID_LEN + 1 + 12) /* node, '-', 60 random bits in base 32 */

struct channel;
struct jwt_keys;
struct login;

/* A session's place in a channel; the channel's array points back. */
struct seat_ref {
	struct channel *channel;
	uint32_t at; /* in channel.members */
};

/* All connections from one address share this. */
struct address {
	struct map_node node;
	uint32_t sessions; /* that count */
	uint32_t refs;
	uint32_t len;
	char text[];
};

/* Tokens in thousandths, so that any rate refills in whole milliseconds. */
struct bucket {
	int64_t milli;
	uint64_t at_ms;
};

/* What one client has cost since it came; for operators. */
struct session_counts {
	uint64_t frames_received, messages_sent, bytes_sent;
	uint32_t messages_dropped, errors, rate_limited;
	uint32_t round_trip_us; /* of the last heartbeat; 0: none yet */
};

struct session {
	/* A delivery looks at these only: two cache lines. */
	struct hub *hub;
	void *transport; /* NULL: gone */
	const struct transport_ops *ops;
	struct queue queue;
	uint8_t state;      /* enum session_state */
	uint8_t why;        /* enum close_why, when closing */
	uint8_t last_error; /* enum err of the error without id that still waits */
	bool woken;         /* the transport knows that something waits */
	bool paused;
	bool hello_due;
	bool counted; /* in hub.connections and its address */
	bool ending;  /* its topics are to be left when the loop turns */
	bool left;    /* its topics have been left */
	uint8_t user_n;
	uint16_t n_acks;
	uint32_t barriers;

	struct session_counts counts; /* beside what input looks at, too */
	struct bucket rate;
	uint64_t heard_ms;      /* last byte from the client */
	struct list_node beat;  /* of hub.beat.fresh or .pinged */
	struct map_node node;   /* of hub.sessions, by id */
	struct list_node phase; /* of hub.greeting, .jammed or .ending */
	struct address *address;
	char *user;          /* NULL: anonymous; not terminated */
	struct login *login; /* NULL: no token */
	struct seat_ref *seats;
	uint32_t n_seats, room_seats;
	uint32_t n_topics;   /* rooms and event types: what `topics_per_client` limits */
	uint32_t n_entering; /* topics that count, on their way */
	uint32_t n_asking;   /* requests with an id that the tier has not answered */
	uint32_t attaching;  /* of its own topics, before the welcome */
	uint32_t refs;
	struct list stash; /* frames that wait for a barrier */
	struct list acks;  /* confirmations expected */
	struct deferred unstash;
	uint64_t opened_ms;
	uint32_t errors, limited; /* in this minute */
	uint32_t minute;          /* since the loop's beginning */
	uint32_t next_ack;
	char id[CLIENT_ID_LEN];
};

/* A topic with receivers on this gateway. */
enum channel_state { CHANNEL_NEW, CHANNEL_SUBSCRIBING, CHANNEL_LIVE };

struct channel_member {
	struct session *session;
	uint32_t slot; /* in session.seats */
	bool sees;     /* gets presence notices */
	bool visible;
	uint64_t seen_rev; /* of the list it was given, or of its own coming */
};

struct channel {
	struct map_node node; /* of hub.channels, by topic */
	struct hub *hub;
	struct channel_member *members;
	uint32_t n_members, room_members;
	uint32_t n_seeing;
	uint32_t refs;                /* members and operations under way */
	struct list waiting;          /* membership operations, until subscribed */
	struct presence_batch *batch; /* changes not told yet, or NULL */
	uint64_t told_rev;            /* changes up to this one have been told */
	int64_t max_members, presence_max;
	uint8_t state;    /* enum channel_state */
	uint8_t kind;     /* enum topic_kind */
	uint8_t lane;     /* enum lane */
	uint8_t policy;   /* enum queue_policy */
	uint8_t presence; /* PRESENCE_… of config.h */
	uint8_t len;
	char topic[]; /* whole */
};

struct heartbeat {
	struct list fresh, pinged; /* sessions by the last byte heard, the longest silent first */
	struct timer timer;
};

/* Sending everybody away; see hub_drain(). */
struct drain {
	struct timer timer;
	void (*stop_accepting)(void *ctx);
	void (*done)(void *ctx);
	void *ctx;
	uint64_t until_ms; /* end of the spread */
	bool asked;        /* not ready any more */
	bool refusing;     /* no new clients */
	bool finished;
};

/* What the tier has said of itself last. */
struct link {
	bool up, been_up;
	uint64_t down_since_ms; /* of the loop, while it is down */
	char why[256];          /* "tier down: REASON" */
	const char *reason;     /* in it */
	char trouble[256];      /* what does not work though it is up; "" nothing */
};

/* Who looks at the loop's lag: each hears of the longest since it looked last. */
enum lag_reader { LAG_METRICS, LAG_OPERATOR, LAG_READERS };

enum overload { OVERLOAD_NORMAL, OVERLOAD_PRESSURED, OVERLOAD_OVERLOADED };

struct hub {
	struct loop *loop;
	const struct config *config;
	struct metrics *metrics;
	struct tier *tier;
	struct jwt_keys *keys; /* NULL: none are configured, everybody may do everything */
	void (*dispatch)(struct hub *h, struct session *s, char *text, size_t n);
	void (*unfit)(void *ctx);
	void *unfit_ctx;
	void (*drain_asked)(void *ctx); /* NULL: an operator cannot */
	void *drain_ctx;
	char node[NODE_ID_LEN];
	struct map sessions, channels, addresses;
	struct map room_rates;     /* of rooms whose policy has a rate, see rooms.c */
	uint32_t room_rates_sweep; /* how many there may be until silent ones are forgotten */
	uint32_t connections;      /* that count; hub.sessions has the refused ones too */
	struct heartbeat beat;
	struct queue_limits limits;
	struct budget budget;
	uint64_t memory_limit;
	enum overload overload;
	struct list greeting; /* sessions without welcome, oldest first */
	struct list
		jammed; /* sessions that ask and do not read the answers, by the last byte taken */
	struct list ending; /* sessions whose topics are to be left when the loop turns */
	struct deferred end;
	struct list requests;  /* under way at the tier, so that hub_close() can free them */
	struct list ups;       /* the same for publishes */
	struct list asked;     /* the same for questions to other gateways */
	struct list inquiries; /* the same for what operators ask */
	uint32_t n_inquiries;
	struct list batches; /* presence changes not told yet, oldest first */
	struct timer batch_timer;
	uint32_t takes;  /* for sampling */
	struct buf text; /* for building frames; never kept over a call */
	struct drain drain;
	uint64_t opened_ms;
	struct link link;
	uint64_t lag_ms[LAG_READERS]; /* not read yet; see hub_lag_ms() */
	bool closing;
};

#endif
