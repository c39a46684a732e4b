/* SPDX-License-Identifier: MIT */
/* Log: see log.h.
 *
 * A record is one allocation on a list. The writer thread takes the whole list under the lock and
 * hands it to the sink outside of it, so callers wait for nobody's disk. The sink itself is guarded
 * by a second lock, taken after the first is free: so neither is held while the other is waited
 * for.
 */
#include "core/log/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/fault.h"
#include "core/base/hash.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/ds/list.h"
#include "core/log/line.h"
#include "core/log/recent.h"
#include "core/base/must.h"

/* One remembered text a slot: enough to tame a storm, which repeats itself. */
#define REPEAT_SLOTS 64u
struct repeat {
	uint64_t hash, window_ns;
	unsigned seen, held;
	uint32_t source;
	enum log_level level;
	char name[LOG_NAME_MAX];
	char sample[96];
};

static struct {
	struct lock lock;
	pthread_cond_t filled, written;
	LIST_OF(struct line) lines; /* for the writer */
	size_t bytes;
	uint64_t queued, done; /* lines, for log_flush */
	struct repeat repeat[REPEAT_SLOTS];
	uint64_t lost; /* since the last report */
	uint64_t reopens_wanted, reopens_done;
	int reopen_result; /* of the last */
	bool running, stop;
	pthread_t thread;

	struct lock sink_lock;
	const struct log_sink *sink;
	void *sink_ud;

	atomic_uint_least64_t dropped, dropped_ns;
	atomic_int dropped_errno;
} L = {
	.lock = LOCK_INIT(log),
	.filled = PTHREAD_COND_INITIALIZER,
	.written = PTHREAD_COND_INITIALIZER,
	.sink_lock = LOCK_INIT(sink),
};

/* ---- the built-in sink ---- */

static void stderr_write(void *ud, const struct log_record *r)
{
	time_t seconds = (time_t)(r->wall_ns / NS_PER_SEC);
	struct tm tm;
	char head[80 + LOG_NAME_MAX], stamp[32];
	int n;

	(void)ud;
	localtime_r(&seconds, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &tm);
	n = snprintf(head, sizeof(head), "%s.%03u %-7s [:%08x%s%s] ", stamp,
		     (unsigned)(r->wall_ns % NS_PER_SEC / NS_PER_MS), log_level_name(r->level),
		     r->source, *r->name ? " " : "", r->name);
	struct iovec iov[3] = { { head, (size_t)n },
				{ (void *)(uintptr_t)r->text, r->size },
				{ (void *)(uintptr_t) "\n", 1 } };

	if (writev(STDERR_FILENO, iov, 3) < 0)
		return; /* nowhere left to complain */
}

static const struct log_sink stderr_sink = { .write = stderr_write };

void log_set_sink(const struct log_sink *sink, void *ud)
{
	must(!sink || sink->write);
	lock_take(&L.sink_lock);
	L.sink = sink;
	L.sink_ud = ud;
	lock_release(&L.sink_lock);
}

uint64_t log_dropped(void)
{
	return atomic_load_explicit(&L.dropped, memory_order_relaxed);
}

uint64_t log_dropped_ns(void)
{
	return atomic_load_explicit(&L.dropped_ns, memory_order_relaxed);
}

int log_dropped_errno(void)
{
	return atomic_load_explicit(&L.dropped_errno, memory_order_relaxed);
}

void log_count_lost(int error)
{
	/* relaxed, all: statistics */
	atomic_store_explicit(&L.dropped_errno, error, memory_order_relaxed);
	atomic_fetch_add_explicit(&L.dropped, 1, memory_order_relaxed);
	atomic_store_explicit(&L.dropped_ns, clock_mono_ns(), memory_order_relaxed);
}

static void to_sink(const struct log_record *r)
{
	lock_take(&L.sink_lock);
	(L.sink ? L.sink : &stderr_sink)->write(L.sink_ud, r);
	lock_release(&L.sink_lock);
}

static int flush_sink(bool reopen)
{
	int r = 0;

	lock_take(&L.sink_lock);
	const struct log_sink *s = L.sink ? L.sink : &stderr_sink;

	if (s->flush)
		s->flush(L.sink_ud);
	if (reopen && s->reopen)
		r = s->reopen(L.sink_ud);
	lock_release(&L.sink_lock);
	return r;
}

void log_last_words(const char *text, size_t size)
{
	struct log_record r = { .level = LOG_LEVEL_ERROR,
				.wall_ns = clock_wall_ns(),
				.text = text,
				.size = size,
				.name = "" };

	if (!lock_try(&L.sink_lock))
		return; /* this thread or another is in it, and may be what fails */
	if (L.sink)
		L.sink->write(L.sink_ud, &r);
	if (L.sink && L.sink->flush)
		L.sink->flush(L.sink_ud);
	lock_release(&L.sink_lock);
}

