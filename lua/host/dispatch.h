/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A message arrives at a Lua service: answers find their task, requests get one.
 *
 * Threads: the worker that runs the service.
 */
#include "lua/host/host.h"

/* The callback of a service that has been born; ud is its host. */
void host_message(struct service *s, void *ud, struct msg *m_take);
/* The same for a payload that stays the caller's. */
void host_message_borrowed(struct host *h, struct msg *m);
/* Returns MSG_FOREIGN, or 0, for a payload that the running task, or a callback of the program, was
 * shown. */
uint8_t host_payload_flags(struct host *h, const void *payload);
