/* SPDX-License-Identifier: MIT */
/* The black box: see blackbox.h.
 *
 * Of threads that crash at the same time the first writes, the others wait for the end. Workers
 * show themselves: each reads its own stacks in a signal handler of its own (WORKER_DUMP), and who
 * does not come in time is named. A part that faults or takes longer than PART_SECONDS is left by
 * guard_leave, and the next one follows.
 */
#include "daemon/state/blackbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "core/actor/handle.h"
#include "core/actor/service.h"
#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/guard.h"
#include "core/base/rawtext.h"
#include "core/log/log.h"
#include "core/log/recent.h"
#include "core/sched/sched.h"
#include "daemon/state/crashfiles.h"
#include "daemon/state/info.h"
#include "harbor/harbor.h"
#include "lua/host/moment.h"

#define PART_SECONDS 3
#define WORKER_WAIT_NS (200 * NS_PER_MS)
#define OTHERS_WAIT_NS (20 * NS_PER_SEC)
#define PAUSE_NS (NS_PER_MS / 2)
#define MAILBOXES 10u

/* set by blackbox_open, then constant */
static char folder[PATH_MAX];
static int (*log_fd)(void);

/* The thread that writes; 0: nobody. acq_rel: what another one wrote last is complete. */
static atomic_int writer;

/* What is told of, by the writer alone. */
static struct {
	struct rawtext out;
	char path[PATH_MAX + CRASHFILES_NAME];
	int sig; /* 0: somebody asked for it */
	const siginfo_t *info;
	const void *context;
	unsigned worker;
} W;

/* A worker shows itself. ASKED -> FILLING (acquire) by the worker, DONE (release) by it. */
enum { NOBODY, ASKED, FILLING, DONE };
static struct {
	atomic_uint state;
	atomic_uint who; /* the worker that is meant; relaxed, before ASKED */
	struct moment moment;
	uint64_t size;
	char first[16];
} shown;

/* ---- a worker ---- */

static void show(struct service *s, const void *context)
{
	const char *first = sched_message(&shown.size);

	for (unsigned i = 0; i < sizeof(shown.first); i++)
		shown.first[i] = first[i];
	moment_read(&shown.moment, s, context, MOMENT_FRAMES);
}

static void on_called(struct service *s, const void *context)
{
	unsigned asked = ASKED;

	if (atomic_load_explicit(&shown.who, memory_order_relaxed) != (unsigned)sched_self() ||
	    !atomic_compare_exchange_strong_explicit(&shown.state, &asked, FILLING,
						     memory_order_acquire, memory_order_relaxed))
		return;
	show(s, context);
	atomic_store_explicit(&shown.state, DONE, memory_order_release);
}

/* Returns whether the worker has shown itself in time. */
static bool ask_worker(unsigned i)
{
	uint64_t until = clock_mono_ns() + WORKER_WAIT_NS;
	unsigned asked = ASKED;

	/* One that came too late may still be at it: then the next ones are not asked. */
	if (atomic_load_explicit(&shown.state, memory_order_acquire) == FILLING)
		return false;
	atomic_store_explicit(&shown.who, i, memory_order_relaxed);
	atomic_store_explicit(&shown.state, ASKED, memory_order_release);
	sched_call_worker(i, WORKER_DUMP);
	while (atomic_load_explicit(&shown.state, memory_order_acquire) != DONE &&
	       clock_mono_ns() < until)
		nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
	if (atomic_load_explicit(&shown.state, memory_order_acquire) == DONE)
		return true;
	(void)atomic_compare_exchange_strong_explicit(&shown.state, &asked, NOBODY,
						      memory_order_relaxed, memory_order_relaxed);
	return false;
}

/* ---- parts ---- */

static void put(const char *s)
{
	raw_puts(&W.out, s);
}

static void put_name(const char *key)
{
	size_t n = strlen(key);

	put(key);
	put(": ");
	raw_add(&W.out, "              ", n < 14 ? 14 - n : 0);
}

static void put_line(const char *key, const char *value)
{
	put_name(key);
	put(value ? value : "-");
	put("\n");
}

static void put_number(const char *key, uint64_t n)
{
	put_name(key);
	raw_uint(&W.out, n);
	put("\n");
}

