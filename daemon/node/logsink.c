/* SPDX-License-Identifier: MIT */
/*
 * Log sinks. The time of a line is local wall clock; the broken-down time of a second is kept,
 * since most lines share theirs with the line before.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/fault.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "daemon/node/logsink.h"

/* How long a line waits for a reader of a non-blocking stderr before it is lost. */
#define WRITE_WAIT_MS 1000

/* set by init; fd also by reopen, which runs on the sink's own thread */
static struct {
	int fd;
	enum logsink_format format;
	char *path;	  /* NULL: the descriptor is not ours */
	char *node_field; /* journal: HARBOR_NODE=..., SYSLOG_IDENTIFIER=... */
	char *identifier_field;
	const struct log_sink *ops;
	/* lines that could not be written since the last that was, why, and whether the file ends
	 * within a line; under the rule of one thread at a time */
	unsigned long lost;
	int lost_errno;
	bool torn;
} sink = { .fd = STDERR_FILENO };

size_t logsink_prefix(char *ret, const struct log_record *r, enum logsink_format format)
{
	static _Thread_local time_t cached = -1;
	static _Thread_local struct tm tm;
	time_t seconds = (time_t)(r->wall_ns / NS_PER_SEC);
	size_t n;

	if (format == LOGSINK_PLAIN)
		return (size_t)snprintf(ret, LOGSINK_PREFIX_MAX, "[:%08x] ", r->source);
	if (seconds != cached) {
		localtime_r(&seconds, &tm);
		cached = seconds;
	}
	if (format == LOGSINK_DATED) {
		n = strftime(ret, LOGSINK_PREFIX_MAX, "%d/%m/%y %H:%M:%S", &tm);
		n += (size_t)snprintf(ret + n, LOGSINK_PREFIX_MAX - n, ".%02u [:%08x] ",
				      (unsigned)(r->wall_ns % NS_PER_SEC / NS_PER_CS), r->source);
		return n;
	}
	n = strftime(ret, LOGSINK_PREFIX_MAX, "%Y-%m-%d %H:%M:%S", &tm);
	n += (size_t)snprintf(ret + n, LOGSINK_PREFIX_MAX - n, ".%03u %-7s [:%08x%s%s] ",
			      (unsigned)(r->wall_ns % NS_PER_SEC / NS_PER_MS),
			      log_level_name(r->level), r->source, *r->name ? " " : "", r->name);
	return n;
}

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

/* Ends a line that was cut short, and says that others are missing. */
static bool write_lost(const struct log_record *r)
{
	char prefix[LOGSINK_PREFIX_MAX], text[128];
	struct log_record own = { LOG_LEVEL_WARNING, 0, r->wall_ns, text, 0, "" };
	struct iovec iov[] = {
		{ (char[]){ '\n' }, sink.torn ? 1 : 0 },
		{ prefix, logsink_prefix(prefix, &own, sink.format) },
		{ text,
		  (size_t)snprintf(text, sizeof(text),
				   "log: %lu lines before this one could not be written: %s\n",
				   sink.lost, strerror(sink.lost_errno)) },
	};

	return write_all(sink.fd, iov, array_len(iov));
}

static void stream_write(void *ud, const struct log_record *r)
{
	char prefix[LOGSINK_PREFIX_MAX];
	struct iovec iov[] = {
		{ prefix, logsink_prefix(prefix, r, sink.format) },
		{ (void *)(uintptr_t)r->text, r->size },
		{ (char[]){ '\n' }, 1 },
	};

	if (sink.lost && !write_lost(r)) {
		sink.lost++;
		return;
	}
	sink.lost = 0;
	if (!write_all(sink.fd, iov, array_len(iov)))
		sink.lost++;
}

static int open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);

	return fd < 0 ? -errno : fd;
}

static void file_reopen(void *ud)
{
	int fd = open_file(sink.path);

	if (fd < 0) {
		/* not through the log: we are its sink */
		fprintf(stderr, "harbord: %s: %s; the old log file stays in use\n", sink.path,
			strerror(-fd));
		return;
	}
	close(sink.fd);
	sink.fd = fd;
}

