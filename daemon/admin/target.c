/* SPDX-License-Identifier: MIT */
/* The service that a command is about: see target.h. */
#include "daemon/admin/target.h"

#include <string.h>

#include "core/actor/handle.h"
#include "core/actor/send.h"
#include "core/base/mem.h"
#include "core/node/single.h"
#include "daemon/admin/call.h"
#include "daemon/state/info.h"
#include "harbor/harbor.h"

struct wanted {
	const char *name;
	uint32_t handle;
};

static void match(const char *name, uint32_t handle, uint64_t fence, uint64_t since, void *ud)
{
	struct wanted *n = ud;

	(void)fence;
	(void)since;
	if (strcmp(name, n->name) == 0)
		n->handle = handle;
}

static void match_global(const struct harbor_name_info *n, void *ud)
{
	match(n->name, n->handle, n->fence, n->since_wall_ns, ud);
}

static uint32_t find(const char *address)
{
	struct wanted n = { .name = address };

	if (*address == ':' || *address == '.')
		return service_find(address);
	if (info_get()->cluster)
		harbor_foreach_name(match_global, &n);
	else
		single_foreach_name(match, &n);
	return n.handle;
}

enum result target_find(struct request *r, const char *address, const char *command,
			const char *rest, uint32_t *ret_handle)
{
	cleanup(mem_freep) char *line = NULL;
	uint32_t handle = find(address);

	if (!handle)
		return request_fail(r, "no such service");
	*ret_handle = handle;
	if (handle_is_local(handle))
		return DONE;
	if (r->who->is_node)
		return request_fail(r, "the service is another node's");
	line = mem_printf("%s :%08x%s%s", command, handle, *rest ? " " : "", rest);
	call_node(r->who, handle >> 24, line);
	return LATER;
}
