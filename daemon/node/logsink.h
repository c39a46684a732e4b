/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Where log lines go: stderr, stdout, a file that can be opened again, or the journal in its native
 * protocol with fields.
 *
 * Owner:    this file owns the descriptor of a log file. One sink a process.
 * Threads:  init and fini from the main thread, outside log_start .. log_stop; the sink itself is
 *           called by one thread at a time (core/log/log.h).
 * Failure:  init: -errno of opening the file. Later a line that cannot be written is lost,
 *           and the next that can be says how many were; a file that cannot be opened again is
 *           said on stderr and the old one stays in use.
 */
#include "core/log/log.h"

struct logsink_config {
	const char *sink; /* stderr | stdout | file | journal | auto; NULL = auto */
	const char *file;
	const char *format; /* full | plain | dated; NULL = full */
	const char *node;   /* for the journal's fields */
};

/* Connects core/log to the sink. Copies what it needs. 0 or -errno. */
int logsink_init(const struct logsink_config *c);
void logsink_fini(void);
/* What the sink does, for a sink in front of it; same thread rules. */
void logsink_write(const struct log_record *r);
void logsink_reopen(void);
/* The descriptor that lines go to, for a signal handler; with the journal it is stderr. */
int logsink_fd(void);

enum logsink_format {
	LOGSINK_FULL,  /* "2026-11-23 09:31:41.123 info    [:00000002 bootstrap] " */
	LOGSINK_PLAIN, /* "[:00000002] ", what skynet writes on stdout */
	LOGSINK_DATED, /* "23/11/26 09:31:41.12 [:00000002] ", what it writes into a file */
};

/* What stands before the text of a line. The length. */
#define LOGSINK_PREFIX_MAX (64 + LOG_NAME_MAX)
size_t logsink_prefix(char *ret, const struct log_record *r, enum logsink_format format);
/* true: the descriptor is the stream that JOURNAL_STREAM ("device:inode") names. */
bool logsink_is_journal(int fd, const char *journal_stream);