static const struct log_sink stream_sink = { .write = stream_write };
static const struct log_sink file_sink = { .write = stream_write, .reopen = file_reopen };

/* ---- journal ---- */

static int priority(enum log_level level)
{
	switch (level) { /* the numbers of syslog(3) */
	case LOG_LEVEL_DEBUG:
		return 7;
	case LOG_LEVEL_INFO:
		return 6;
	case LOG_LEVEL_WARNING:
		return 4;
	case LOG_LEVEL_ERROR:
		return 3;
	}
	return 3;
}

static void journal_write(void *ud, const struct log_record *r)
{
	static const char version[] = "HARBOR_VERSION=" HARBORD_VERSION;
	cleanup(mem_freep) char *message = mem_alloc(strlen("MESSAGE=") + r->size);
	char level[16], service[40], name[32 + LOG_NAME_MAX];
	int n = snprintf(level, sizeof(level), "PRIORITY=%d", priority(r->level));
	int m = snprintf(service, sizeof(service), "HARBOR_SERVICE=:%08x", r->source);
	int k = snprintf(name, sizeof(name), "HARBOR_SERVICE_NAME=%s", r->name);
	struct iovec iov[] = {
		{ message, strlen("MESSAGE=") + r->size },
		{ level, (size_t)n },
		{ sink.node_field, strlen(sink.node_field) },
		{ sink.identifier_field, strlen(sink.identifier_field) },
		{ (void *)(uintptr_t)version, sizeof(version) - 1 },
		{ service, (size_t)m },
		{ name, (size_t)k },
	};
	size_t fields = array_len(iov) - (*r->name == 0);

	memcpy(message, "MESSAGE=", strlen("MESSAGE="));
	memcpy(message + strlen("MESSAGE="), r->text, r->size);
	/* the node's own lines have no service */
	if (sd_journal_sendv(iov, fields - (r->source == 0)) < 0)
		stream_write(ud, r);
}

static const struct log_sink journal_sink = { .write = journal_write };

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

void logsink_reopen(void)
{
	if (sink.ops->reopen)
		sink.ops->reopen(NULL);
}

int logsink_fd(void)
{
	return sink.fd;
}

static enum logsink_format format_of(const char *name)
{
	if (name && strcmp(name, "plain") == 0)
		return LOGSINK_PLAIN;
	return name && strcmp(name, "dated") == 0 ? LOGSINK_DATED : LOGSINK_FULL;
}

int logsink_init(const struct logsink_config *c)
{
	const char *kind = c->sink ? c->sink : "auto";
	int fd;

	if (strcmp(kind, "auto") == 0)
		kind = logsink_is_journal(STDERR_FILENO, getenv("JOURNAL_STREAM")) ? "journal"
										   : "stderr";
	if (strcmp(kind, "file") == 0) {
		if (!c->file)
			return -EINVAL;
		fd = open_file(c->file);
		if (fd < 0)
			return fd;
		logsink_fini();
		sink.fd = fd;
		sink.path = mem_strdup(c->file);
		use(&file_sink);
	} else if (strcmp(kind, "journal") == 0) {
		logsink_fini();
		sink.node_field = mem_printf("HARBOR_NODE=%s", c->node ? c->node : "");
		sink.identifier_field = mem_printf("SYSLOG_IDENTIFIER=harbord-%s",
						   c->node ? c->node : "");
		use(&journal_sink);
	} else if (strcmp(kind, "stderr") == 0 || strcmp(kind, "stdout") == 0) {
		logsink_fini();
		sink.fd = strcmp(kind, "stdout") == 0 ? STDOUT_FILENO : STDERR_FILENO;
		use(&stream_sink);
	} else {
		return -EINVAL;
	}
	sink.format = format_of(c->format);
	return 0;
}

void logsink_fini(void)
{
	use(&stream_sink);
	if (sink.path)
		close(sink.fd);
	mem_free(steal(sink.path));
	mem_free(steal(sink.node_field));
	mem_free(steal(sink.identifier_field));
	sink.fd = STDERR_FILENO;
}