/* ---- the list ---- */

static void append_locked(struct line *l)
{
	lock_held(&L.lock);
	recent_add(&l->r);
	list_append(&L.lines, l, next);
	L.bytes += l->bytes;
	L.queued++;
	pthread_cond_signal(&L.filled);
}

static void append_text_locked(enum log_level level, uint32_t source, const char *name,
			       const char *text)
{
	const struct log_record r = { .level = level,
				      .source = source,
				      .wall_ns = clock_wall_ns(),
				      .text = text,
				      .size = strlen(text),
				      .name = name };

	lock_held(&L.lock);
	append_locked(line_create(&r));
}

static void release_repeat_locked(struct repeat *r)
{
	char text[160];

	lock_held(&L.lock);
	if (r->held) {
		snprintf(text, sizeof(text), "%s... repeated %u times", r->sample, r->held);
		append_text_locked(r->level, r->source, r->name, text);
	}
	r->held = r->seen = 0;
}

/* true: the same line came too often in this window. */
static bool repeats_locked(enum log_level level, uint32_t source, const char *name,
			   const char *text, size_t size)
{
	uint64_t now = clock_mono_ns();
	uint64_t h = hash64(HASH64_START ^ source ^ (uint64_t)level << 40, text, size);
	struct repeat *r;

	lock_held(&L.lock);
	r = &L.repeat[h % REPEAT_SLOTS];
	if (r->hash != h || now - r->window_ns >= LOG_WINDOW_NS) {
		release_repeat_locked(r);
		r->hash = h;
		r->window_ns = now;
		r->source = source;
		r->level = level;
		strcpy(r->name, name);
		snprintf(r->sample, sizeof(r->sample), "%.*s", (int)(size > 90 ? 90 : size), text);
	}
	if (++r->seen <= LOG_BURST)
		return false;
	/* The writer may be waiting without a time limit: from now on it needs one. */
	if (r->held++ == 0)
		pthread_cond_signal(&L.filled);
	return true;
}

static void write_record(const struct log_record *r)
{
	lock_take(&L.lock);
	if (!L.running) {
		recent_add(r);
		lock_release(&L.lock);
		to_sink(r);
		return;
	}
	if (L.bytes > LOG_BUFFER_BYTES) {
		L.lost++;
		log_count_lost(0);
	} else if (!repeats_locked(r->level, r->source, r->name, r->text, r->size)) {
		append_locked(line_create(r));
	}
	lock_release(&L.lock);
}

void log_write(const struct log_about *about, enum log_level level, uint32_t source,
	       const char *text, size_t size)
{
	char name[LOG_NAME_MAX];
	struct log_record r = { .level = level, .source = source, .text = text, .size = size };

	if (about && about->event && !about->listed)
		event_add(about->event, source, about->peer, text, size);
	must((size_t)level <= LOG_LEVEL_ERROR);
	if (!log_wants(level, source))
		return;
	log_name_of(source, name);
	r.name = name;
	r.wall_ns = clock_wall_ns();
	if (about)
		r.about = *about;
	write_record(&r);
}

void log_vwrite(const struct log_about *about, enum log_level level, uint32_t source,
		const char *fmt, va_list ap)
{
	char small[512], *text = small;
	va_list again;
	int n;

	if (!(about && about->event) && !log_wants(level, source))
		return;
	va_copy(again, ap);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	if (n >= (int)sizeof(small)) {
		text = mem_alloc((size_t)n + 1);
		vsnprintf(text, (size_t)n + 1, fmt, again);
	}
	va_end(again);
	if (n >= 0)
		log_write(about, level, source, text, (size_t)n);
	if (text != small)
		mem_free(text);
}

void log_writef(const struct log_about *about, enum log_level level, uint32_t source,
		const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(about, level, source, fmt, ap);
	va_end(ap);
}

/* ---- the writer ---- */

/* Tells the held lines whose window is over, or all. Returns the monotonic end of the next window
 * that has some, UINT64_MAX for none. */
static uint64_t release_repeats_locked(bool all)
{
	uint64_t now = clock_mono_ns(), next = UINT64_MAX;

	lock_held(&L.lock);
	for (unsigned i = 0; i < REPEAT_SLOTS; i++) {
		struct repeat *r = &L.repeat[i];

		if (!r->held)
			continue;
		if (all || now - r->window_ns >= LOG_WINDOW_NS)
			release_repeat_locked(r);
		else if (r->window_ns + LOG_WINDOW_NS < next)
			next = r->window_ns + LOG_WINDOW_NS;
	}
	return next;
}