static const char *signal_text(int sig)
{
	switch (sig) {
	case SIGSEGV:
		return "SIGSEGV, memory that is not there";
	case SIGBUS:
		return "SIGBUS, memory that cannot be had";
	case SIGFPE:
		return "SIGFPE, an impossible division";
	case SIGILL:
		return "SIGILL, no instruction";
	case SIGABRT:
		return "SIGABRT";
	default:
		return "asked for (harborctl dump); the node goes on";
	}
}

static void write_reason(void *ud)
{
	char thread[32] = "?";

	put_line("reason", signal_text(W.sig));
	if (W.sig && W.info->si_code > 0) {
		put_name("address");
		put("0x");
		raw_hex(&W.out, (uintptr_t)W.info->si_addr, 1);
		put("\n");
		put_name("place");
		backtrace_write(&W.out, backtrace_place(W.context));
		put("\n");
	} else if (W.sig && W.info->si_pid != getpid()) {
		put_name("sent by");
		put("process ");
		raw_uint(&W.out, (uint64_t)W.info->si_pid);
		put(W.sig == SIGABRT ? " (the watchdog, if that is the service manager)\n" : "\n");
	}
	(void)pthread_getname_np(pthread_self(), thread, sizeof(thread));
	put_name("thread");
	put(thread);
	put(" ");
	raw_uint(&W.out, (uint64_t)gettid());
	put("\n");
}

static void write_node(void *ud)
{
	const struct info *i = info_get();

	put_line("node", i->node);
	put_number("harbor", service_harbor());
	put_line("version", "harbord " HARBORD_VERSION);
	put_line("phase", phase_name(phase_get()));
	put_number("pid", (uint64_t)getpid());
	put_name("time");
	raw_time(&W.out, clock_wall_ns(), false);
	put("\n");
	put_name("uptime");
	raw_seconds(&W.out, clock_now_cs() * NS_PER_CS);
	put(" s\n");
	put_line("configuration", i->config_file);
	put_name("config_hash");
	raw_hex(&W.out, info_config_hash(), 16);
	put("\n");
	put_number("workers", sched_workers());
}

static void write_frame(const struct frame *f)
{
	put("    ");
	raw_clean(&W.out, f->source, strnlen(f->source, sizeof(f->source)));
	if (f->line > 0) {
		put(":");
		raw_uint(&W.out, (unsigned)f->line);
	}
	if (f->name[0]) {
		put(": in function '");
		raw_clean(&W.out, f->name, strnlen(f->name, sizeof(f->name)));
		put("'");
	} else if (f->defined == 0) {
		put(": in main chunk");
	} else if (f->defined > 0) {
		put(": in function <:");
		raw_uint(&W.out, (unsigned)f->defined);
		put(">");
	}
	if (f->code) {
		put("  ");
		backtrace_write(&W.out, (uintptr_t)f->code);
	}
	put("\n");
}

static void write_calls(const struct moment *m)
{
	put("  calls of C:\n");
	for (unsigned i = 0; i < m->calls; i++) {
		put("    ");
		backtrace_write(&W.out, m->call[i]);
		put("\n");
	}
}

static void write_lua(const struct moment *m)
{
	if (!m->is_lua)
		return;
	put(m->runs_lua ? "  stack of Lua:\n" : "  no code of its program runs\n");
	for (unsigned i = 0; i < m->frames; i++) {
		if (m->depth > m->frames && i + FRAMES_OUTER == m->frames) {
			put("    ... (");
			raw_uint(&W.out, m->depth - m->frames);
			put(" levels are left out)\n");
		}
		write_frame(&m->frame[i]);
	}
	if (m->broken)
		put("    (it cannot be read any further)\n");
}

static void write_message(const struct worker_view *v)
{
	put("  message: type ");
	if (msg_type_name(v->type))
		put(msg_type_name(v->type));
	else
		raw_int(&W.out, v->type);
	put(" from ");
	raw_handle(&W.out, v->source);
	put(" session ");
	raw_int(&W.out, v->session);
	put(" size ");
	raw_uint(&W.out, shown.size);
	put(" begins \"");
	raw_clean(&W.out, shown.first,
		  shown.size < sizeof(shown.first) ? shown.size : sizeof(shown.first));
	put("\", turn for ");
	raw_seconds(&W.out, clock_mono_ns() - v->turn_began_ns);
	put(" s\n");
}

