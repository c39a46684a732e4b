/* SPDX-License-Identifier: MIT */
#pragma once
/* Exit statuses of harborctl, which its manual page promises. */
#include <sysexits.h>

enum {
	CTL_DONE = 0,
	CTL_FAILED = 1,
	CTL_PARTLY = 3,	   /* of several nodes some did not answer */
	CTL_UNHEALTHY = 4, /* status: the node is not as it should be */
	CTL_USAGE = 2,
	CTL_UNAVAILABLE = EX_UNAVAILABLE,
};
