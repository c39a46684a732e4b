/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a line of the log is made of: who says what, and what else is known of it. Who is given a
 * record owns nothing of it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/log/event.h"
#include "core/log/source.h"

/* What is known of a line beside its text. NULL and 0: not known. */
struct log_about {
	const char *file, *func; /* where it was made, in C or in Lua */
	unsigned line;
	enum log_event event; /* what it tells, if that is one of the documented events */
	bool listed;	      /* the event is in the list already (event_add) */
	const char *peer;     /* the other node, or the address, that it is about */
	const char *trace;    /* the tag of the request in which it was made */
	uint32_t caller;      /* whose request that is */
	int32_t session;      /* of that request */
};

struct log_record {
	enum log_level level;
	uint32_t source; /* handle, 0 = the node */
	uint64_t wall_ns;
	const char *text; /* may hold newlines and NULs; not NUL-terminated */
	size_t size;
	const char *name; /* of the source, for people; "" if it has none */
	struct log_about about;
};