static void write_served(const struct moment *m)
{
	if (!m->serves)
		return;
	put("  serves: a request of ");
	raw_handle(&W.out, m->source);
	put(" session ");
	raw_int(&W.out, m->session);
	put(" protocol ");
	raw_clean(&W.out, m->proto, strnlen(m->proto, sizeof(m->proto)));
	put("\n");
}

/* Who crashes keeps the service: to free it may need a lock that this thread has. */
static void write_title(uint32_t handle)
{
	struct service *s = service_grab(handle);

	if (s && s->args)
		raw_clean(&W.out, s->args, strnlen(s->args, 60));
	if (s && !W.sig)
		service_unref(s);
}

static void write_worker(void *ud)
{
	unsigned i = W.worker;
	bool self = sched_self() == (int)i;
	struct worker_view v;

	sched_view(i, &v);
	put("\nworker ");
	raw_uint(&W.out, i);
	if (self)
		show(service_current(), W.context);
	else if (!ask_worker(i))
		put(" (it does not show itself)");
	if (self)
		put(W.sig ? ", the one that crashed" : "");
	if (!v.handle) {
		put(": idle\n");
		return;
	}
	put(": service ");
	raw_handle(&W.out, v.handle);
	put(" ");
	write_title(v.handle);
	put("\n");
	write_message(&v);
	if (shown.moment.handle != v.handle)
		return;
	write_served(&shown.moment);
	write_lua(&shown.moment);
	write_calls(&shown.moment);
}

/* The thread that crashed, if it is no worker. */
static void write_thread(void *ud)
{
	put("\nthread\n");
	moment_read(&shown.moment, NULL, W.context, 0);
	write_calls(&shown.moment);
}

static void write_mailboxes(void *ud)
{
	struct handle_table *t = atomic_load_explicit(&handle_table, memory_order_acquire);
	struct full {
		unsigned n;
		uint32_t handle;
	} top[MAILBOXES] = { 0 };

	put("\nmailboxes with messages\n");
	for (uint32_t i = 0; t && i < t->capacity; i++) {
		struct service *s = atomic_load_explicit(&t->slots[i], memory_order_acquire);
		struct full f = { s ? mailbox_length(&s->mailbox) : 0, s ? service_handle(s) : 0 };

		for (unsigned k = 0; f.n && k < MAILBOXES; k++)
			if (f.n > top[k].n) {
				struct full other = top[k];

				top[k] = f;
				f = other;
			}
	}
	for (unsigned k = 0; k < MAILBOXES && top[k].n; k++) {
		put("  ");
		raw_handle(&W.out, top[k].handle);
		put(" ");
		raw_uint(&W.out, top[k].n);
		put(" ");
		write_title(top[k].handle);
		put("\n");
	}
}

static void write_link(const struct harbor_glance *g, void *ud)
{
	put("  ");
	raw_uint(&W.out, g->id);
	put(" ");
	raw_clean(&W.out, g->name, strnlen(g->name, 64));
	put(" ");
	put(g->state);
	put(", bytes that wait ");
	raw_uint(&W.out, g->waiting_bytes);
	put(", written and not acknowledged ");
	raw_uint(&W.out, g->kept_bytes);
	put("\n");
}

static void write_links(void *ud)
{
	if (!info_get()->cluster)
		return;
	put("\nlinks\n");
	harbor_glance(write_link, NULL);
}

static void write_log(void *ud)
{
	put("\nlast lines of the log\n");
	recent_write(&W.out);
}

/* ---- the file ---- */

static void set_alarm(unsigned seconds)
{
	struct itimerval t = { .it_value.tv_sec = seconds };

	(void)setitimer(ITIMER_REAL, &t, NULL);
}

/* A part takes too long. The signal comes to any thread. */
static void on_alarm(int sig)
{
	int who = atomic_load_explicit(&writer, memory_order_relaxed);

	if (who == gettid())
		guard_leave();
	else if (who)
		(void)syscall(SYS_tgkill, getpid(), who, sig);
}

static void part(void (*f)(void *ud))
{
	if (W.sig)
		set_alarm(PART_SECONDS);
	if (!guard_run(f, NULL))
		put("\n(this part cannot be read: it faults, or takes too long)\n");
	raw_flush(&W.out);
}

