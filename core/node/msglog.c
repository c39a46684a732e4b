/* SPDX-License-Identifier: MIT */
/* Message log: see msglog.h.
 *
 * The service's real callback waits in struct log_file while log_message stands in its place: it
 * writes the line and hands the message on. Each line goes out at once, for the log is wanted most
 * when the process is about to die.
 */
#include "core/node/msglog.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/node/env.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/actor/handle.h"
#include "core/actor/send.h"

#define FORMATS 16

static struct {
	int type;
	msglog_format f;
} formats[FORMATS]; /* set before the first service, then constant */

void msglog_set_format(int type, msglog_format f)
{
	must(f);
	for (unsigned i = 0; i < FORMATS; i++) {
		if (formats[i].f && formats[i].type != type)
			continue;
		formats[i].type = type;
		formats[i].f = f;
		return;
	}
	must(!"too many formats");
}

void msglog_hex(FILE *out, const void *data, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = data;

	for (size_t i = 0; i < size; i++) {
		putc_unlocked(digits[p[i] >> 4], out);
		putc_unlocked(digits[p[i] & 15], out);
	}
}

static void write_line(FILE *out, const struct msg *m)
{
	for (unsigned i = 0; i < FORMATS && formats[i].f; i++)
		if (formats[i].type == m->type) {
			formats[i].f(out, m);
			return;
		}
	fprintf(out, ":%08x %d %d %u ", m->source, m->type, m->session, (unsigned)clock_now_cs());
	msglog_hex(out, msg_payload(m), m->size);
	putc_unlocked('\n', out);
}

static char *path_of(uint32_t handle)
{
	const char *folder = env_get("logpath");

	return folder ? mem_printf("%s/%08x.log", folder, handle) : NULL;
}

/* What stands before the callback, and the file that only the owner touches. */
struct log_file {
	struct message_log hook;
	FILE *file;
};

static struct log_file *log_of(struct service *s)
{
	return container_of(s->message_log, struct log_file, hook);
}

static void close_log(struct service *s)
{
	struct log_file *log = log_of(s);

	service_set_message_log(s, NULL);
	fprintf(log->file, "close time: %u\n", (unsigned)clock_now_cs());
	fclose(log->file);
	mem_free(log);
}

static void log_message(struct service *s, void *ud, struct msg *m);

/* Something else may stand before the callback: a recording. */
static bool is_open(const struct service *s)
{
	return s->message_log && s->message_log->write == log_message;
}

static void log_message(struct service *s, void *ud, struct msg *m)
{
	struct log_file *log = log_of(s);
	service_msg_cb next = log->hook.next;

	write_line(log->file, m);
	if (fflush(log->file) != 0) {
		service_log(s, LOG_LEVEL_ERROR, "the message log of :%08x cannot be written: %s",
			    service_handle(s), strerror(errno));
		close_log(s);
	}
	if (next)
		next(s, ud, m);
	else
		service_reject(m, SERVICE_NO_CALLBACK);
}

/* Messages are nobody else's business. */
static FILE *open_narrow(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "a");

	if (fd >= 0 && !file)
		close(fd);
	return file;
}

static void open_log(struct service *s, uint32_t who)
{
	cleanup(mem_freep) char *path = path_of(service_handle(s));
	struct log_file *log;
	time_t now = time(NULL);
	char stamp[32];
	FILE *file;

	if (!path || s->message_log)
		return;
	file = open_narrow(path);
	if (!file) {
		log_printf(LOG_LEVEL_ERROR, who, "Open log file %s fail", path);
		return;
	}
	fprintf(file, "open time: %u %s", (unsigned)clock_now_cs(), ctime_r(&now, stamp));
	(void)fflush(file); /* the first message tells if it does not work */
	log = mem_alloc(sizeof(*log));
	*log = (struct log_file){ .hook = { .write = log_message, .end = close_log },
				  .file = file };
	service_set_message_log(s, &log->hook);
	log_printf(LOG_LEVEL_INFO, who, "Open log file %s", path);
}

/* The owner is told to open its log, or to close it. */
static void obey(struct service *s, struct msg *m)
{
	uint32_t handle = service_handle(s);

	must(m->flags & MSG_ORDER);
	/* not when it was for an earlier service of this slot */
	if (m->dest == handle && m->session) {
		open_log(s, m->source);
	} else if (m->dest == handle && is_open(s)) {
		close_log(s);
		log_printf(LOG_LEVEL_INFO, m->source, "Close log file :%08x", handle);
	}
	msg_destroy(m);
}

bool msglog_ask(uint32_t who, uint32_t handle, bool open)
{
	struct service *s = service_grab(handle);
	struct msg *m;

	if (!s)
		return false;
	m = msg_create(sizeof(struct service_order));
	*(struct service_order *)msg_payload(m) = (struct service_order){ obey };
	m->size = 0;
	m->source = who;
	m->dest = handle;
	m->session = open;
	m->type = PTYPE_RESPONSE; /* if the service ends first, nobody waits for an answer */
	m->flags = MSG_ORDER;
	service_forward(m);
	service_unref(s);
	return true;
}
