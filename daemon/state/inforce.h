/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The configuration in force: what the node was started with, and what reloads have put in place of
 * it since; and how the last reload went, for `harborctl status` and the status line.
 *
 * Threads: inforce_init first, alone; the rest any. Only the main thread changes it, and may read
 * it without the lock.
 */
#include "conf/config.h"
#include "conf/schema.h"
#include "core/base/json.h"

/* With its NUL: a longer reason is cut. */
#define INFORCE_ERROR_MAX 160

void inforce_init(struct config *c);
/* Returns the value that a key of the schema had when the node started, NULL: none. */
const char *inforce_start(unsigned key);
/* Whether the files say something else of it that waits for the next start. Between inforce_lock
 * and inforce_unlock. */
bool inforce_is_waiting(unsigned key);
/* Returns the configuration, which stays as it is until inforce_unlock. */
struct config *inforce_lock(void);
void inforce_unlock(void);

/* How the last reload went. error: why it was refused, NULL: it was not. A reload that was refused
 * leaves the other two as they were. waiting: of each key whether the files say something else that
 * waits for the next start; env: how many variables of section env do. */
void inforce_outcome(const char *error, const bool waiting[SCHEMA_KEYS], unsigned env);
/* Returns how many keys and variables wait for the next start. */
unsigned inforce_waiting(void);
/* Copies why the last reload was refused, "" = it was not. */
void inforce_error(char ret[INFORCE_ERROR_MAX]);
/* Writes "restart_needed", a list of keys, and, if the last reload was refused, "reload_error". */
void inforce_json(struct json *j);
