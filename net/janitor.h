/* SPDX-License-Identifier: MIT */
#pragma once
/* The janitor looks after what no event will ever finish: see janitor.c for the list. */
#include <stdint.h>

/* A closing socket that makes no progress is given up after that long. */
#define JANITOR_CLOSING_NS UINT64_C(60000000000)
/* One that has said all, and whose peer is still speaking, after that long. */
#define JANITOR_FAREWELL_NS UINT64_C(2000000000)
/* And so is any closing socket while the queues of the node are full together. */
#define JANITOR_HASTE_NS UINT64_C(2000000000)
/* A listener that rests because descriptors ran out is tried again after that long. */
#define JANITOR_BACKOFF_NS UINT64_C(100000000)

/* Before any other thread starts. */
void janitor_init(void);
/* After the loop has ended. */
void janitor_fini(void);
/* There is, or will be, something to look after: a walk comes after delay_ns at the latest. Any
 * thread; a socket's lock may be held. */
void janitor_wake_in(uint64_t delay_ns);

/* For tests: how long a closing socket may stand still. */
void janitor_set_closing_ns(uint64_t ns);
