/* SPDX-License-Identifier: MIT */
/* Looks at services: see look.h.
 *
 * A look lies in one of a few places that are never freed, each with a word of state and number:
 * FREE -> ASKED -> FILLING -> DONE -> FREE. Whoever runs the service changes ASKED to FILLING, and
 * only then touches the rest; the asker who loses patience changes ASKED to FREE. The number in the
 * word is another one for each look, so who comes late changes nothing.
 */
#include "lua/host/look.h"

#include <string.h>
#include <time.h>

#include "core/actor/handle.h"
#include "core/actor/send.h"
#include "core/base/clock.h"
#include "core/base/guard.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/sched/sched.h"
#include "core/sched/timeout.h"
#include "core/sched/worker.h"
#include "lua/host/chain.h"
#include "lua/host/host.h"
#include "lua/host/run.h"
#include "lua/host/wait.h"

/* A turn that lasts so long is asked by a signal, and again, then without waiting for a step of Lua
 * code. */
#define PATIENCE_NS (5 * NS_PER_MS)
#define STEP_PATIENCE_NS (60 * NS_PER_MS)
#define PAUSE_NS NS_PER_MS

enum { FREE, ASKED, FILLING, DONE, STATES };

static struct place {
	/* number * STATES + state. ASKED is stored with release, after the fields; FILLING is
	 * changed to with acquire; DONE is stored with release, after the look. */
	atomic_uint_least64_t word;
	atomic_uint handle;  /* relaxed: the word orders it */
	atomic_bool at_once; /* not at the next step, now; relaxed, a wish */
	struct look *look;
} places[LOOKS_MAX];

static struct lock lock = LOCK_INIT(looks); /* who takes a place, or gives it back */

/* ---- what a task does ---- */

static void copy_text(char *to, size_t size, const char *from)
{
	size_t n = from ? strnlen(from, size - 1) : 0;

	memcpy(to, from ? from : "", n);
	to[n] = 0;
}

/* Without printf, which a signal handler may not call. */
static void write_number(char ret[FRAME_NAME], long long n)
{
	unsigned long long rest = n < 0 ? -(unsigned long long)n : (unsigned long long)n;
	char digits[24];
	unsigned k = 0, i = 0;

	do
		digits[k++] = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	if (n < 0)
		ret[i++] = '-';
	while (k)
		ret[i++] = digits[--k];
	ret[i] = 0;
}

static void note_value(char ret[FRAME_NAME], const struct frame_value *v)
{
	if (v->kind == FRAME_VALUE_TEXT)
		copy_text(ret, FRAME_NAME, v->text);
	else if (v->kind == FRAME_VALUE_INTEGER)
		write_number(ret, v->number);
}

/* The request's first value is the third argument of the protocol's dispatch function, which is the
 * second frame from without; unless it has called another in its place. */
static void read_request(struct look_stack *s, const struct task *t)
{
	struct frame_value v;
	const struct frame *f = s->frames > 1 ? &s->frame[s->frames - 2] : NULL;

	s->serves = t->request_state != REQUEST_NONE;
	if (!s->serves)
		return;
	s->source = t->source;
	s->request.session = t->session;
	copy_text(s->request.proto, sizeof(s->request.proto),
		  t->request_proto ? t->request_proto->name : "");
	if (!f)
		return;
	v = frames_argument(t->co, f, 2);
	if (v.kind != FRAME_VALUE_INTEGER || v.number != t->source)
		return;
	v = frames_argument(t->co, f, 3);
	note_value(s->request.command, &v);
}

/* The arguments of skynet.call, which is where the coroutine stands, or of calltimeout, whose first
 * is a time: address, protocol, command. */
static void read_call(struct look_stack *s, struct task *t, lua_State *co)
{
	const struct wait *w = wait_find(t->host, t->wait_session);
	int at = t->deadline_session ? 2 : 1;
	struct frame_value v;

	s->dest = w ? w->dest : 0;
	s->call.session = t->wait_session;
	copy_text(s->call.proto, sizeof(s->call.proto),
		  t->call_proto && w && (w->dest || w->name_hash) ? t->call_proto->name : "");
	if (!s->frames || !s->frame[0].is_c)
		return;
	v = frames_argument(co, &s->frame[0], at);
	if (v.kind == FRAME_VALUE_TEXT)
		copy_text(s->name, sizeof(s->name), v.text);
	v = frames_argument(co, &s->frame[0], at + 1);
	/* else it is another function that calls */
	if (v.kind != FRAME_VALUE_TEXT || strcmp(v.text, s->call.proto) != 0)
		return;
	v = frames_argument(co, &s->frame[0], at + 2);
	note_value(s->call.command, &v);
}

static uint64_t due_of(struct host *h, int32_t session)
{
	const struct wait *w = session ? wait_find(h, session) : NULL;

	return w && w->timer ? service_timeout_due(w->timer) : 0;
}

