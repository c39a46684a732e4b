/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Whether the node lives, and whether it is ready to be given work: what GET /healthz and /readyz
 * answer.
 *
 * Threads: any.
 */
#include <stdbool.h>

#define HEALTH_WHY 256u

/* Whether every worker comes round: none has been in one message for more than five seconds, and
 * none is lost. Returns false with the reason, one line, else true and "ok". */
bool health_is_alive(char ret_why[HEALTH_WHY]);
/* Whether the node has joined its cluster (if it is to have one), its start service is up, and it
 * neither drains nor stops. A master that is lost does not matter: nodes and names that are known
 * stay reachable. As above. */
bool health_is_ready(char ret_why[HEALTH_WHY]);
