/* SPDX-License-Identifier: MIT */
/* A profiler that samples: see sampler.h.
 *
 * Each worker has a few places for samples, which its signal handler fills (FREE -> FULL, release)
 * and the profiler's thread empties. Handlers count themselves in, so that the places are freed
 * when none is inside.
 */
#include "lua/host/sampler.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "core/actor/handle.h"
#include "core/actor/title.h"
#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/fault.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/text.h"
#include "core/ds/map.h"
#include "core/sched/sched.h"
#include "lua/host/moment.h"

#define PLACES 4u
#define END_LOOK_NS (10 * NS_PER_MS)

struct sample {
	atomic_bool full; /* release by the handler, acquire by the profiler; and back */
	struct moment moment;
};

/* NULL: off. seq_cst, with `inside`: a handler that counts itself in after the profiler has cleared
 * it sees NULL, one that did so before is waited for. */
static _Atomic(struct sample *) places;
static atomic_uint inside;

static struct lock lock = LOCK_INIT(sampler);
/* [lock] */
static struct {
	unsigned number;
	bool runs, joinable;
	pthread_t thread;
	struct map stacks;
	struct sampler_sums sums;
	/* of the thread, constant while it runs */
	uint32_t handle;
	unsigned seconds, hz;
} P;
static atomic_bool stops; /* a lone value, relaxed */

/* ---- a worker ---- */

static void on_called(struct service *s, const void *context)
{
	struct sample *all;
	int self = sched_self();

	(void)context;
	atomic_fetch_add_explicit(&inside, 1, memory_order_seq_cst);
	all = atomic_load_explicit(&places, memory_order_seq_cst);
	for (unsigned i = 0; all && s && self >= 0 && i < PLACES; i++) {
		struct sample *p = &all[(unsigned)self * PLACES + i];

		if (atomic_load_explicit(&p->full, memory_order_acquire))
			continue;
		moment_read_lua(&p->moment, s, MOMENT_FRAMES);
		atomic_store_explicit(&p->full, true, memory_order_release);
		break;
	}
	atomic_fetch_sub_explicit(&inside, 1, memory_order_seq_cst);
}

void sampler_init(void)
{
	sched_set_called(WORKER_SAMPLE, on_called);
}

/* ---- the stack as a line ---- */

/* ';' and line breaks would end a frame. */
static void add_clean(struct text *t, const char *s)
{
	for (; *s; s++)
		text_add(t, *s == ';' || (unsigned char)*s < 0x20 ? "?" : s, 1);
}

static void add_c_function(struct text *t, const struct frame *f)
{
	Dl_info info = { 0 };

	if (f->code && dladdr((const void *)(uintptr_t)f->code, &info) && info.dli_sname &&
	    !f->name[0])
		add_clean(t, info.dli_sname);
	else
		add_clean(t, f->name[0] ? f->name : "?");
	text_puts(t, " [C]");
}

/* A function is where it begins: so that it is one, wherever in it a sample was taken. */
static void add_frame(struct text *t, const struct frame *f)
{
	text_puts(t, ";");
	if (f->is_c) {
		add_c_function(t, f);
		return;
	}
	if (f->defined == 0)
		text_puts(t, "main chunk");
	else
		add_clean(t, f->name[0] ? f->name : "function");
	text_puts(t, " ");
	add_clean(t, f->source);
	if (f->defined > 0)
		text_printf(t, ":%d", f->defined);
}

static char *line_of(const struct moment *m)
{
	struct service *s = service_grab(m->handle);
	char title[LOG_NAME_MAX] = "ended";
	struct text t = { 0 };

	if (s && s->args)
		title_of_line(s->args, title);
	if (s)
		service_unref(s);
	add_clean(&t, title);
	text_printf(&t, " :%08x", m->handle);
	for (unsigned i = m->frames; i-- > 0;) {
		/* between the outermost and the innermost ones */
		if (m->depth > m->frames && i + 1 + FRAMES_OUTER == m->frames)
			text_puts(&t, ";...");
		add_frame(&t, &m->frame[i]);
	}
	if (!m->runs_lua)
		text_puts(&t, m->is_lua ? ";(the host)" : ";(C service)");
	return text_take(&t);
}

/* ---- the profiler ---- */

static void count_locked(const char *line)
{
	struct map_item *item = map_find(&P.stacks, line);

	lock_held(&lock);
	if (!item && P.stacks.count < SAMPLER_STACKS_MAX)
		item = map_add(&P.stacks, line);
	if (!item) {
		P.sums.left_out++;
		return;
	}
	item->number++;
	P.sums.samples++;
}

