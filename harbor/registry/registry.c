/* SPDX-License-Identifier: MIT */
#include "harbor/registry/registry.h"

#include <fcntl.h>
#include <unistd.h>

#include "core/base/mem.h"

struct registry_change *registry_add(struct registry_content *c)
{
	if (c->count == c->capacity) {
		c->capacity = c->capacity ? c->capacity * 2 : 64;
		c->items = mem_realloc(c->items, c->capacity * sizeof(*c->items));
	}
	c->items[c->count] = (struct registry_change){ 0 };
	return &c->items[c->count++];
}

void registry_content_fini(struct registry_content *c)
{
	mem_free(c->items);
	*c = (struct registry_content){ 0 };
}

bool registry_sync(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}
