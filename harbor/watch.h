/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Watch: services that wait for a link, or the master, to come or go, or for the loss of a name or
 * of messages.
 *
 * Threads: the net loop, under the harbor's lock.
 * Limits:  65536 that wait for links, and as many for names and for messages; one more is refused.
 *          The last 64 losses of messages are kept for who asks for them later.
 */
#include <stdbool.h>
#include <stdint.h>

/* In place of a harbor id: the master. */
#define WATCH_MASTER 256u

/* The service's session is answered when the link is as it asks (watch_tell). */
void watch_add(uint32_t from, int32_t session, unsigned id, bool connected);
/* Answers all who wait for this. */
void watch_tell(unsigned id, bool connected);
/* A service that asks is told the next name that it loses, or one that it has lost already. */
void watch_add_lost(uint32_t from, int32_t session);
void watch_lost_name(const char *name, uint32_t handle, uint32_t winner);
/* A service that asks is told the first loss of messages after this number (core/actor/remote.h),
 * or the next one. */
void watch_add_messages(uint32_t from, int32_t session, uint64_t after);
/* All who wait for losses are told. */
void watch_lost_messages(unsigned id, uint64_t sent, uint64_t unsent, const char *why);
/* Forgets what a service waits for. */
void watch_forget(uint32_t from);
void watch_fini(void);
