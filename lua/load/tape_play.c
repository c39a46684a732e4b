/* SPDX-License-Identifier: MIT */
/* Replaying: see tape.h. The service gets one recorded message a turn; between two messages the
 * recorded run's answers and sends are taken from the file in the order in which they were made. */
#include "lua/load/tape_play.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/actor/handle.h"
#include "core/actor/remote.h"
#include "core/actor/send.h"
#include "core/actor/tap.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/sched/timeout.h"
#include "lua/host/seri.h"
#include "lua/load/tape.h"
#include "lua/load/tape_functions.h"
#include "lua/load/tape_message.h"
#include "lua/load/tapefile.h"
#include "lua/modules/share/image_bytes.h"
#include "lua/modules/share/image_names.h"
#include "lua/vm/share.h"

#define TOLD_MAX 20u

static struct {
	struct tape tape;
	struct tape_reader reader;
	struct tape_record head, next; /* next.kind 0: the file is at its end */
	char *args;
	struct msg *kick; /* the message that has the service play its next one */
	uint64_t messages, sends, differences;
	bool whole; /* the recording goes on to the end of the service */
	bool over;
	bool gone; /* the service has ended */
	sem_t done;
} P; /* of the service's owner, once it is launched */

static void advance(void)
{
	if (!tape_next(&P.reader, &P.next))
		P.next.kind = 0;
	if (P.next.kind != 'E')
		return;
	P.whole = P.next.data_size == strlen(TAPE_WHOLE) &&
		  memcmp(P.next.data, TAPE_WHOLE, P.next.data_size) == 0;
	P.next.kind = 0;
}

/* A line is one write, for the log writes there, too. */
static void printf_like(1, 2) differs(const char *fmt, ...)
{
	char text[320], line[384];
	va_list ap;

	if (P.differences++ >= TOLD_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "message %llu: %s\n", (unsigned long long)P.messages, text);
	fputs(line, stderr);
}

/* What the recorded run did next, for people. */
static void describe(char ret[128])
{
	const struct tape_record *r = &P.next;

	switch (r->kind) {
	case 'V':
		snprintf(ret, 128, "called %s", tape_function(r->function));
		break;
	case 'N':
		snprintf(ret, 128, "looked for .%.*s", (int)(r->data_size & 63),
			 (const char *)r->data);
		break;
	case 'F':
		snprintf(ret, 128, "looked for the owner of %.*s", (int)(r->data_size & 63),
			 (const char *)r->data);
		break;
	case 'S':
		snprintf(ret, 128, "sent :%08x type %u, session %d, %llu bytes", r->dest, r->type,
			 r->session, (unsigned long long)r->size);
		break;
	case 'M':
		snprintf(ret, 128, "got the next message");
		break;
	case 'G':
	case 'g':
		snprintf(ret, 128, "collected garbage");
		break;
	case 'I':
		snprintf(ret, 128, "looked at the shared data %.32s", r->version);
		break;
	default:
		snprintf(ret, 128, "was at its end");
	}
}

static void finish(void)
{
	if (P.over)
		return;
	P.over = true;
	sem_post(&P.done);
}

/* The service stays where it is, for people who look at it with a debugger, until the process
 * ends. */
static _Noreturn void stand_still(void)
{
	finish();
	for (;;)
		(void)pause();
}

/* It does something else than it did: nothing fits any more. */
static _Noreturn void leave(const char *what)
{
	char recorded[128];

	describe(recorded);
	differs("it %s, the recorded run %s", what, recorded);
	stand_still();
}

/* Returns if the recorded run did such a thing here, too. */
static void expect(char kind, const char *what)
{
	/* the recording ends in the middle of a turn, whose rest nothing is known of */
	if (!P.next.kind && !P.whole)
		stand_still();
	if (P.next.kind != kind)
		leave(what);
}

/* ---- what the service does ---- */

static bool same_way(const struct msg *m, const char *name)
{
	const struct tape_record *r = &P.next;

	if (r->type != m->type || r->source != m->source || r->session != m->session)
		return false;
	return name ? r->data_size == strlen(name) && memcmp(r->data, name, r->data_size) == 0
		    : r->data_size == 0 && r->dest == m->dest;
}

