/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Where log lines go: stderr, stdout, a file that can be opened again, or the journal in its native
 * protocol with fields.
 *
 * Owner:    this file owns the descriptor of a log file. One sink a process.
 * Threads:  init and fini from the main thread, outside log_start .. log_stop; the sink itself is
 *           called by one thread at a time (core/log/log.h).
 * Failure:  init: -errno of opening the file, or of reaching the journal if that is asked for by
 *           name. Later a line that cannot be written is lost and counted (log_dropped), and the
 *           next that can be says how many were; no line waits longer than a second. A
 *           file that cannot be opened again is said on stderr and the old one stays in use.
 */
#include "core/log/log.h"

struct logsink_config {
	const char *sink; /* stderr | stdout | file | journal | auto; NULL = auto */
	const char *file;
	const char *format;  /* full | plain | dated | json; NULL = full */
	const char *node;    /* for the journal's fields and JSON */
	const char *journal; /* where the journal's socket is, NULL = in its usual place */
};

/* Connects core/log to the sink. Copies what it needs. 0 or -errno. */
int logsink_init(const struct logsink_config *c);
void logsink_fini(void);
/* What the sink does, for a sink in front of it; same thread rules. */
void logsink_write(const struct log_record *r);
int logsink_reopen(void);
/* The descriptor that lines go to, for a signal handler; with the journal it is stderr. */
int logsink_fd(void);

/* true: the descriptor is the stream that JOURNAL_STREAM ("device:inode") names. */
bool logsink_is_journal(int fd, const char *journal_stream);
