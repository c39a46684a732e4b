/* SPDX-License-Identifier: MIT */
/* Log sinks: see logsink.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/fault.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "daemon/node/journal.h"
#include "core/log/format.h"
#include "daemon/node/logsink.h"

/* How long a line waits for a reader of a non-blocking stderr before it is lost. */
#define WRITE_WAIT_MS 1000

/* set by init; fd also by reopen, which runs on the sink's own thread */
static struct {
	int fd;
	enum logformat format;
	bool colour;
	char *path;	  /* NULL: the descriptor is not ours */
	char *node;	  /* "" = it has no name */
	char *identifier; /* of the journal's entries */
	const struct log_sink *ops;
	bool (*put)(const struct log_record *r); /* false: lost, and lost_errno says why */
	/* lines that could not be written since the last that was, why, and whether the file ends
	 * within a line; under the rule of one thread at a time */
	unsigned long lost;
	int lost_errno;
	bool torn;
} sink = { .fd = STDERR_FILENO };

bool logsink_is_journal(int fd, const char *journal_stream)
{
	unsigned long long device, inode;
	struct stat st;
	int end = 0;

	return journal_stream &&
	       sscanf(journal_stream, "%llu:%llu%n", &device, &inode, &end) == 2 &&
	       !journal_stream[end] && fstat(fd, &st) == 0 && st.st_dev == device &&
	       st.st_ino == inode;
}

/* Colour is for people at a terminal that can, and who do not say no (no-color.org). */
static bool wants_colour(int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fd) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

/* ---- descriptors ---- */

/* Returns whether all of it was written; sink.torn says whether the last line has no end. */
static bool write_all(int fd, struct iovec *iov, int n)
{
	while (n > 0) {
		ssize_t done = fault(log_write) ? fault_errno(ENOSPC) : writev(fd, iov, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && errno == EAGAIN) {
			struct pollfd p = { fd, POLLOUT, 0 };

			if (poll(&p, 1, WRITE_WAIT_MS) != 0)
				continue;
		}
		if (done < 0) {
			sink.lost_errno = errno;
			return false;
		}
		sink.torn = sink.torn || done > 0;
		for (; n > 0 && (size_t)done >= iov->iov_len; iov++, n--)
			done -= (ssize_t)iov->iov_len;
		if (n > 0) {
			iov->iov_base = (char *)iov->iov_base + done;
			iov->iov_len -= (size_t)done;
		}
	}
	sink.torn = false;
	return true;
}

/* One record into the descriptor. */
static bool put_stream(const struct log_record *r)
{
	char prefix[LOGFORMAT_PREFIX_MAX];
	struct iovec iov[] = {
		{ (char[]){ '\n' }, sink.torn ? 1 : 0 }, /* ends a line that was cut short */
		{ prefix, logformat_prefix(prefix, r, sink.format, sink.colour) },
		{ (void *)(uintptr_t)r->text, r->size },
		{ (char[]){ '\n' }, 1 },
	};

	return write_all(sink.fd, iov, array_len(iov));
}

static bool put_json(const struct log_record *r)
{
	struct json j;
	struct iovec iov[] = {
		{ (char[]){ '\n' }, sink.torn ? 1 : 0 },
		{ NULL, 0 },
		{ (char[]){ '\n' }, 1 },
	};
	bool well;

	json_init(&j);
	json_object(&j, NULL);
	logformat_json(&j, r, sink.node);
	json_object_end(&j);
	iov[1] = (struct iovec){ j.text.bytes, j.text.size };
	well = write_all(sink.fd, iov, array_len(iov));
	json_fini(&j);
	return well;
}

/* A level is read at the beginning of each line: a record of several lines is several. */
static bool put_kmsg(const struct log_record *r)
{
	const char *p = r->text, *end = r->text + r->size;

	do {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		struct log_record part = *r;

		part.text = p;
		part.size = (size_t)((newline ? newline : end) - p);
		if (!put_stream(&part))
			return false;
		p = newline ? newline + 1 : end;
	} while (p < end);
	return true;
}

