/*
 * Any bytes as the value of the option: what is taken is whole, within its bounds, and reads back from
 * its name; what is refused is refused with a sentence.
 */
#include "gateway/tier/redis/address.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool inside(const struct redis_addresses *all, const char *text)
{
	return text >= all->text && text + strlen(text) <= all->text + all->text_bytes;
}

static void check_parts(const struct redis_addresses *all, const struct redis_address *a)
{
	assert(a->user == NULL || (*a->user != '\0' && inside(all, a->user)));
	assert(a->password == NULL || inside(all, a->password));
	assert(a->path == NULL || (*a->path == '/' && inside(all, a->path) && !a->tls));
	assert(a->master == NULL || (*a->master != '\0' && inside(all, a->master)));
	assert(a->path == NULL || a->master == NULL);
	assert(a->path != NULL ? a->n_hosts == 0 : a->n_hosts >= 1);
	assert(a->master != NULL ? a->n_hosts <= REDIS_SENTINELS_MAX : a->n_hosts <= 1);
	for (size_t i = 0; i < a->n_hosts; i++) {
		assert(inside(all, a->hosts[i].name) && a->hosts[i].port != 0);
		assert(*a->hosts[i].name != '\0' && strlen(a->hosts[i].name) <= REDIS_HOST_MAX);
	}
}

static void check_name(const struct redis_address *a)
{
	struct redis_addresses again;
	struct buf name, second, error;

	buf_init(&name);
	buf_init(&second);
	buf_init(&error);
	address_name(a, &name);
	buf_char(&name, '\0');
	assert(addresses_parse(name.p, &again, &error) && again.n == 1);
	address_name(again.at, &second);
	assert(slice_eq(buf_view(&second), slice_of(name.p)));
	assert(again.at->tls == a->tls && again.at->database == a->database);
	assert(again.at->user == NULL && again.at->password == NULL);
	addresses_fini(&again);
	buf_fini(&name);
	buf_fini(&second);
	buf_fini(&error);
}

static void check_sentence(const struct buf *error)
{
	assert(error->n > 0 && error->n < 400 && !error->failed);
	for (size_t i = 0; i < error->n; i++)
		assert(error->p[i] >= ' ' && error->p[i] < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct redis_addresses all;
	struct buf error;

	assert(text != NULL);
	if (size != 0)
		memcpy(text, data, size);
	text[size] = '\0';
	buf_init(&error);
	if (addresses_parse(text, &all, &error)) {
		assert(error.n == 0 && all.n >= 1 && all.n <= REDIS_SERVERS_MAX);
		for (size_t i = 0; i < all.n; i++) {
			check_parts(&all, &all.at[i]);
			check_name(&all.at[i]);
		}
		addresses_fini(&all);
	} else {
		check_sentence(&error);
	}
	buf_fini(&error);
	free(text);
	return 0;
}
