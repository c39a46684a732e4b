/* SPDX-License-Identifier: MIT */
/* Faults: see guard.h. */
#include "core/base/guard.h"

#include <errno.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/base.h"

static const int caught[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

/* set by guard_init, then constant */
static struct sigaction before[array_len(caught)];
static void (*crashed)(int sig, siginfo_t *info, void *context);

/* of this thread and its handlers; volatile: a handler reads it between any two steps */
static _Thread_local sigjmp_buf *volatile place;
static _Thread_local void *own_stack; /* for handlers, NULL: none of ours */

void guard_leave(void)
{
	if (place)
		siglongjmp(*place, 1);
}

/* What would have happened without us, happens. */
static void hand_on(int sig, const siginfo_t *info)
{
	for (unsigned i = 0; i < array_len(caught); i++)
		if (caught[i] == sig)
			(void)sigaction(sig, &before[i], NULL);
	/* A faulting instruction faults again when we return; what somebody sent does not come
	 * again by itself. */
	if (info->si_code <= 0)
		(void)syscall(SYS_tgkill, getpid(), gettid(), sig);
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	int saved = errno;

	if (info->si_code > 0 && (sig == SIGSEGV || sig == SIGBUS))
		guard_leave();
	if (crashed)
		crashed(sig, info, context);
	hand_on(sig, info);
	errno = saved;
}

void guard_init(void (*f)(int sig, siginfo_t *info, void *context))
{
	/* The signal is not blocked meanwhile: a second fault comes to us, too. */
	struct sigaction sa = { .sa_sigaction = on_fault,
				.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

	crashed = f;
	for (unsigned i = 0; i < array_len(caught); i++)
		(void)sigaction(caught[i], &sa, &before[i]);
}

#define STACK_BYTES (64u << 10)

void guard_thread_begin(void)
{
	stack_t old, own = { .ss_size = STACK_BYTES };

	/* a sanitizer has one already */
	if (sigaltstack(NULL, &old) != 0 || !(old.ss_flags & SS_DISABLE))
		return;
	own.ss_sp = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (own.ss_sp == MAP_FAILED)
		return; /* then there is no word about an overflow */
	(void)sigaltstack(&own, NULL);
	own_stack = own.ss_sp;
}

void guard_thread_end(void)
{
	stack_t none = { .ss_flags = SS_DISABLE };

	if (!own_stack)
		return;
	(void)sigaltstack(&none, NULL);
	(void)munmap(own_stack, STACK_BYTES);
	own_stack = NULL;
}

bool guard_run(void (*f)(void *ud), void *ud)
{
	sigjmp_buf *volatile outer = place;
	sigjmp_buf here;

	/* With the mask: who is left in a handler has that handler's signals blocked, and would not
	 * be brought back a second time. */
	if (sigsetjmp(here, 1)) {
		place = outer;
		return false;
	}
	place = &here;
	f(ud);
	place = outer;
	return true;
}
