/* SPDX-License-Identifier: MIT */
/* Recording: see tape.h. The service appends to a buffer, a thread writes it. */
#include "lua/load/tape_record.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/actor/handle.h"
#include "core/actor/send.h"
#include "core/actor/tap.h"
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/seed.h"
#include "core/base/text.h"
#include "core/log/log.h"
#include "lua/host/seri.h"
#include "lua/load/tape.h"
#include "lua/load/tapefile.h"
#include "lua/vm/share.h"

struct recording {
	struct tape tape;
	char *path;
	int fd;
	uint64_t max_bytes, deadline_ns, config_hash;
	_Atomic uint32_t handle; /* 0: it waits for the launch; relaxed, for people */
	sem_t more;		 /* there is something to write, or it ends */
	/* [lock] */
	struct text buffer;
	uint64_t bytes, messages, sends;
	bool ended;
	char why[128];
};

static struct lock lock = LOCK_INIT(tape);
static struct recording *current; /* [lock] the one that waits or is written */
static struct tape_view last;	  /* [lock] of the one before */

/* ---- the buffer ---- */

static void end_locked(struct recording *t, const char *why)
{
	struct tape_record e = { .kind = 'E', .data = why, .data_size = strlen(why) };

	lock_held(&lock);
	if (t->ended)
		return;
	tape_write(&t->buffer, &e);
	snprintf(t->why, sizeof(t->why), "%s", why);
	t->ended = true;
	sem_post(&t->more);
}

static void end(struct recording *t, const char *why)
{
	lock_take(&lock);
	end_locked(t, why);
	lock_release(&lock);
}

static void add(struct recording *t, const struct tape_record *r)
{
	lock_take(&lock);
	if (!t->ended) {
		if (t->buffer.size == 0)
			sem_post(&t->more);
		tape_write(&t->buffer, r);
		t->messages += r->kind == 'M';
		t->sends += r->kind == 'S';
		if (t->bytes + t->buffer.size > t->max_bytes)
			end_locked(t, "its size has reached the limit");
		else if (t->buffer.size > TAPE_BEHIND)
			end_locked(t, "the disk is slower than the service");
	}
	lock_release(&lock);
}

/* ---- what the service does ---- */

static struct recording *recording_of(struct service *s)
{
	struct tape *t = tape_of_service(s);

	return t ? container_of(t, struct recording, tape) : NULL;
}

/* A name that this node owns becomes a handle, and is sent to once more. */
static _Thread_local bool inside;

static int tapped_send(struct msg *m, const char *name)
{
	struct service *s = service_current();
	struct recording *t = recording_of(s);
	struct tape_record r;

	if (!t || inside || !m->source) /* 0: the birth of another service */
		return service_send_untapped(m, name);
	r = (struct tape_record){ .kind = 'S',
				  .type = m->type,
				  .source = m->source,
				  .dest = name ? 0 : m->dest,
				  .session = m->session,
				  .size = m->size,
				  .hash = hash64(HASH64_START, msg_payload(m), m->size),
				  .data = name,
				  .data_size = name ? strlen(name) : 0 };
	inside = true;
	r.result = service_send_untapped(m, name);
	inside = false;
	add(t, &r);
	return r.result;
}

static uint32_t tapped_find(const char *name)
{
	struct recording *t = recording_of(service_current());
	struct tape_record r = { .kind = 'N', .data = name, .data_size = strlen(name) };

	r.dest = service_find_untapped(name);
	if (t)
		add(t, &r);
	return r.dest;
}

static const struct service_tap tap = { tapped_send, tapped_find };

/* The service and the writer have one reference each. */
static void unref(struct recording *t)
{
	if (atomic_fetch_sub_explicit(&t->tape.refs, 1, memory_order_acq_rel) != 1)
		return;
	text_fini(&t->buffer);
	sem_destroy(&t->more);
	mem_free(t->tape.service);
	mem_free(t->path);
	mem_free(t);
}

