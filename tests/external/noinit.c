/* SPDX-License-Identifier: MIT */
/* A module without the one function that it must have. */
#include "skynet.h"

void *noinit_create(void)
{
	return malloc(1);
}
