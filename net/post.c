/* SPDX-License-Identifier: MIT */
/*
 * Closures for the main loop: many threads post, the loop takes.
 *
 * Roles       any thread pushes on a stack (core/ds/stack.h); the loop takes the whole stack.
 * Waking      the push comes before poller_interrupt(), whose exchange pairs with the poller's (see
 *             poller.c): a poller that is about to sleep either sees the closure or does not sleep.
 *             The loop's own closures need no interrupt: each turn begins with post_run().
 */
#include "net/post.h"

#include <stdatomic.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/ds/stack.h"
#include "net/poller.h"

struct post {
	struct post *next;
	void (*f)(void *arg);
	void *arg;
	void (*discard)(void *arg);
};

static _Atomic(struct post *) posted;

/* A closure may post another; after that many rounds sockets get their turn. */
#define ROUNDS_MAX 16

void post_or_discard(void (*f)(void *arg), void *arg, void (*discard)(void *arg))
{
	struct post *p = mem_alloc(sizeof(*p));

	must(f);
	*p = (struct post){ .f = f, .arg = arg, .discard = discard };
	stack_push(&posted, p, next);
	/* the loop itself looks again before it sleeps */
	if (!poller_here(POLLER_MAIN))
		(void)poller_interrupt(POLLER_MAIN);
}

void net_post(void (*f)(void *arg), void *arg)
{
	post_or_discard(f, arg, NULL);
}

static struct post *take_all(void)
{
	/* relaxed: most turns find nothing; what comes later interrupts the poller */
	if (!atomic_load_explicit(&posted, memory_order_relaxed))
		return NULL;
	return stack_take_all(&posted, next);
}

bool post_run_once(void)
{
	struct post *p = take_all();

	must_slow(poller_here(POLLER_MAIN));
	if (!p)
		return false;
	while (p) {
		struct post *next = p->next;

		p->f(p->arg);
		mem_free(p);
		p = next;
	}
	return true;
}

bool post_run(void)
{
	int round = 0;

	while (round < ROUNDS_MAX && post_run_once())
		round++;
	return round > 0;
}

void post_fini(void)
{
	for (struct post *p = take_all(), *next; p; p = next) {
		next = p->next;
		if (p->discard)
			p->discard(p->arg);
		mem_free(p);
	}
}
