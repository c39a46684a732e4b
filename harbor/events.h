/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Events: what sockets and the clock say goes to the state machines from here, and who may talk to
 * which of them is decided by the first frame of a connection.
 *
 * One timer serves everybody. Any event that may have moved a deadline calls events_touch, which
 * posts one look at all of them; a look costs microseconds, and many events share one.
 *
 * Threads: the net loop. These take the harbor's lock themselves, except events_touch.
 */
#include "harbor/link/conn.h"

struct link;

/* For conn_init. */
extern const struct conn_ops events_conn_ops;
/* For link_init: breaks a link whose queue cannot even take the errors of its calls. */
void events_overrun(struct link *l);
/* A member joins here, and this node is the master. Under the lock. */
void events_greet(struct conn *c, const struct wire_control *join);
/* Something changed: looks at all deadlines soon. Under the lock or not. */
void events_touch(void);
/* The same from any thread. */
void events_touch_soon(void);
/* The master has named this node: whoever connected in its name before is greeted now. Under the
 * lock. */
void events_greet_again(unsigned node);
/* The timer's function: looks at all deadlines, and sets the timer to the next. */
void events_tick(void *ud);
/* A closure for the loop: begins the end. timeout_ns points to a uint64_t. */
void events_stop(void *timeout_ns);
