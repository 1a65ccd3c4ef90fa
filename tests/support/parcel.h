/*
 * Comparing parcels, for tests that cannot include cmocka as well as for those that do.
 */
#ifndef ROOMCAST_TEST_PARCEL_H
#define ROOMCAST_TEST_PARCEL_H

#include "broker-common/parcel.h"

/* Not there and empty are two things. */
static inline bool same_slice(struct slice a, struct slice b)
{
	return (a.p == NULL) == (b.p == NULL) && slice_eq(a, b);
}

static inline bool same_member(const struct member *a, const struct member *b)
{
	return same_slice(a->client, b->client) && same_slice(a->user, b->user) &&
		same_slice(a->info, b->info);
}

/* NULL, or the first field in which they differ. */
static inline const char *parcel_difference(const struct parcel *a, const struct parcel *b)
{
#define SAME(how, field)                                                                           \
	if (!(how))                                                                                \
	return #field
#define SAME_SLICE(field) SAME(same_slice(a->field, b->field), field)
#define SAME_MEMBER(field) SAME(same_member(&a->field, &b->field), field)
#define SAME_VALUE(field) SAME(a->field == b->field, field)
	SAME_VALUE(kind);
	SAME_SLICE(topic);
	SAME_MEMBER(from);
	SAME_SLICE(id);
	SAME_SLICE(event_type);
	SAME_SLICE(payload);
	SAME_SLICE(exclude);
	SAME_VALUE(ts_ms);
	SAME_VALUE(born_us);
	SAME_VALUE(drop);
	SAME_MEMBER(member);
	SAME_VALUE(joined);
	SAME_VALUE(user_edge);
	SAME_VALUE(counts_only);
	SAME_VALUE(rev);
	SAME_VALUE(count);
	SAME_VALUE(users);
	SAME_SLICE(node);
	SAME_VALUE(number);
	SAME_SLICE(body);
	SAME_VALUE(error);
	return NULL;
#undef SAME_VALUE
#undef SAME_MEMBER
#undef SAME_SLICE
#undef SAME
}

/* Whether each of its slices that is there lies inside of these bytes. */
static inline bool parcel_lies_in(const struct parcel *p, struct slice bytes)
{
	const struct slice slices[] = { p->topic,       p->from.client, p->from.user,
		                        p->from.info,   p->id,          p->event_type,
		                        p->payload,     p->exclude,     p->member.client,
		                        p->member.user, p->member.info, p->node,
		                        p->body };

	for (size_t i = 0; i < sizeof(slices) / sizeof(slices[0]); i++) {
		struct slice s = slices[i];

		if (s.p == NULL)
			continue;
		if (s.p < bytes.p || s.n > bytes.n || s.p - bytes.p > (ptrdiff_t)(bytes.n - s.n))
			return false;
	}
	return true;
}

#endif
