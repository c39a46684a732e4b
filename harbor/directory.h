/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Directory: the global names that this node knows, who asks for one, what waits for one.
 *
 * Threads:   directory_find: any (read lock). Everything else: the net loop.
 * Limits:    DIRECTORY_WAITING_MAX questions and messages that wait; each has a deadline or is bounded
 *            by that number.
 */
#include "core/msg.h"
#include "harbor/harbor.h"

#define DIRECTORY_WAITING_MAX 65536u

uint32_t directory_find(const char *name);
/* handle 0: released. Answers who asked, sends what waited. */
void directory_set(const char *name, uint32_t handle);
/* Forgets all names (a new snapshot follows) but keeps who waits. */
void directory_clear(void);
/* Either a question (m NULL: from, session) or a message. deadline 0: for ever. */
void directory_wait(const char *name, uint32_t from, int32_t session, struct msg *m_take,
		    uint64_t deadline_ns);
/* Fails what is over its deadline; gives the next one, UINT64_MAX for none. */
uint64_t directory_expire(uint64_t now_ns);
void directory_forget_service(uint32_t handle);
/* Calls f for each name of ours; any thread. */
void directory_foreach(void (*f)(const struct harbor_name_info *n, void *ud), void *ud);
void directory_foreach_waiting(void (*f)(const char *name, uint32_t handle, void *ud), void *ud);
void directory_fini(void);