static void read_wait(struct look_stack *s, struct task *t, lua_State *co)
{
	s->wait = t->wait;
	if (t->wait == WAIT_CALL)
		read_call(s, t, co);
	s->due_ns = due_of(t->host, t->wait == WAIT_SLEEP ? t->wait_session : t->deadline_session);
}

static void read_task(struct look_stack *s, struct task *t)
{
	unsigned count = s->count;
	uint64_t hash = s->hash;
	lua_State *cos[CHAIN_MAX];
	unsigned n = chain_find(t->co, cos);

	memset(s, 0, offsetof(struct look_stack, frames));
	s->hash = hash;
	s->count = count + 1;
	s->began_ns = t->began_ns;
	s->wait_ns = t->wait_ns;
	s->runs = t == t->host->current;
	s->frames = chain_frames(t->co, s->runs ? t->host->running : NULL, s->frame,
				 LOOK_FRAMES_MAX, &s->depth);
	read_request(s, t);
	if (!s->runs)
		read_wait(s, t, cos[n - 1]);
}

/* ---- all of a service ---- */

struct walk {
	struct look *look;
	struct host *h;
	struct task *t;
	bool apart;
};

static uint64_t hash_of(const struct walk *w)
{
	uint64_t h = w->apart ? (uintptr_t)w->t : frames_hash(w->t->co);

	return h ^ (uint64_t)w->t->wait << 56 ^ (uint64_t)(w->t == w->h->current) << 48;
}

static struct look_stack *entry(struct look *l, uint64_t hash)
{
	for (unsigned i = 0; i < l->entries; i++)
		if (l->stacks[i].hash == hash)
			return &l->stacks[i];
	if (l->entries == LOOK_STACKS_MAX)
		return NULL;
	l->stacks[l->entries] = (struct look_stack){ .hash = hash, .wait_ns = UINT64_MAX };
	return &l->stacks[l->entries++];
}

static void see_task(void *ud)
{
	struct walk *w = ud;
	struct look_stack *s = entry(w->look, hash_of(w));

	if (!s)
		w->look->left_out++;
	else if (!s->count || w->t->wait_ns < s->wait_ns)
		read_task(s, w->t);
	else
		s->count++;
}

/* What runs without a task: the main chunk, a filter. */
static void see_main(void *ud)
{
	struct walk *w = ud;
	struct look_stack *s = entry(w->look, 1);

	*s = (struct look_stack){ .hash = 1, .count = 1, .runs = true };
	s->frames = frames_read(w->h->running, s->frame, LOOK_FRAMES_MAX, &s->depth);
}

static void fill(struct look *l, struct host *h)
{
	struct walk w = { .look = l, .h = h, .apart = h->tasks <= LOOK_APART };

	l->tasks = h->tasks;
	l->timeouts = h->timeout_count;
	if (h->current) {
		w.t = h->current;
		(void)guard_run(see_task, &w);
		l->looked_at++;
	} else if (h->running) {
		(void)guard_run(see_main, &w);
	}
	for (w.t = h->live; w.t && l->looked_at < LOOK_TASKS_MAX; w.t = w.t->next) {
		if (w.t == h->current)
			continue;
		l->looked_at++;
		if (!guard_run(see_task, &w))
			l->left_out++;
	}
}

/* ---- the owner ---- */

/* Fills in the look of a place if it is for this service; number 0: whichever it has. */
static void answer(struct place *p, struct host *h, uint64_t number, enum look_how how)
{
	uint64_t word = atomic_load_explicit(&p->word, memory_order_acquire);

	if (word % STATES != ASKED || (number && word / STATES != number) ||
	    atomic_load_explicit(&p->handle, memory_order_relaxed) != service_handle(h->s))
		return;
	if (!atomic_compare_exchange_strong_explicit(&p->word, &word, word - ASKED + FILLING,
						     memory_order_acquire, memory_order_relaxed))
		return;
	p->look->how = how;
	fill(p->look, h);
	atomic_store_explicit(&p->word, word - ASKED + DONE, memory_order_release);
}

static void answer_all(struct host *h, enum look_how how)
{
	for (unsigned i = 0; i < LOOKS_MAX; i++)
		answer(&places[i], h, 0, how);
}

void look_answer(struct host *h)
{
	answer_all(h, LOOK_LUA);
}

static bool wanted(const struct host *h, bool *ret_at_once)
{
	bool any = false;

	for (unsigned i = 0; i < LOOKS_MAX; i++) {
		if (atomic_load_explicit(&places[i].word, memory_order_acquire) % STATES != ASKED ||
		    atomic_load_explicit(&places[i].handle, memory_order_relaxed) !=
			    service_handle(h->s))
			continue;
		any = true;
		*ret_at_once |= atomic_load_explicit(&places[i].at_once, memory_order_relaxed);
	}
	return any;
}

