/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Forwarder: what is left of a service that moved to another node. Its instance is released, and
 * each request that still reaches its mailbox is sent on under its own source and session, in
 * order, so that the answer finds the one who asked.
 */
#include <stdint.h>
#include "core/actor/service.h"

/* The owner, between two messages: releases the instance and forwards to the handle `to` from now
 * on: first `held`, oldest first and linked by next, then what the mailbox holds and gets. */
void forwarder_make(struct service *s, uint32_t to, struct msg *held_take);
