/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Mailboxes that are too long: who fills them, and the bound that a service may have.
 *
 * The bound counts what services send of their own accord: neither answers and errors, without
 * which a call would have no outcome, nor what the node itself sends (sockets, timers), nor
 * commands of the debugger. A message that is refused is freed; who waits for an answer to it gets
 * an error.
 */
#include "core/actor/service.h"

enum overload_policy {
	OVERLOAD_REFUSE, /* what comes when the mailbox is full is refused */
	OVERLOAD_WARN,	 /* it is only counted */
};

/* The bound of a service's mailbox in messages; 0 = none. What is there stays. Any thread that
 * holds s. */
void overload_set_bound(struct service *s, unsigned max, enum overload_policy policy);

/* true: m may be pushed. false: it is one too many, and the caller rejects it. Only for a mailbox
 * with a bound. Any thread. */
bool overload_admit(struct service *s, struct msg *m);

/* Warns that the mailbox is `length` messages long, with the sender and the kind of most of them.
 * At a bounded rate. The owner. */
void overload_report(struct service *s, unsigned length);
/* How often that was so, of all services. Any thread. */
uint64_t overload_reports(void);
