/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Timeouts of services: a timer whose expiry is a message.
 */
#include "core/actor/service.h"
#include "core/sched/timer.h"

/* After `delay_ns` the service gets PTYPE_RESPONSE, source 0, this session, no payload. Never
 * early; 0: at once, behind what is queued. Result: for service_timeout_cancel, valid until that
 * message was received or the instance is released (a release may cancel still). Any thread that
 * holds s. */
struct msg *service_timeout(struct service *s, int32_t session, uint32_t tag, uint64_t delay_ns);
/* The same for one of the node's own: no jump of programs' time moves it. */
struct msg *service_timeout_fixed(struct service *s, int32_t session, uint64_t delay_ns);
/* Whether a timeout of the service is on its way. Looks at all timers. Any thread that holds a
 * reference. */
bool service_waits_for_timeout(struct service *s);
/* Returns whom the timer sends a message, 0: it is no timeout of a service. For timer_look. */
uint32_t service_timeout_owner(const struct timer *t);
/* The tag of a timeout, which its service may use to find what it is for; 0 for any other
 * message. */
uint32_t service_timeout_tag(const struct msg *m);
/* Programs' time (skynet.now, skynet.time, Lua's os.time and os.date) and the timeouts of services
 * jump ahead by so much.
 * Those that are due then fire in the order of their times; what they arm counts from the new time.
 * The node itself, its links, sockets and watchdog are on the monotonic clock and see no jump.
 * false: all jumps together would be more than CLOCK_MOVED_MAX_NS. ret_moved, ret_due: timeouts.
 * Any thread. */
must_use bool service_time_jump(uint64_t by_ns, uint64_t *ret_moved, uint64_t *ret_due);
/* No timeout fires by itself from now on: a replay takes them, by service_timeout_take, when the
 * recorded one came. Before the first service. */
void service_timeouts_freeze(void);
/* The timeout of this session, which is not armed any more and the caller's; NULL: there is none.
 * The service's own thread of control. */
struct msg *service_timeout_take(struct service *s, int32_t session);
/* When it is due, monotonic ns to the tick; 0: it was to be sent at once. The service's own thread
 * of control, as long as it was not received. */
uint64_t service_timeout_due(const struct msg *timeout);
/* true: it will not come any more (and is freed). false: it is already in the mailbox, or about to
 * be. The service's own thread of control. */
bool service_timeout_cancel(struct msg *timeout);