static void let_go(struct service *s)
{
	struct recording *t = recording_of(s);

	end(t, TAPE_WHOLE);
	service_set_message_log(s, NULL);
	unref(t);
}

/* NULL, or why such a message cannot be kept. */
static const char *not_covered(const struct msg *m)
{
	if (m->type == PTYPE_SOCKET)
		return "the service uses sockets, which a recording does not cover";
	if (m->type == PTYPE_MULTICAST || m->flags & MSG_SHARED)
		return "the service got a multicast, which a recording does not cover";
	if (m->size > TAPE_RECORD_MAX / 2)
		return "a message is too large to be kept";
	return NULL;
}

static void record_message(struct service *s, void *ud, struct msg *m)
{
	struct recording *t = recording_of(s);
	service_msg_cb next = t->tape.hook.next;
	const char *why = not_covered(m);
	struct tape_record r = { .kind = 'M',
				 .type = m->type,
				 .flags = m->flags & (MSG_TIMEOUT | MSG_FOREIGN),
				 .source = m->source,
				 .session = m->session,
				 .mono_ns = clock_mono_ns(),
				 .now_cs = clock_now_cs(),
				 .data = msg_payload(m),
				 .data_size = m->size };
	bool ended;

	if (why)
		end(t, why);
	else
		add(t, &r);
	lock_take(&lock);
	ended = t->ended;
	lock_release(&lock);
	if (ended)
		let_go(s);
	if (next)
		next(s, ud, m);
	else
		service_reject(m, SERVICE_NO_CALLBACK);
}

static bool record_values(struct tape *t, lua_State *L, unsigned function, bool *raised)
{
	struct tape_record r = { .kind = 'V', .function = (uint16_t)function, .raised = *raised };
	void *payload = seri_pack(L, 1, &r.data_size);

	r.data = payload;
	add(container_of(t, struct recording, tape), &r);
	payload_free(payload);
	return true;
}

/* ---- its birth ---- */

static void begin(struct tape *tape, struct host *h)
{
	struct recording *t = container_of(tape, struct recording, tape);
	struct tape_record r = { .kind = 'H',
				 .dest = service_handle(h->s),
				 .seed = share_seed(1),
				 .random = { t->tape.random[0], t->tape.random[1] },
				 .hash = t->config_hash,
				 .version = HARBORD_VERSION,
				 .data = h->args,
				 .data_size = strlen(h->args) };

	atomic_store_explicit(&t->handle, r.dest, memory_order_relaxed);
	add(t, &r);
	tape_stand_before(tape, h->s);
	atomic_store_explicit(&service_tap, &tap, memory_order_relaxed);
	log_printf(LOG_LEVEL_INFO, r.dest, "it is recorded in %s", t->path);
}

static const struct tape_ops ops = {
	.begin = begin, .message = record_message, .end = let_go, .values = record_values
};

/* ---- the writer ---- */

