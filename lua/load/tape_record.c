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
#include "core/actor/remote.h"
#include "core/actor/send.h"
#include "core/actor/tap.h"
#include "core/base/clock.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/seed.h"
#include "core/base/text.h"
#include "core/ds/list.h"
#include "core/log/log.h"
#include "lua/host/collector.h"
#include "lua/host/seri.h"
#include "lua/load/tape.h"
#include "lua/load/tape_message.h"
#include "lua/load/tapefile.h"
#include "lua/modules/share/image_bytes.h"
#include "lua/modules/share/image_names.h"
#include "lua/vm/share.h"

/* Which version of shared data the file has last. */
struct seen {
	char *name;
	uint64_t version; /* 0: there are none any more */
};

struct recording {
	struct tape tape;
	char *path;
	int fd;
	uint64_t max_bytes, deadline_ns, config_hash;
	_Atomic uint32_t handle; /* 0: it waits for the launch; relaxed, for people */
	bool has_pointers;	 /* [its service] */
	struct seen *seen;	 /* [its service] the shared data that it has looked at */
	size_t seen_count;
	sem_t more; /* there is something to write, or it ends */
	/* [lock] */
	struct text buffer;
	uint64_t bytes, messages, sends;
	bool ended;
	char why[128];
	struct recording *later;
};

static struct lock lock = LOCK_INIT(tape);
static LIST_OF(struct recording) recordings; /* [lock] those that wait or are written */
static unsigned count;			     /* [lock] of these */
static size_t behind;			     /* [lock] bytes in all their buffers */
static struct tape_view ended[TAPES_MAX];    /* [lock] the last ones, a ring */
static unsigned ended_count;		     /* [lock] how many there were */

/* ---- the buffer ---- */

static void write_locked(struct recording *t, const struct tape_record *r)
{
	size_t before = t->buffer.size;

	lock_held(&lock);
	tape_write(&t->buffer, r);
	behind += t->buffer.size - before;
}

static void end_locked(struct recording *t, const char *why)
{
	struct tape_record e = { .kind = 'E', .data = why, .data_size = strlen(why) };

	lock_held(&lock);
	if (t->ended)
		return;
	write_locked(t, &e);
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
		write_locked(t, r);
		t->messages += r->kind == 'M';
		t->sends += r->kind == 'S';
		if (t->bytes + t->buffer.size > t->max_bytes)
			end_locked(t, "its size has reached the limit");
		else if (behind > TAPE_BEHIND)
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

	/* 0: the birth of another service */
	if (!t || t->tape.inside || inside || !m->source)
		return service_send_untapped(m, name);
	r = (struct tape_record){ .kind = 'S',
				  .type = m->type,
				  .source = m->source,
				  .dest = name ? 0 : m->dest,
				  .session = m->session,
				  .data = name,
				  .data_size = name ? strlen(name) : 0 };
	r.hash = tape_hash(m, &r.size);
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
	if (t && !t->tape.inside)
		add(t, &r);
	return r.dest;
}

static uint64_t tapped_fence(const char *name, uint32_t *ret_handle)
{
	struct recording *t = recording_of(service_current());
	struct tape_record r = { .kind = 'F', .data = name, .data_size = strlen(name) };

	r.size = remote_get()->name_fence(name, &r.dest);
	if (t && !t->tape.inside)
		add(t, &r);
	*ret_handle = r.dest;
	return r.size;
}

static const struct service_tap tap = { tapped_send, tapped_find, tapped_fence };

