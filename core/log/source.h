/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Who speaks in the log: the names of sources, and the least level at which each is heard.
 *
 * There is one level for all, and at most LOG_LEVELS_MAX exceptions, each for one service (its
 * handle) or for all of one name. An exception for a handle goes before one for a name.
 *
 * Threads: any.
 * Cost:    without exceptions log_wants is one relaxed load; with some, a line that could be wanted
 *          costs a lock and a walk over them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers grow with severity; the names in configurations are debug, info, warning, error. */
enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

/* "info" <-> level; log_level_parse: -1 if unknown. */
const char *log_level_name(enum log_level level);
int log_level_parse(const char *name);

/* The level of all sources that have none of their own. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

#define LOG_LEVELS_MAX 64u
/* With its NUL: a longer name is cut. */
#define LOG_NAME_MAX 32

/* One exception: of the service with that handle, or, with handle 0, of all of that name. */
struct log_exception {
	uint32_t handle;
	char name[LOG_NAME_MAX];
	enum log_level level;
};

/* Sets it, in the place of an older one for the same. false: there are LOG_LEVELS_MAX. */
bool log_except(const struct log_exception *e);
/* Takes the exception for that handle, or name, away. false: there is none. */
bool log_except_no_more(const struct log_exception *e);
/* Writes them all into ret; returns how many. */
size_t log_exceptions(struct log_exception ret[LOG_LEVELS_MAX]);

/* Would a line of this source at this level be written? source: a handle, 0 = the node. */
bool log_wants(enum log_level level, uint32_t source);

/* The function that writes the name of a source (never 0) into ret, "" if it knows none. It is
 * called by the thread that logs, without any lock, when the record is made: the source may be gone
 * when the record is written. NULL, as at first: no record has a name. Set while one thread
 * runs. */
typedef void (*log_namer)(uint32_t source, char ret[LOG_NAME_MAX]);
void log_set_namer(log_namer namer);
/* The name of a source, "" if it has none or is the node. */
void log_name_of(uint32_t source, char ret[LOG_NAME_MAX]);