static void write_parts(void)
{
	part(write_reason);
	part(write_node);
	if (sched_self() < 0 && W.sig)
		part(write_thread);
	if (sched_self() >= 0) {
		W.worker = (unsigned)sched_self();
		part(write_worker);
	}
	for (W.worker = 0; W.worker < sched_workers(); W.worker++)
		if ((int)W.worker != sched_self())
			part(write_worker);
	part(write_mailboxes);
	part(write_links);
	part(write_log);
}

static void make_path(void)
{
	struct rawtext t = { .fd = -1 };

	raw_puts(&t, folder);
	raw_puts(&t, "/");
	raw_puts(&t, info_get()->node);
	raw_puts(&t, "-");
	raw_time(&t, clock_wall_ns(), true);
	raw_puts(&t, "-");
	raw_uint(&t, (uint64_t)getpid());
	raw_puts(&t, W.sig ? ".crash" : ".dump");
	if (t.n >= sizeof(W.path))
		t.n = sizeof(W.path) - 1;
	memcpy(W.path, t.bytes, t.n);
	W.path[t.n] = 0;
}

/* Returns 0 or errno. */
static int write_file(void)
{
	int error;

	if (!folder[0])
		return ENOENT;
	make_path();
	W.out = (struct rawtext){ .fd = open(W.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
					     0600) };
	if (W.out.fd < 0)
		return errno;
	write_parts();
	error = W.out.error;
	if (close(W.out.fd) != 0 && !error)
		error = errno;
	if (error)
		(void)unlink(W.path);
	return error;
}

/* ---- a crash ---- */

/* false: this thread is the writer already, or another one does not come to its end. */
static bool become_writer(void)
{
	uint64_t until = clock_mono_ns() + OTHERS_WAIT_NS;
	int nobody = 0, self = gettid();

	while (!atomic_compare_exchange_strong_explicit(
		&writer, &nobody, self, memory_order_acq_rel, memory_order_relaxed)) {
		if (nobody == self || clock_mono_ns() >= until)
			return false;
		nobody = 0;
		nanosleep(&(struct timespec){ .tv_nsec = 10 * NS_PER_MS }, NULL);
	}
	return true;
}

static void tell(int fd, int error)
{
	W.out = (struct rawtext){ .fd = fd };
	put("harbord: crash: ");
	put(signal_text(W.sig));
	put(error ? "; it cannot be written to a file: " : "; ");
	put(error ? strerrorname_np(error) : W.path);
	put("\n");
	raw_flush(&W.out);
}

static void on_crash(int sig, siginfo_t *info, void *context)
{
	struct sigaction alarm = { .sa_handler = on_alarm }, before;
	int error;

	if (!become_writer()) {
		guard_leave();
		return; /* a fault of ours outside of all parts */
	}
	W.sig = sig;
	W.info = info;
	W.context = context;
	(void)sigaction(SIGALRM, &alarm, &before);
	error = write_file();
	if (error) {
		W.out = (struct rawtext){ .fd = STDERR_FILENO };
		write_parts();
	}
	set_alarm(0);
	(void)sigaction(SIGALRM, &before, NULL);
	tell(STDERR_FILENO, error);
	if (log_fd && log_fd() != STDERR_FILENO)
		tell(log_fd(), error);
	/* writer stays: the process ends now, and others that crash meanwhile wait */
}

void blackbox_init(void)
{
	guard_init(on_crash);
	guard_thread_begin();
	sched_set_called(WORKER_DUMP, on_called);
}

void blackbox_open(const char *dir, int (*fd)(void))
{
	log_fd = fd;
	if (!dir || strlen(dir) >= sizeof(folder))
		return;
	strcpy(folder, dir);
	(void)mkdir(folder, 0700);
	crashfiles_look(folder, info_get()->node);
}

bool blackbox_dump(char *ret_text, size_t size)
{
	int error;

	if (!become_writer()) {
		snprintf(ret_text, size, "another one is being written");
		return false;
	}
	W.sig = 0;
	W.info = NULL;
	W.context = NULL;
	error = write_file();
	snprintf(ret_text, size, "%s%s%s", W.path, error ? ": " : "", error ? strerror(error) : "");
	if (!error)
		crashfiles_prune(folder, info_get()->node);
	atomic_store_explicit(&writer, 0, memory_order_release);
	return error == 0;
}
