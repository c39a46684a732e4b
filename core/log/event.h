/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Events: what happened to the node, as a list for its operator (events.def). Who makes a line of
 * the log about one says so (log_event, log.h); that puts it into the list, whatever the level of
 * the log is.
 *
 * Each kind has a ring of its own, so that one that comes often leaves the others alone.
 *
 * Threads: any.
 * Limits:  EVENT_KEPT of a kind, EVENT_TEXT bytes of text; none that is older than EVENT_AGE_NS is
 *          shown.
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/base/clock.h"
#include "core/log/source.h"

enum log_event {
	LOG_EVENT_none,
#define EVENT(name, level, id, meaning) LOG_EVENT_##name,
#include "core/log/events.def"
#undef EVENT
	LOG_EVENTS
};

#define EVENT_KEPT 128u
#define EVENT_TEXT 240u /* with its NUL */
#define EVENT_PEER 64u
#define EVENT_AGE_NS (3600 * NS_PER_SEC)

struct event {
	uint64_t number; /* counts all of this process, from 1 */
	uint64_t wall_ns, mono_ns;
	enum log_event kind;
	uint32_t source;       /* the service that it is about, 0 = the node */
	char peer[EVENT_PEER]; /* the node, or the address, that it is about; "" = none */
	char text[EVENT_TEXT];
};

/* "node_lost"; "" for LOG_EVENT_none. */
const char *event_name(enum log_event kind);
/* 32 hexadecimal digits. */
const char *event_id(enum log_event kind);
enum log_level event_level(enum log_event kind);
/* LOG_EVENT_none: there is none of that name. */
enum log_event event_parse(const char *name);

/* peer: NULL = none. */
void event_add(enum log_event kind, uint32_t source, const char *peer, const char *text,
	       size_t size);

/* The oldest event with a number above `after` that is not older than EVENT_AGE_NS, wall_ns at
 * least since_ns. false: none. */
bool event_next(uint64_t after, uint64_t since_ns, struct event *ret);
/* How many events of the last EVENT_AGE_NS had to give way to newer ones of their kind, at least;
 * and the number of the last event. */
uint64_t event_pushed_out(void);
uint64_t event_last(void);
