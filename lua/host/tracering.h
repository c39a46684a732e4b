/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The last events of traces on this node, in memory: what is made a tree of when somebody asks
 * (lua/lib/skynet/tracetree.lua).
 *
 * Threads: all from any thread, under one lock that only requests with a tag ever take.
 * Limits:  TRACERING_EVENTS, the oldest go.
 */
#include <stdint.h>

#define TRACERING_EVENTS 8192u
#define TRACERING_TAG 32u
#define TRACERING_COMMAND 24u

struct trace_record {
	uint64_t number;  /* of all events of this node; an older one has a smaller number */
	uint64_t mono_ns; /* of this node: only differences of one node's mean something */
	char tag[TRACERING_TAG];
	char command[TRACERING_COMMAND]; /* of a call or request; "": unknown */
	char event;	 /* 'q' request, 'c' call, 's' sleep, 'r' resume, 'a' answer, 'e' end,
			   * 'x' error */
	uint32_t handle; /* the service */
	/* the request that it serves, which is the span: who asked, with which session */
	uint32_t source;
	int32_t session;
	/* of a call: whom, with which session; 0: a name */
	uint32_t to;
	int32_t to_session;
};

/* Copies the record, whose number and time it sets. */
void tracering_add(const struct trace_record *r);
/* Calls f for each record of the tag, the oldest first; a NULL tag: for all. f must not trace. */
void tracering_find(const char *tag, void (*f)(const struct trace_record *r, void *ud), void *ud);
