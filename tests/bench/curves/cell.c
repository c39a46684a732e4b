/* SPDX-License-Identifier: MIT */
/* The cheapest service there is: a C service that answers every request with nothing. For the
 * curve of the handle table, which is about millions of them. */
#include "lua/contract/include/skynet.h"

static int on_message(struct skynet_context *ctx, void *ud, int type, int session, uint32_t source,
		      const void *msg, size_t sz)
{
	(void)ud, (void)type, (void)msg, (void)sz;
	skynet_send(ctx, 0, source, PTYPE_RESPONSE, session, NULL, 0);
	return 0;
}

int cell_init(void *inst, struct skynet_context *ctx, const char *args);

int cell_init(void *inst, struct skynet_context *ctx, const char *args)
{
	(void)inst, (void)args;
	skynet_callback(ctx, NULL, on_message);
	return 0;
}