static void compare(const struct msg *m, const char *name, const char *what)
{
	uint64_t size, hash = tape_hash(m, &size);
	char recorded[128];

	if (!same_way(m, name)) {
		describe(recorded);
		differs("it %s, the recorded run %s", what, recorded);
	} else if (P.next.size != size || P.next.hash != hash) {
		differs("it %s, the recorded run sent %s", what,
			P.next.size == size ? "other bytes" : "another number of bytes");
	}
}

static int played_send(struct msg *m, const char *name)
{
	int result = SEND_OK;
	char what[128];

	/* its birth, and what is not the program's: as in tapped_send */
	if (!tape_of_service(service_current()) || !m->source)
		return service_send_untapped(m, name);
	if (P.tape.inside) {
		msg_drop(m);
		return result;
	}
	snprintf(what, sizeof(what), "sends :%08x type %u, session %d, %llu bytes",
		 name ? 0 : m->dest, m->type, m->session, (unsigned long long)m->size);
	expect('S', what);
	P.sends++;
	compare(m, name, what);
	result = P.next.result;
	advance();
	msg_drop(m);
	return result;
}

static void compare_name(const char *name, const char *what)
{
	if (P.next.data_size != strlen(name) || memcmp(P.next.data, name, P.next.data_size) != 0)
		differs("it %s, the recorded run for %.*s", what, (int)(P.next.data_size & 63),
			(const char *)P.next.data);
}

static uint32_t played_find(const char *name)
{
	uint32_t handle;
	char what[128];

	if (!tape_of_service(service_current()) || P.tape.inside)
		return service_find_untapped(name);
	snprintf(what, sizeof(what), "looks for .%s", name);
	expect('N', what);
	compare_name(name, what);
	handle = P.next.dest;
	advance();
	return handle;
}

static uint64_t played_fence(const char *name, uint32_t *ret_handle)
{
	uint64_t fence;
	char what[128];

	if (!tape_of_service(service_current()) || P.tape.inside)
		return remote_get()->name_fence(name, ret_handle);
	snprintf(what, sizeof(what), "looks for the owner of %s", name);
	expect('F', what);
	compare_name(name, what);
	fence = P.next.size;
	*ret_handle = P.next.dest;
	advance();
	return fence;
}

static const struct service_tap tap = { played_send, played_find, played_fence };

static void play_values(struct tape *t, lua_State *L, struct tape_call *call)
{
	const char *name = tape_function(call->function);
	struct tape_record r;
	char what[64];

	(void)t;
	snprintf(what, sizeof(what), "calls %s", name);
	expect('V', what);
	if (P.next.function != call->function)
		leave(what);
	r = P.next;
	if (r.hash != call->hash)
		differs("it calls %s with something else than the recorded run", name);
	advance();
	luaL_checkstack(L, 64, NULL);
	if (r.data_size)
		(void)seri_read(L, r.data, r.data_size, false);
	call->raised = r.raised;
}

static uint64_t play_shared(struct tape *t, const char *name)
{
	(void)t;
	for (; P.next.kind == 'I' && strcmp(P.next.version, name) == 0; advance()) {
		struct image *im = image_of_bytes(P.next.data, P.next.data_size);

		if (im)
			image_restore(name, im, P.next.size);
		else
			(void)image_withdraw(name);
		if (!im && P.next.data_size)
			differs("the file is damaged: the shared data %s make no sense", name);
	}
	if (!P.next.kind && !P.whole)
		stand_still();
	return image_current(name);
}

static void play_collect(struct tape *t, lua_State *L)
{
	if (P.next.kind != 'g')
		return;
	advance();
	tape_collect(t, host_of(L), L);
}

/* The recording ended there. */
static void play_uncovered(struct tape *t, const char *what)
{
	(void)t;
	(void)what;
}

/* ---- messages ---- */

static void kick(struct service *s)
{
	struct msg *m = msg_create(0);

	m->dest = service_handle(s);
	m->type = PTYPE_RESPONSE;
	P.kick = m;
	if (service_push(s, m) != SEND_OK)
		P.kick = NULL;
}

