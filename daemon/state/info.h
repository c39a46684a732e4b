/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Who this process is and how far it has come: what the status line, the log's first record and
 * `harborctl status` tell.
 *
 * Threads: info_init first, alone, then info_get's fields are constant; phase and reason from any.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "conf/config.h"
#include "core/base/base.h"
#include "daemon/state/buildid.h"

enum phase {
	PHASE_BOOT,	/* listeners, modules, threads */
	PHASE_JOINING,	/* waits for the master */
	PHASE_STARTING, /* the bootstrap service runs */
	PHASE_RUNNING,
	PHASE_STOPPING,
};

struct info {
	const char *node;
	const char *config_file;

	char invocation_id[40]; /* of systemd, "" without it */
	char unit[128];		/* of systemd: the name of its unit, "" without it */
	char build_id[BUILDID_MAX];
	const char *cluster; /* its name; NULL: a single node */
	unsigned harbor;     /* the id that the configuration names; 0: none */
	bool master;	     /* this node is the master as well */
	bool testing;	     /* its time may jump */
};

/* Keeps pointers into the configuration. */
void info_init(const struct config *c);
const struct info *info_get(void);
/* FNV-1a of the files that were read last, to tell whether two nodes run the same ones. */
void info_set_config_hash(const struct config *c);
uint64_t info_config_hash(void);

/* Logs what its owner should know about this node, and keeps it for `harborctl status`. Any thread.
 * Limits: WARNINGS_MAX are kept, a longer text is cut. */
#define WARNINGS_MAX 16u
#define WARNING_MAX 512
void info_warn(const char *fmt, ...) printf_like(1, 2);
/* Copies the warning of that number, from 0; false: there are not so many. */
bool info_warning(unsigned i, char ret_text[WARNING_MAX]);

/* When the node's key was made, or its certificate written, in seconds since 1970; 0: it has none.
 * Any thread. */
void info_set_secret_changed(uint64_t seconds);
uint64_t info_secret_changed(void);

void phase_set(enum phase p);
enum phase phase_get(void);
const char *phase_name(enum phase p);

/* What is wrong or waited for, one line. */
#define REASON_MAX 160
void reason_set(const char *fmt, ...) printf_like(1, 2);
void reason_clear(void);
/* "" = nothing. */
void reason_get(char ret_text[REASON_MAX]);