/* The service and the writer have one reference each. */
static void unref(struct recording *t)
{
	if (atomic_fetch_sub_explicit(&t->tape.refs, 1, memory_order_acq_rel) != 1)
		return;
	text_fini(&t->buffer);
	for (size_t i = 0; i < t->seen_count; i++)
		mem_free(t->seen[i].name);
	mem_free(t->seen);
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

static bool has_ended(struct recording *t)
{
	bool yes;

	lock_take(&lock);
	yes = t->ended;
	lock_release(&lock);
	return yes;
}

/* What a pointer leads to is in no file. Said once, for a program may only compare it. */
static void look_for_pointers(struct recording *t, const struct msg *m)
{
	if (t->has_pointers || m->type != PTYPE_LUA || !seri_has_pointer(msg_payload(m), m->size))
		return;
	t->has_pointers = true;
	log_printf(LOG_LEVEL_WARNING, m->dest,
		   "it gets a pointer (a light userdata) from :%08x: its replay has the number, "
		   "but not what is there",
		   m->source);
}

static void keep_message(struct recording *t, const struct msg *m)
{
	cleanup(text_fini) struct text room = { 0 };
	struct tape_record r = { .kind = 'M',
				 .type = m->type,
				 .flags = m->flags & (MSG_TIMEOUT | MSG_FOREIGN),
				 .source = m->source,
				 .session = m->session,
				 .mono_ns = clock_mono_ns(),
				 .now_cs = clock_now_cs() };

	tape_keep_payload(m, &r, &room);
	if (r.data_size > TAPE_RECORD_MAX / 2)
		end(t, "a message is too large to be kept");
	else
		add(t, &r);
}

static void collect(struct recording *t, struct host *h, lua_State *L, char kind)
{
	if (!tape_should_collect(&t->tape, h))
		return;
	add(t, &(struct tape_record){ .kind = kind });
	tape_collect(&t->tape, h, L);
}

static void record_collect(struct tape *t, lua_State *L)
{
	collect(container_of(t, struct recording, tape), host_of(L), L, 'g');
}

static void record_message(struct service *s, void *ud, struct msg *m)
{
	struct recording *t = recording_of(s);
	service_msg_cb next = t->tape.hook.next;
	struct host *h = ud;

	if (h->L)
		collect(t, h, h->L, 'G');
	look_for_pointers(t, m);
	keep_message(t, m);
	if (has_ended(t)) {
		let_go(s);
		collector_let_go(h);
	}
	if (next)
		next(s, ud, m);
	else
		service_reject(m, SERVICE_NO_CALLBACK);
}

/* A table has the order of pairs that its building gave it: the program gets one that is built as
 * the replay will build it. */
static void rebuild_tables(lua_State *L, const void *payload, size_t size)
{
	bool any = false;

	for (int i = lua_gettop(L); i > 0 && !any; i--)
		any = lua_istable(L, i);
	if (!any)
		return;
	lua_settop(L, 0);
	(void)seri_read(L, payload, size, false);
}

static void record_values(struct tape *t, lua_State *L, struct tape_call *call)
{
	struct tape_record r = { .kind = 'V',
				 .function = (uint16_t)call->function,
				 .raised = call->raised,
				 .hash = call->hash };
	void *payload = seri_pack(L, 1, &r.data_size);

	r.data = payload;
	if (r.data_size > TAPE_RECORD_MAX / 2)
		end(container_of(t, struct recording, tape),
		    "what a function returns is too large to be kept");
	else
		add(container_of(t, struct recording, tape), &r);
	rebuild_tables(L, payload, r.data_size);
	payload_free(payload);
}

static struct seen *seen_of(struct recording *t, const char *name)
{
	for (size_t i = 0; i < t->seen_count; i++)
		if (strcmp(t->seen[i].name, name) == 0)
			return &t->seen[i];
	t->seen = mem_realloc(t->seen, (t->seen_count + 1) * sizeof(*t->seen));
	t->seen[t->seen_count] = (struct seen){ .name = mem_strdup(name) };
	return &t->seen[t->seen_count++];
}

/* im NULL: the name is of nothing. */
static void keep_shared(struct recording *t, const char *name, struct image *im, uint64_t version)
{
	cleanup(text_fini) struct text bytes = { 0 };
	const char *wrong = im ? image_to_bytes(im, &bytes) : NULL;
	char why[128];

	if (!wrong && bytes.size > TAPE_RECORD_MAX / 2)
		wrong = "it is too large";
	if (wrong) {
		snprintf(why, sizeof(why), "shared data, %s, cannot be kept: %s", name, wrong);
		end(t, why);
		return;
	}
	add(t, &(struct tape_record){ .kind = 'I',
				      .size = version,
				      .version = name,
				      .data = bytes.bytes,
				      .data_size = bytes.size });
}

static uint64_t record_shared(struct tape *tape, const char *name)
{
	struct recording *t = container_of(tape, struct recording, tape);
	struct image *im = image_find(name);
	uint64_t version = im ? image_version(im) : 0;
	struct seen *seen = seen_of(t, name);

	if (seen->version != version)
		keep_shared(t, name, im, version);
	seen->version = version;
	image_unref(im);
	return version;
}

static void record_uncovered(struct tape *t, const char *what)
{
	char why[128];

	snprintf(why, sizeof(why), "the service uses %s, which a recording does not cover", what);
	end(container_of(t, struct recording, tape), why);
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
	.begin = begin,
	.message = record_message,
	.end = let_go,
	.values = record_values,
	.share = record_shared,
	.collect = record_collect,
	.uncovered = record_uncovered,
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

/* Takes what the service has added since. Returns whether it was the last. */
static bool take(struct recording *t, struct text *ret)
{
	bool over;

	lock_take(&lock);
	*ret = t->buffer;
	t->buffer = (struct text){ 0 };
	behind -= ret->size;
	t->bytes += ret->size;
	over = t->ended;
	lock_release(&lock);
	return over;
}

static void remove_locked(struct recording *t)
{
	struct recording **at = &recordings.first;

	lock_held(&lock);
	while (*at != t)
		at = &(*at)->later;
	list_unlink(&recordings, at, later);
	behind -= t->buffer.size;
	/* before another one may begin */
	if (--count == 0)
		atomic_store_explicit(&service_tap, NULL, memory_order_relaxed);
}

static void *writer(void *arg)
{
	struct recording *t = arg;
	bool over = false;

	while (!over) {
		cleanup(text_fini) struct text x = { 0 };

		wait_for_more(t);
		over = take(t, &x);
		if (!write_all(t->fd, &x)) {
			log_error("the recording %s cannot be written: %s", t->path,
				  strerror(errno));
			end(t, "it cannot be written");
			over = true;
		}
	}
	close(t->fd);
	(void)tape_withdraw(&t->tape);
	log_info("the recording %s ends: %s; %llu messages, %llu bytes", t->path, t->why,
		 (unsigned long long)t->messages, (unsigned long long)t->bytes);
	lock_take(&lock);
	fill_view_locked(t, &ended[ended_count++ % TAPES_MAX]);
	remove_locked(t);
	lock_release(&lock);
	unref(t);
	return NULL;
}

/* ---- orders ---- */

static const char *enter(struct recording *t)
{
	const char *why = NULL;

	lock_take(&lock);
	for (const struct recording *o = recordings.first; o && !why; o = o->later)
		if (strcmp(o->path, t->path) == 0)
			why = "another recording goes to that file";
	if (!why && count == TAPES_MAX)
		why = "as many recordings as may be wait or are under way: harborctl record --off "
		      "FILE";
	if (!why) {
		list_append(&recordings, t, later);
		count++;
	}
	lock_release(&lock);
	return why;
}

static void leave(struct recording *t)
{
	lock_take(&lock);
	remove_locked(t);
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
	lock_take(&lock);
	tape_write_head(&t->buffer);
	behind += t->buffer.size;
	lock_release(&lock);
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
	why = enter(t);
	if (why) {
		unref(t);
		return why;
	}
	why = start(t);
	if (why) {
		leave(t);
		unref(t);
	}
	return why;
}

unsigned tape_stop(const char *file)
{
	unsigned n = 0;

	lock_take(&lock);
	for (struct recording *t = recordings.first; t; t = t->later)
		if ((!file || strcmp(t->path, file) == 0) && !t->ended) {
			end_locked(t, "asked to end");
			n++;
		}
	lock_release(&lock);
	return n;
}

unsigned tape_look(struct tape_view ret[TAPES_LOOK_MAX])
{
	unsigned n = 0, past;

	lock_take(&lock);
	past = ended_count < TAPES_MAX ? ended_count : TAPES_MAX;
	for (unsigned i = ended_count - past; i < ended_count; i++)
		ret[n++] = ended[i % TAPES_MAX];
	for (const struct recording *t = recordings.first; t; t = t->later)
		fill_view_locked(t, &ret[n++]);
	lock_release(&lock);
	return n;
}
