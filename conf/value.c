/* SPDX-License-Identifier: MIT */
/* Each type of the schema is a member of struct config of one C type. */
#include "conf/value.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/must.h"

static const void *member(const struct config *c, const struct schema_key *k)
{
	return (const char *)c + k->offset;
}

/* Writes a number in the largest unit that it is a whole number of. */
static char *scaled(uint64_t n, bool duration)
{
	static const struct {
		uint64_t scale;
		const char *suffix;
	} times[] = { { 3600000, "h" }, { 60000, "min" }, { 1000, "s" }, { 1, "ms" } },
	  sizes[] = { { 1 << 30, "GiB" }, { 1 << 20, "MiB" }, { 1024, "KiB" }, { 1, "" } };

	for (size_t i = 0; n && i < array_len(times); i++) {
		uint64_t scale = duration ? times[i].scale : sizes[i].scale;

		if (n % scale == 0)
			return mem_printf("%" PRIu64 "%s", n / scale,
					  duration ? times[i].suffix : sizes[i].suffix);
	}
	return mem_strdup(duration ? "0s" : "0");
}

static char *joined(const struct config_list *list)
{
	char *text = list->count ? mem_strdup(list->items[0]) : NULL;

	for (size_t i = 1; i < list->count; i++) {
		char *more = mem_printf("%s, %s", text, list->items[i]);

		mem_free(text);
		text = more;
	}
	return text;
}

char *config_value(const struct config *c, const struct schema_key *k)
{
	const void *at = member(c, k);
	uint32_t n;

	if (schema_is_list(k))
		return joined(at);
	switch (k->type) {
	case SCHEMA_BOOL:
		return mem_strdup(*(const bool *)at ? "true" : "false");
	case SCHEMA_BYTES:
		return scaled(*(const uint64_t *)at, false);
	case SCHEMA_MS:
		return scaled(*(const uint32_t *)at, true);
	case SCHEMA_UINT:
	case SCHEMA_THREADS:
	case SCHEMA_HARBOR:
		n = *(const uint32_t *)at;
		if (k->type == SCHEMA_HARBOR ? c->node.harbor_auto
					     : k->type == SCHEMA_THREADS && !n)
			return mem_strdup("auto");
		return mem_printf("%" PRIu32, n);
	default:
		return *(char *const *)at ? mem_strdup(*(char *const *)at) : NULL;
	}
}

static size_t size_of(const struct schema_key *k)
{
	if (schema_is_list(k))
		return sizeof(struct config_list);
	switch (k->type) {
	case SCHEMA_BOOL:
		return sizeof(bool);
	case SCHEMA_BYTES:
		return sizeof(uint64_t);
	case SCHEMA_MS:
	case SCHEMA_UINT:
	case SCHEMA_THREADS:
		return sizeof(uint32_t);
	default:
		return sizeof(char *);
	}
}

/* Returns the name of the file as `c` itself keeps it. */
static const char *own_file(struct config *c, const char *file)
{
	for (size_t i = 0; file && i < c->files.count; i++)
		if (strcmp(c->files.items[i], file) == 0)
			return c->files.items[i];
	if (!file)
		return NULL;
	config_list_add(&c->files, file);
	return c->files.items[c->files.count - 1];
}

void config_exchange(struct config *to, struct config *from, const struct schema_key *k)
{
	size_t n = size_of(k), i = (size_t)(k - schema_keys);
	char *a = (char *)to + k->offset, *b = (char *)from + k->offset;
	char held[sizeof(struct config_list)];
	struct place place = to->places[i];
	char *written;

	must(k->type != SCHEMA_HARBOR && n <= sizeof(held)); /* that one has two members */
	memcpy(held, a, n);
	memcpy(a, b, n);
	memcpy(b, held, n);
	written = to->written[i];
	to->written[i] = from->written[i];
	from->written[i] = written;
	to->places[i] = from->places[i];
	to->places[i].file = own_file(to, to->places[i].file);
	from->places[i] = place;
	from->places[i].file = own_file(from, place.file);
}
