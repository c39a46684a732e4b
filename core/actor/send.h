/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How messages reach a service: by handle or by name, on this node or (remote.h) on another.
 *
 * Threads: all from any thread; none blocks.
 */
#include "core/actor/msg.h"
#include "core/actor/service.h"

enum {
	SEND_OK = 0,
	SEND_NO_SERVICE = -1, /* no such local service; the contract's -1 */
	SEND_TOO_LARGE = -2,  /* the contract's -2: lua/contract says it, nothing here does */
	SEND_INVALID = -3,    /* destination 0 */
	SEND_REFUSED = -4,    /* the way is shut, or something is full: who waits has been told */
};

/* Delivers m to m->dest, local or remote; m is taken in every case. Unless it returns SEND_OK or
 * SEND_REFUSED nobody is told but the caller: one who does not speak for the sender uses
 * service_forward. */
must_use int service_send(struct msg *m_take);
/* By address: ":hex", ".name" (local) or a global name, whose failures are told by PTYPE_ERROR
 * like those of another node. m->dest is filled in. */
must_use int service_send_name(const char *address, struct msg *m_take);
/* Sends m for somebody who does not see the result: if it cannot be delivered, whoever waits for
 * an answer to it gets PTYPE_ERROR in its place. Also for messages that nobody misses (answers,
 * news). Returns what service_send does. */
int service_forward(struct msg *m_take);
/* The same by address. */
int service_forward_name(const char *address, struct msg *m_take);
/* Answers a request: PTYPE_RESPONSE with a copy of data. Session 0: nobody waits, nothing is
 * sent. */
void service_answer(uint32_t from, uint32_t to, int32_t session, const void *data, size_t size);
/* An error answer to whoever sent `session`; nothing when there is nobody to tell. `from` is
 * reported as the source. */
void service_send_error(uint32_t from, uint32_t to, int32_t session);
/* The same with a reason for the caller ("killed", "link lost", ...): payload text. */
void service_send_error_text(uint32_t from, uint32_t to, int32_t session, const char *why);

/* Who gets what other nodes send to index 0 of this one, the address of the node itself; 0 (at
 * first): nobody. Any thread. */
void service_set_node(uint32_t handle);
/* ":hex", ".name" -> handle, 0 if unknown. Global names are not looked up here. Any thread. */
uint32_t service_find(const char *address);
/* What this node knows of a global name just now: the number of its registration, and its owner;
 * 0: nothing. Any thread. */
uint64_t service_name_fence(const char *name, uint32_t *ret_handle);

/* As service_send, into a service that the caller holds, without a look at m->dest. */
must_use int service_push(struct service *s, struct msg *m_take);

#define SEND_NO_SERVICE_TEXT "no such service"
/* m is not going to be answered: whoever waits for an answer to it gets PTYPE_ERROR from m->dest,
 * with this reason. m stays the caller's. */
void service_fail_request(const struct msg *m, const char *why);
#define SERVICE_NO_CALLBACK "the service has no callback"
/* Frees m unread; whoever waits for an answer to it gets an error that says why. Any thread. */
void service_reject(struct msg *m_take, const char *why);
