/* SPDX-License-Identifier: MIT */
/* The least module: without create its instance is all ones; its name has a folder before the
 * dot. */
#include <stdint.h>
#include "skynet.h"

int plain_init(void *instance, struct skynet_context *ctx, const char *args)
{
	skynet_error(ctx, "plain %s %s", (intptr_t)instance == -1 ? "has no instance" : "is wrong",
		     args ? args : "(null)");
	return 0;
}