static bool write_all(int fd, const struct text *x)
{
	for (size_t at = 0; at < x->size;) {
		ssize_t n = write(fd, x->bytes + at, x->size - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

static void wait_for_more(struct recording *t)
{
	struct timespec until = { .tv_sec = (time_t)(t->deadline_ns / NS_PER_SEC),
				  .tv_nsec = (long)(t->deadline_ns % NS_PER_SEC) };

	if (!t->deadline_ns)
		while (sem_wait(&t->more) < 0)
			;
	else
		while (sem_clockwait(&t->more, CLOCK_MONOTONIC, &until) < 0)
			if (errno == ETIMEDOUT) {
				end(t, "its time is over");
				t->deadline_ns = 0;
				break;
			}
}

static void fill_view_locked(const struct recording *t, struct tape_view *v)
{
	uint32_t handle = atomic_load_explicit(&t->handle, memory_order_relaxed);

	*v = (struct tape_view){ .waits = !t->ended && !handle,
				 .runs = !t->ended && handle,
				 .handle = handle,
				 .messages = t->messages,
				 .sends = t->sends,
				 .bytes = t->bytes + t->buffer.size };
	snprintf(v->service, sizeof(v->service), "%s", t->tape.service);
	snprintf(v->file, sizeof(v->file), "%s", t->path);
	snprintf(v->end, sizeof(v->end), "%s", t->why);
}

static void *writer(void *arg)
{
	struct recording *t = arg;
	bool over = false;

	while (!over) {
		cleanup(text_fini) struct text x = { 0 };

		wait_for_more(t);
		lock_take(&lock);
		x = t->buffer;
		t->buffer = (struct text){ 0 };
		t->bytes += x.size;
		over = t->ended;
		lock_release(&lock);
		if (!write_all(t->fd, &x)) {
			log_error("the recording %s cannot be written: %s", t->path,
				  strerror(errno));
			end(t, "it cannot be written");
			over = true;
		}
	}
	close(t->fd);
	(void)tape_withdraw(&t->tape);
	/* before another one may begin */
	atomic_store_explicit(&service_tap, NULL, memory_order_relaxed);
	log_info("the recording %s ends: %s; %llu messages, %llu bytes", t->path, t->why,
		 (unsigned long long)t->messages, (unsigned long long)t->bytes);
	lock_take(&lock);
	fill_view_locked(t, &last);
	current = NULL;
	lock_release(&lock);
	unref(t);
	return NULL;
}

/* ---- orders ---- */

static bool take_turn(struct recording *t)
{
	bool mine;

	lock_take(&lock);
	mine = !current;
	if (mine)
		current = t;
	lock_release(&lock);
	return mine;
}

static void give_turn(void)
{
	lock_take(&lock);
	current = NULL;
	lock_release(&lock);
}

static bool start_writer(struct recording *t)
{
	pthread_attr_t detached;
	pthread_t thread;
	bool there;

	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	there = pthread_create(&thread, &detached, writer, t) == 0;
	pthread_attr_destroy(&detached);
	return there;
}

/* It is offered before the writer runs, who withdraws it at the end. */
static const char *start(struct recording *t)
{
	t->fd = open(t->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (t->fd < 0)
		return errno == EEXIST ? "the file is there already" : strerror(errno);
	tape_write_head(&t->buffer);
	sem_post(&t->more);
	tape_offer(&t->tape);
	if (start_writer(t))
		return NULL;
	(void)tape_withdraw(&t->tape);
	end(t, "no thread is to be had");
	close(t->fd);
	(void)unlink(t->path);
	return "no thread is to be had";
}

const char *tape_record(const struct tape_order *o)
{
	struct recording *t = mem_zalloc(sizeof(*t));
	const char *why;

	t->tape.ops = &ops;
	t->tape.service = mem_strdup(o->service);
	t->path = mem_strdup(o->file);
	t->tape.random[0] = (int64_t)seed_number();
	t->tape.random[1] = (int64_t)clock_wall_ns();
	t->max_bytes = o->max_bytes;
	t->deadline_ns = o->limit_ns ? clock_mono_ns() + o->limit_ns : 0;
	t->config_hash = o->config_hash;
	sem_init(&t->more, 0, 0);
	atomic_store_explicit(&t->tape.refs, 1, memory_order_relaxed);
	if (!take_turn(t)) {
		unref(t);
		return "another recording waits or is under way: harborctl record --off";
	}
	why = start(t);
	if (why) {
		give_turn();
		unref(t);
	}
	return why;
}

bool tape_stop(void)
{
	struct recording *t;

	lock_take(&lock);
	t = current;
	if (t) {
		end_locked(t, "asked to end");
	}
	lock_release(&lock);
	return t;
}

void tape_look(struct tape_view *ret)
{
	lock_take(&lock);
	if (current)
		fill_view_locked(current, ret);
	else
		*ret = last;
	lock_release(&lock);
}
