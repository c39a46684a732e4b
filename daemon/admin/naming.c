/* SPDX-License-Identifier: MIT */
/* Names of services by their handles: a snapshot, sorted. */
#include "daemon/admin/naming.h"

#include <stdlib.h>

#include "core/actor/handle.h"
#include "core/actor/names.h"
#include "core/actor/service.h"
#include "core/base/mem.h"

struct naming_item {
	uint32_t handle;
	char *name;
};

static void note(const char *name, uint32_t handle, uint64_t since, void *ud)
{
	struct naming *n = ud;

	if (n->count == n->capacity) {
		n->capacity = n->capacity ? n->capacity * 2 : 64;
		n->items = mem_realloc(n->items, n->capacity * sizeof(*n->items));
	}
	n->items[n->count++] = (struct naming_item){ handle, mem_strdup(name) };
}

static int by_handle(const void *a, const void *b)
{
	const struct naming_item *x = a, *y = b;

	return (x->handle > y->handle) - (x->handle < y->handle);
}

void naming_init(struct naming *ret)
{
	*ret = (struct naming){ 0 };
	names_foreach(note, ret);
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), by_handle);
}

void naming_fini(struct naming *n)
{
	for (size_t i = 0; i < n->count; i++)
		mem_free(n->items[i].name);
	mem_free(n->items);
	*n = (struct naming){ 0 };
}

static void add_service(struct json *j, uint32_t handle)
{
	struct service *s = service_grab(handle);

	json_string(j, "service", s ? s->args : "");
	if (s)
		service_unref(s);
}

void naming_json(const struct naming *n, struct json *j, uint32_t handle, const char *of)
{
	struct naming_item key = { .handle = handle };
	const struct naming_item *named = NULL;

	if (n->count)
		named = bsearch(&key, n->items, n->count, sizeof(key), by_handle);
	json_handle(j, "handle", handle);
	json_printf(j, "name", "%s%s", named ? "." : "", named ? named->name : "");
	if (of)
		json_string(j, "service", of);
	else
		add_service(j, handle);
}
