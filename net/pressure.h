/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Back pressure: a connection is read no faster than what it says is served.
 *
 * A gate reads its clients quickly and sends what they say on to agents, which may be slow. So each
 * connection has a window: when so many bytes of its messages wait for the service that they were
 * passed on to, it is not read until half of them are taken; the rest stays in the kernel, and in
 * the end with the client. Others are read meanwhile. After each half of a window a message is
 * marked (MSG_MARK), and its receiver tells of it when he takes it, so neither timers nor questions
 * are needed.
 *
 * The marked message has the socket's id as its session, and no type of an answer. If it cannot be
 * sent, the gate calls net_passed itself.
 *
 * Threads:   any.
 * Failure:   none. An id that is out of date, or not the service's, has no window.
 * Limits:    the window, and what was read before the gate came to it: three quarters of a window
 *            more. A message costs PRESSURE_COST besides its bytes.
 */
#include <stdbool.h>
#include <stdint.h>

struct msg;

#define PRESSURE_COST 128u
#define NET_WINDOW_MAX (1u << 30)
#define NET_WINDOW_NODE UINT32_MAX

/* What `owner` read from socket id is about to go to another service of this node, in a message of
 * that size. Returns true when it shall have MSG_MARK. */
bool net_pass_on(uint32_t owner, int id, uint64_t size);
/* The same for a message to be sent, whose session is the socket; it is marked. */
bool net_pass_message(uint32_t owner, struct msg *m);
/* A message that net_pass_on has marked is served, or nobody takes it. */
void net_passed(int id);
/* The bytes of the window; 0: none; NET_WINDOW_NODE: as configured. What a listener accepts from
 * then on inherits it. Returns false when there is no such socket. */
bool net_set_window(int id, uint32_t bytes);
/* The owner has enough to do with what it has read: the socket is not read (true), or again
 * (false). Nothing is told. Who takes the socket over (net_start) lets it be read. */
void net_hold(uint32_t owner, int id, bool hold);

/* ---- for the files of net/ ---- */

/* core's msg_set_on_taken: a message that was marked is taken. No lock. */
void pressure_taken(const struct msg *m);