static void wait_locked(uint64_t until_ns)
{
	lock_held(&L.lock);
	if (until_ns == UINT64_MAX)
		lock_wait(&L.lock, &L.filled);
	else
		(void)lock_wait_until(&L.lock, &L.filled, until_ns);
}

/* Lets go of the lock for a moment: the list of events comes before it. */
static void report_lost_locked(void)
{
	const struct log_about about = { LOG_HERE, .event = LOG_EVENT_log_lost };
	char text[80];
	struct log_record r = { .level = LOG_LEVEL_WARNING,
				.wall_ns = clock_wall_ns(),
				.text = text,
				.name = "",
				.about = about };

	lock_held(&L.lock);
	r.size = (size_t)snprintf(text, sizeof(text),
				  "%llu log lines were dropped: the sink is too slow",
				  (unsigned long long)L.lost);
	L.lost = 0;
	append_locked(line_create(&r));
	lock_release(&L.lock);
	event_add(about.event, 0, NULL, r.text, r.size);
	lock_take(&L.lock);
}

static bool wants_reopen_locked(void)
{
	lock_held(&L.lock);
	return L.reopens_done < L.reopens_wanted;
}

static void *writer_main(void *arg)
{
	(void)arg;
	(void)pthread_setname_np(pthread_self(), "log");
	lock_take(&L.lock);
	for (;;) {
		uint64_t until = release_repeats_locked(L.stop);

		if (list_is_empty(&L.lines) && !L.stop && !wants_reopen_locked() && !L.lost) {
			wait_locked(until);
			continue;
		}
		if (L.lost)
			report_lost_locked();
		struct line *l = list_take_all(&L.lines);
		bool reopen = wants_reopen_locked(), stop = L.stop;
		uint64_t upto = L.queued, reopens = L.reopens_wanted;
		int r;

		L.bytes = 0;
		lock_release(&L.lock);
		while (l) {
			struct line *next = l->next;

			to_sink(&l->r);
			mem_free(l);
			l = next;
		}
		r = flush_sink(reopen);
		lock_take(&L.lock);
		L.done = upto;
		L.reopen_result = reopen ? r : L.reopen_result;
		L.reopens_done = reopens;
		pthread_cond_broadcast(&L.written);
		if (!stop)
			continue;
		/* What came while we wrote: lines, lines that were held back, who waits. */
		(void)release_repeats_locked(true);
		if (list_is_empty(&L.lines) && !L.lost && !wants_reopen_locked())
			break;
	}
	L.running = false;
	lock_release(&L.lock);
	return NULL;
}

/* The sink runs there: it would wait for itself. */
static bool on_writer_locked(void)
{
	lock_held(&L.lock);
	return L.running && pthread_equal(L.thread, pthread_self());
}

int log_start(void)
{
	int r = EALREADY;

	/* Under the lock: other threads may log before and while this runs. */
	lock_take(&L.lock);
	if (!L.running) {
		L.stop = false;
		r = fault(thread) ? EAGAIN : pthread_create(&L.thread, NULL, writer_main, NULL);
		L.running = r == 0;
	}
	lock_release(&L.lock);
	return -r;
}

void log_stop(void)
{
	lock_take(&L.lock);
	bool running = L.running;

	must(!on_writer_locked());
	L.stop = true;
	pthread_cond_signal(&L.filled);
	lock_release(&L.lock);
	if (running)
		pthread_join(L.thread, NULL);
}

void log_flush(void)
{
	lock_take(&L.lock);
	must(!on_writer_locked());
	if (L.running)
		(void)release_repeats_locked(true);
	uint64_t upto = L.queued;

	while (L.running && L.done < upto)
		lock_wait(&L.lock, &L.written);
	lock_release(&L.lock);
}

void log_reopen(void)
{
	lock_take(&L.lock);
	bool running = L.running;

	L.reopens_wanted += running;
	pthread_cond_signal(&L.filled);
	lock_release(&L.lock);
	if (!running)
		(void)flush_sink(true);
}

int log_reopen_now(void)
{
	uint64_t mine;
	bool running;
	int r;

	lock_take(&L.lock);
	must(!on_writer_locked());
	running = L.running;
	L.reopens_wanted += running;
	mine = L.reopens_wanted;
	pthread_cond_signal(&L.filled);
	while (running && L.reopens_done < mine)
		lock_wait(&L.lock, &L.written);
	r = L.reopen_result;
	lock_release(&L.lock);
	return running ? r : flush_sink(true);
}