/* In a signal handler: somebody may want to look at the service that runs here. */
static void on_called(struct service *s, const void *context)
{
	struct host *h = s ? run_host_of(s) : NULL;
	bool at_once = false;

	if (!h || !h->L || !wanted(h, &at_once))
		return;
	if (at_once || !h->running || frames_in_c(h->running) || !run_look_at_step(h))
		answer_all(h, LOOK_C);
}

void look_init(void)
{
	sched_set_called(WORKER_LOOK, on_called);
}

struct order {
	struct service_order head;
	uint64_t number;
	unsigned place;
};

static void obey(struct service *s, struct msg *m)
{
	struct order o = *(const struct order *)msg_payload(m);
	struct host *h = m->dest == service_handle(s) ? run_host_of(s) : NULL;

	msg_destroy(m);
	if (h && h->L)
		answer(&places[o.place], h, o.number, LOOK_RESTED);
}

/* ---- the asker ---- */

static bool order(struct service *s, unsigned place, uint64_t number)
{
	struct msg *m = msg_create(sizeof(struct order));

	*(struct order *)msg_payload(m) = (struct order){ { obey }, number, place };
	m->size = 0;
	m->dest = service_handle(s);
	m->type = PTYPE_RESPONSE; /* no bound refuses it, and nobody waits for an answer */
	m->flags = MSG_ORDER;
	return service_push(s, m) == SEND_OK;
}

static struct place *take_place(uint32_t handle, uint64_t *ret_number)
{
	struct place *p = NULL;

	lock_take(&lock);
	for (unsigned i = 0; i < LOOKS_MAX && !p; i++) {
		uint64_t word = atomic_load_explicit(&places[i].word, memory_order_relaxed);

		if (word % STATES != FREE || places[i].look)
			continue;
		p = &places[i];
		*ret_number = word / STATES + 1;
		p->look = mem_zalloc(sizeof(*p->look));
	}
	lock_release(&lock);
	if (!p)
		return NULL;
	atomic_store_explicit(&p->handle, handle, memory_order_relaxed);
	atomic_store_explicit(&p->at_once, false, memory_order_relaxed);
	atomic_store_explicit(&p->word, *ret_number * STATES + ASKED, memory_order_release);
	return p;
}

/* Returns the look, or NULL if it was not filled in. */
static struct look *give_back(struct place *p, uint64_t number)
{
	uint64_t word = number * STATES + ASKED;
	struct look *l;
	bool done;

	(void)atomic_compare_exchange_strong_explicit(&p->word, &word, number * STATES + FREE,
						      memory_order_relaxed, memory_order_relaxed);
	/* filling lasts milliseconds */
	while (atomic_load_explicit(&p->word, memory_order_acquire) % STATES == FILLING)
		nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
	done = atomic_load_explicit(&p->word, memory_order_acquire) % STATES == DONE;
	lock_take(&lock);
	l = p->look;
	p->look = NULL;
	atomic_store_explicit(&p->word, number * STATES + FREE, memory_order_relaxed);
	lock_release(&lock);
	if (!done)
		mem_free(steal(l));
	return l;
}

/* Signals the worker whose turn the service has. */
static void call_worker(uint32_t handle)
{
	for (unsigned i = 0; i < sched_workers(); i++) {
		struct worker_view v;

		sched_view(i, &v);
		if (v.handle == handle)
			sched_call_worker(i, WORKER_LOOK);
	}
}

static void wait_for(struct place *p, uint64_t number, uint64_t timeout_ns, bool (*stop)(void))
{
	uint64_t began = clock_mono_ns(), next = PATIENCE_NS, gone = 0;

	for (; gone < timeout_ns && !stop(); gone = clock_mono_ns() - began) {
		if (atomic_load_explicit(&p->word, memory_order_acquire) == number * STATES + DONE)
			return;
		if (gone >= next) {
			if (next > STEP_PATIENCE_NS)
				atomic_store_explicit(&p->at_once, true, memory_order_relaxed);
			call_worker(atomic_load_explicit(&p->handle, memory_order_relaxed));
			next += STEP_PATIENCE_NS;
		}
		nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
	}
}

enum look_result look_take(uint32_t handle, uint64_t timeout_ns, bool (*stop)(void),
			   struct look **ret_look)
{
	struct service *s = service_grab(handle);
	enum look_result r = LOOK_SILENT;
	uint64_t number;
	struct place *p;

	must(stop && ret_look && !sched_on_worker());
	if (!s)
		return LOOK_NO_SERVICE;
	if (!run_is_host(s)) {
		service_unref(s);
		return LOOK_NOT_LUA;
	}
	p = take_place(handle, &number);
	if (!p) {
		r = LOOK_TOO_MANY;
	} else {
		if (order(s, (unsigned)(p - places), number))
			wait_for(p, number, timeout_ns, stop);
		*ret_look = give_back(p, number);
		r = *ret_look ? LOOK_DONE : LOOK_SILENT;
	}
	service_unref(s);
	return r;
}