/* A recorded timeout is the one that the service armed; one that it has cancelled meanwhile is no
 * news to it. */
static struct msg *make(struct service *s, const struct tape_record *r)
{
	struct msg *m = r->flags & MSG_TIMEOUT ? service_timeout_take(s, r->session) : NULL;

	if (m)
		return m;
	return tape_make_message(r, service_handle(s));
}

/* What the recorded run did in this turn and the replay did not. */
static void skip_rest(void)
{
	char recorded[128];

	while (P.next.kind && P.next.kind != 'M' && P.next.kind != 'G') {
		describe(recorded);
		differs("it does not, the recorded run %s", recorded);
		advance();
	}
}

static void play_message(struct service *s, void *ud, struct msg *m)
{
	bool mine = m == P.kick || !P.messages;
	struct host *h = ud;
	struct tape_record r;

	msg_destroy(m);
	if (!mine || P.over)
		return;
	P.kick = NULL;
	if (P.next.kind == 'G' && h->L) {
		advance();
		tape_collect(&P.tape, h, h->L);
	}
	r = P.next;
	if (r.kind != 'M') {
		finish();
		return;
	}
	P.messages++;
	advance();
	m = make(s, &r);
	if (!m)
		differs("the file is damaged: the message makes no sense");
	else if (P.tape.hook.next)
		P.tape.hook.next(s, ud, m);
	else
		msg_drop(m);
	/* what it sends at its end comes later */
	if (!atomic_load_explicit(&s->retired, memory_order_acquire))
		skip_rest();
	kick(s);
}

static void let_go(struct service *s)
{
	service_set_message_log(s, NULL);
	skip_rest();
	if (P.next.kind == 'M')
		differs("the service has ended, the recorded run had not");
	P.gone = true;
	finish();
}

static void begin(struct tape *t, struct host *h)
{
	tape_stand_before(t, h->s);
}

static const struct tape_ops ops = {
	.plays = true,
	.begin = begin,
	.message = play_message,
	.end = let_go,
	.values = play_values,
	.share = play_shared,
	.collect = play_collect,
	.uncovered = play_uncovered,
};

/* ---- the process ---- */

/* The whole of a file, for good; NULL: *ret_why. */
static const void *map(const char *path, size_t *ret_size, const char **ret_why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *p = MAP_FAILED;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0)
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	*ret_why = fd < 0 ? strerror(errno) : "the file is empty or cannot be read";
	if (fd >= 0)
		close(fd);
	if (p == MAP_FAILED)
		return NULL;
	*ret_size = (size_t)st.st_size;
	return p;
}

const char *tape_load(const char *path, struct tape_play *ret)
{
	const char *why;
	size_t size = 0;
	const void *p = map(path, &size, &why);

	if (!p || !tape_open(&P.reader, p, size, &why))
		return why;
	if (!tape_next(&P.reader, &P.head) || P.head.kind != 'H')
		return "no service was recorded in it";
	sem_init(&P.done, 0, 0);
	P.args = mem_strndup(P.head.data, P.head.data_size);
	advance();
	(void)share_seed(P.head.seed);
	P.tape = (struct tape){ .ops = &ops, .service = P.args };
	memcpy(P.tape.random, P.head.random, sizeof(P.tape.random));
	service_timeouts_freeze();
	atomic_store_explicit(&service_tap, &tap, memory_order_relaxed);
	tape_offer(&P.tape);
	*ret = (struct tape_play){ .args = P.args,
				   .handle = P.head.dest,
				   .config_hash = P.head.hash,
				   .version = P.head.version };
	return NULL;
}

bool tape_wait(bool *ret_stands)
{
	while (sem_wait(&P.done) < 0)
		;
	if (P.differences > TOLD_MAX)
		fprintf(stderr, "and %llu differences more\n",
			(unsigned long long)(P.differences - TOLD_MAX));
	printf("replayed %llu messages, %llu sends, %s\n", (unsigned long long)P.messages,
	       (unsigned long long)P.sends, P.differences ? "not the same" : "the same");
	fflush(stdout);
	*ret_stands = !P.gone;
	return !P.differences;
}
