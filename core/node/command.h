/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The command table of the C contract, what skynet_command reaches: text in, text out, in the name
 * of a service.
 */
#include "core/actor/service.h"

/* Result: NULL, or a string that is valid until the next command of the same service. The service's
 * own thread of control. Unknown commands return NULL. */
const char *command_run(struct service *s, const char *command, const char *parm);