/* Says that others are missing. */
static bool put_lost(const struct log_record *next)
{
	static const struct log_about about = {
		.file = __FILE__, .line = __LINE__, .func = "put_lost", .event = LOG_EVENT_log_lost
	};
	char text[128];
	struct log_record r = { .level = event_level(LOG_EVENT_log_lost),
				.wall_ns = next->wall_ns,
				.text = text,
				.name = "",
				.about = about };

	r.size = (size_t)snprintf(text, sizeof(text),
				  "log: %lu lines before this one could not be written: %s",
				  sink.lost, strerror(sink.lost_errno));
	if (!sink.put(&r))
		return false;
	event_add(LOG_EVENT_log_lost, 0, NULL, r.text, r.size);
	sink.lost = 0;
	return true;
}

/* What is written as skynet does it, or to a terminal, keeps the colours of the text. */
static bool put(const struct log_record *r)
{
	cleanup(mem_freep) char *copy = NULL;
	struct log_record plain = *r;

	if (sink.colour || sink.format == LOGFORMAT_PLAIN || sink.format == LOGFORMAT_DATED)
		return sink.put(r);
	plain.text = logformat_uncoloured(r->text, &plain.size, &copy);
	return sink.put(&plain);
}

static void put_or_count(void *ud, const struct log_record *r)
{
	(void)ud;
	if ((sink.lost == 0 || put_lost(r)) && put(r))
		return;
	sink.lost++;
	log_count_lost(sink.lost_errno);
}

static int open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);

	return fd < 0 ? -errno : fd;
}

static int file_reopen(void *ud)
{
	int fd = open_file(sink.path);

	if (fd < 0) {
		/* not through the log: we are its sink */
		fprintf(stderr, "harbord: %s: %s; the old log file stays in use\n", sink.path,
			strerror(-fd));
		return fd;
	}
	close(sink.fd);
	sink.fd = fd;
	return 0;
}

static const struct log_sink stream_sink = { .write = put_or_count };
static const struct log_sink file_sink = { .write = put_or_count, .reopen = file_reopen };

/* ---- journal ---- */

static void add_if(const char *name, const char *value)
{
	if (value && *value)
		journal_add_text(name, value);
}

static void add_number(const char *name, const char *format, unsigned value)
{
	char text[24];

	snprintf(text, sizeof(text), format, value);
	if (value)
		journal_add_text(name, text);
}

static void add_about(const struct log_about *a)
{
	add_if("MESSAGE_ID", event_id(a->event));
	add_if("CODE_FILE", a->file);
	add_number("CODE_LINE", "%u", a->line);
	add_if("CODE_FUNC", a->func);
	add_if("HARBOR_EVENT", event_name(a->event));
	add_if("HARBOR_PEER", a->peer);
	add_if("HARBOR_TRACE", a->trace);
	add_number("HARBOR_CALLER", ":%08x", a->caller);
	add_number("HARBOR_SESSION", "%u", (unsigned)a->session);
}

/* While the journal takes nothing each line is tried once and lost: the writer's buffer would fill
 * up otherwise, and its end would wait for each of them. */
static bool put_journal(const struct log_record *r)
{
	char priority[] = { (char)('0' + logformat_priority(r->level)), 0 };
	int error;

	journal_begin();
	journal_add("MESSAGE", r->text, r->size);
	journal_add_text("PRIORITY", priority);
	journal_add_text("SYSLOG_IDENTIFIER", sink.identifier);
	add_if("HARBOR_NODE", sink.node);
	journal_add_text("HARBOR_VERSION", HARBORD_VERSION);
	add_number("HARBOR_SERVICE", ":%08x", r->source);
	add_if("HARBOR_SERVICE_NAME", r->name);
	add_about(&r->about);
	error = journal_send(sink.lost ? 0 : WRITE_WAIT_MS);
	if (error == -EAGAIN) {
		sink.lost_errno = EAGAIN;
		return false;
	}
	return error == 0 || put_kmsg(r); /* there is no journal: stderr, for what it is worth */
}

/* ---- life ---- */

