/* SPDX-License-Identifier: MIT */
/*
 * Prints what `harbord --help-config` prints. It is made for the machine that builds, so that the
 * manual page of the configuration can be made where harbord itself is built for another processor
 * and does not run.
 */
#include <stdio.h>

#include "conf/help.h"

int main(void)
{
	config_help(stdout);
	return fflush(stdout) == 0 ? 0 : 1;
}
