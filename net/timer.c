/* SPDX-License-Identifier: MIT */
/*
 * Timers of the loop: core's timers fire on whichever thread runs the wheel; these post themselves
 * to the loop and decide there whether they are still wanted.
 *
 * One flag says that the wheel or the post queue holds the timer ("under way"). While it does, a
 * new deadline that is later needs no work: the timer comes early, sees that and goes back into
 * the wheel. So a heartbeat that pushes its deadline out with every message costs one store.
 */
#include "net/timer.h"

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/sched/timer.h"
#include "net/post.h"

struct net_timer {
	struct timer timer;
	void (*f)(void *ud);
	void *ud;
	/* [loop] */
	uint64_t deadline; /* 0 = not set */
	uint64_t armed;	   /* what the wheel was given */
	bool under_way;
	bool dead;
};

static void arm(struct net_timer *t)
{
	t->under_way = true;
	t->armed = t->deadline;
	timer_arm(&t->timer, t->deadline);
}

static void run(void *arg)
{
	struct net_timer *t = arg;

	t->under_way = false;
	if (t->dead) {
		mem_free(t);
	} else if (t->deadline > clock_mono_ns()) {
		arm(t);
	} else if (t->deadline) {
		t->deadline = 0;
		t->f(t->ud);
	}
}

static void discard(void *arg)
{
	struct net_timer *t = arg;

	t->under_way = false;
	if (t->dead)
		mem_free(t);
}

static void fire(struct timer *timer)
{
	post_or_discard(run, container_of(timer, struct net_timer, timer), discard);
}

struct net_timer *net_timer_create(void (*f)(void *ud), void *ud)
{
	struct net_timer *t = mem_zalloc(sizeof(*t));

	must(f);
	t->timer.fire = fire;
	t->f = f;
	t->ud = ud;
	return t;
}

void net_timer_set(struct net_timer *t, uint64_t deadline_ns)
{
	must(!t->dead);
	t->deadline = deadline_ns ? deadline_ns : 1; /* 0 says "not set" */
	if (!t->under_way)
		arm(t);
	else if (t->deadline < t->armed && timer_disarm(&t->timer))
		arm(t);
	/* else it is about to come and will look at the deadline */
}

void net_timer_clear(struct net_timer *t)
{
	t->deadline = 0;
	if (t->under_way && timer_disarm(&t->timer))
		t->under_way = false;
}

void net_timer_destroy(struct net_timer *t)
{
	if (!t)
		return;
	net_timer_clear(t);
	if (t->under_way)
		t->dead = true; /* run() or discard() frees it */
	else
		mem_free(t);
}