static void use(const struct log_sink *ops)
{
	sink.ops = ops;
	log_set_sink(ops, NULL);
}

void logsink_write(const struct log_record *r)
{
	must(sink.ops);
	sink.ops->write(NULL, r);
}

int logsink_reopen(void)
{
	return sink.ops->reopen ? sink.ops->reopen(NULL) : 0;
}

int logsink_fd(void)
{
	return sink.fd;
}

/* Did a service manager start this process itself? INVOCATION_ID is inherited by the programs of a
 * service, and by theirs: systemd says, since 248, which process it means. */
static bool is_service(void)
{
	const char *pid = getenv("SYSTEMD_EXEC_PID");

	return getenv("INVOCATION_ID") && (!pid || atol(pid) == getpid());
}

/* Of a stream for which nothing else was said. With a level before each line, which who collects
 * lines of services reads, there is neither time nor level in the text: he knows both. But nobody
 * else notes the time in a file. */
static enum logformat usual_format(int fd)
{
	struct stat st;

	if (logsink_is_journal(fd, getenv("JOURNAL_STREAM")))
		return LOGFORMAT_KMSG;
	if (!is_service() || isatty(fd))
		return LOGFORMAT_FULL;
	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? LOGFORMAT_LEVEL : LOGFORMAT_KMSG;
}

/* How lines look in the descriptor. */
static void choose_format(const struct logsink_config *c)
{
	sink.format = c->format || sink.path ? logformat_parse(c->format) : usual_format(sink.fd);
	sink.put = sink.format == LOGFORMAT_JSON				     ? put_json
		   : sink.format == LOGFORMAT_KMSG || sink.format == LOGFORMAT_LEVEL ? put_kmsg
										     : put_stream;
	sink.colour = wants_colour(sink.fd);
}

static int open_journal(const struct logsink_config *c)
{
	int r;

	logsink_fini();
	r = journal_open(c->journal ? c->journal : JOURNAL_SOCKET);
	if (r < 0)
		return r;
	sink.identifier = mem_printf("harbord-%s", c->node ? c->node : "");
	use(&stream_sink);
	choose_format(c);
	sink.put = put_journal;
	return 0;
}

static int open_stream(const struct logsink_config *c, int fd)
{
	logsink_fini();
	sink.fd = fd;
	use(&stream_sink);
	choose_format(c);
	return 0;
}

static int open_path(const struct logsink_config *c)
{
	int fd = c->file ? open_file(c->file) : -EINVAL;

	if (fd < 0)
		return fd;
	logsink_fini();
	sink.fd = fd;
	sink.path = mem_strdup(c->file);
	use(&file_sink);
	choose_format(c);
	return 0;
}

static int open_sink(const struct logsink_config *c)
{
	const char *kind = c->sink ? c->sink : "auto";
	bool automatic = strcmp(kind, "auto") == 0;

	if (strcmp(kind, "file") == 0)
		return open_path(c);
	if (strcmp(kind, "stdout") == 0)
		return open_stream(c, STDOUT_FILENO);
	if (strcmp(kind, "journal") == 0 ||
	    (automatic && logsink_is_journal(STDERR_FILENO, getenv("JOURNAL_STREAM")))) {
		int r = open_journal(c);

		return r < 0 && automatic ? open_stream(c, STDERR_FILENO) : r;
	}
	return automatic || strcmp(kind, "stderr") == 0 ? open_stream(c, STDERR_FILENO) : -EINVAL;
}

int logsink_init(const struct logsink_config *c)
{
	int r = open_sink(c);

	if (r == 0)
		sink.node = mem_strdup(c->node ? c->node : "");
	return r;
}

void logsink_fini(void)
{
	use(&stream_sink);
	if (sink.path)
		close(sink.fd);
	journal_close();
	mem_free(steal(sink.path));
	mem_free(steal(sink.node));
	mem_free(steal(sink.identifier));
	sink.fd = STDERR_FILENO;
	sink.put = put_stream;
	sink.format = LOGFORMAT_FULL;
	sink.colour = false;
}
