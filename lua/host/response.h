/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Answers that a service owes: what skynet.response made and nobody has called yet.
 *
 * A response that the program lost is found by the collector, and that only runs when the service
 * works. So a while after a response was made the host looks whether it is still there, and
 * collects if it is; again after twice the time, and so on. What outlives RESPONSE_LOOKS looks is
 * kept on purpose. A large service is busy enough to be collected anyway, and one whose program
 * drives the collector itself is left alone.
 *
 * Threads:   the worker that runs the service.
 * Ownership: a struct response is a userdata; the host lists those that are not settled.
 */
#include "lua/host/host.h"

#define RESPONSE_LOOKS 7u

struct response {
	struct host *host; /* NULL once settled */
	struct response *prev, *next;
	uint32_t source;
	int32_t session; /* 0: the requester is gone */
	uint8_t age;	 /* looks that found it */
};

/* From now on r owes an answer; it is all zero before. */
void response_owe(struct response *r, struct host *h, uint32_t source, int32_t session);
/* It owes none any more; nothing happens if it is settled. */
void response_settle(struct response *r);
/* The look is due. Between turns. */
void response_look(struct host *h);
/* The service `source` is gone: nobody waits for answers to it. */
void response_source_down(struct host *h, uint32_t source);
/* The service ends: who waits is told why. */
void response_fail_all(struct host *h);