static void empty_places(struct sample *all, unsigned workers)
{
	for (unsigned i = 0; i < workers * PLACES; i++) {
		if (!atomic_load_explicit(&all[i].full, memory_order_acquire))
			continue;
		cleanup(mem_freep) char *line = line_of(&all[i].moment);

		atomic_store_explicit(&all[i].full, false, memory_order_release);
		lock_take(&lock);
		count_locked(line);
		lock_release(&lock);
	}
}

static void tick(unsigned workers)
{
	for (unsigned i = 0; i < workers; i++) {
		struct worker_view v;

		sched_view(i, &v);
		if (v.handle && (!P.handle || v.handle == P.handle))
			sched_call_worker(i, WORKER_SAMPLE);
	}
	lock_take(&lock);
	P.sums.ticks++;
	lock_release(&lock);
}

static void sleep_until(uint64_t ns)
{
	struct timespec at = { (time_t)(ns / NS_PER_SEC), (long)(ns % NS_PER_SEC) };

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static void sample_all(struct sample *all, unsigned workers)
{
	uint64_t period = NS_PER_SEC / P.hz, began = clock_mono_ns();
	uint64_t end = began + P.seconds * NS_PER_SEC, next = began;

	while (next < end && !atomic_load_explicit(&stops, memory_order_relaxed)) {
		uint64_t now = clock_mono_ns();

		/* what was slept over is not made up for */
		next = next + period > now ? next + period : now + period;
		sleep_until(next);
		tick(workers);
		empty_places(all, workers);
	}
	lock_take(&lock);
	P.sums.seconds = (double)(clock_mono_ns() - began) / NS_PER_SEC;
	lock_release(&lock);
}

static void *profiler_main(void *arg)
{
	unsigned workers = sched_workers();
	struct sample *all = mem_zalloc(workers * PLACES * sizeof(*all));

	(void)arg;
	(void)pthread_setname_np(pthread_self(), "sampler");
	atomic_store_explicit(&places, all, memory_order_seq_cst);
	sample_all(all, workers);
	sleep_until(clock_mono_ns() + END_LOOK_NS);
	atomic_store_explicit(&places, NULL, memory_order_seq_cst);
	while (atomic_load_explicit(&inside, memory_order_seq_cst))
		sleep_until(clock_mono_ns() + NS_PER_MS);
	empty_places(all, workers);
	mem_free(all);
	lock_take(&lock);
	P.runs = false;
	lock_release(&lock);
	return NULL;
}

static void join_locked(void)
{
	lock_held(&lock);
	if (P.joinable && !P.runs) {
		(void)pthread_join(P.thread, NULL); /* it has let the lock go, and ends */
		P.joinable = false;
	}
}

static int start_locked(void)
{
	int r;

	lock_held(&lock);
	map_fini(&P.stacks);
	P.stacks = (struct map){ 0 };
	P.sums = (struct sampler_sums){ 0 };
	P.number++;
	r = fault(thread) ? EAGAIN : pthread_create(&P.thread, NULL, profiler_main, NULL);
	P.joinable = P.runs = r == 0;
	return -r;
}

int sampler_start(uint32_t handle, unsigned seconds, unsigned hz, unsigned *ret_number)
{
	int r = -EBUSY;

	must(seconds > 0 && seconds <= SAMPLER_SECONDS_MAX && hz > 0 && hz <= SAMPLER_HZ_MAX);
	lock_take(&lock);
	join_locked();
	if (!P.runs && !atomic_load_explicit(&stops, memory_order_relaxed)) {
		P.handle = handle;
		P.seconds = seconds;
		P.hz = hz;
		r = start_locked();
		*ret_number = P.number;
	}
	lock_release(&lock);
	return r;
}

enum sampler_state sampler_take(unsigned number, struct sampler_sums *ret,
				void (*f)(const char *stack, uint32_t samples, void *ud), void *ud)
{
	enum sampler_state s = SAMPLER_UNKNOWN;

	lock_take(&lock);
	if (number && number == P.number)
		s = P.runs ? SAMPLER_RUNS : SAMPLER_DONE;
	*ret = P.sums;
	for (size_t i = 0; s == SAMPLER_DONE && i < P.stacks.count; i++)
		f(P.stacks.items[i].key, P.stacks.items[i].number, ud);
	lock_release(&lock);
	return s;
}

void sampler_end(void)
{
	bool joinable;

	atomic_store_explicit(&stops, true, memory_order_relaxed);
	lock_take(&lock);
	joinable = P.joinable;
	P.joinable = false;
	lock_release(&lock);
	if (joinable)
		(void)pthread_join(P.thread, NULL);
	map_fini(&P.stacks);
	P.stacks = (struct map){ 0 };
}
