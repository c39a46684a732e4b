/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Reload: the files of the configuration are read again while the node runs, on SIGHUP and for
 * `harborctl reload`. Files that are not good change nothing. What is good and can be changed while
 * the node runs (LIVE_KEY in conf/schema.def) is in force when the asker has his answer; of the
 * rest the answer says that it waits for the next start. Log files are opened again, and the keys
 * and certificates of the cluster are read again.
 *
 * Threads: reload_ask any, the rest the main thread.
 * Limits:  RELOAD_WAITING_MAX requests wait; each is carried out, one after the other.
 */
#include <stdbool.h>
#include "conf/load.h"
#include "daemon/admin/asker.h"

#define RELOAD_WAITING_MAX 8u

/* wake: makes the main thread look around. Keeps what it is given, and changes `c`. */
void reload_init(const struct config_source *from, struct config *c, void (*wake)(void));
/* Asks for a reload, or with `keys`, a file, for the cluster's keys to be taken from there
 * (keys_take); who is answered when it is done. Returns false: too many wait. */
bool reload_ask(const struct asker *who, const char *keys);
/* Carries out what was asked for, and what SIGHUP asked for. ready: the manager was told that the
 * node is, so it is told of reloads. */
void reload_tick(bool ready);
