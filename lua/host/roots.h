/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a service shares with others: references to the roots of code and tables outside of its
 * state (lua/vm/share.h).
 *
 * Threads:   the worker that runs the service.
 * Ownership: the host has one reference to each root that it lists.
 */
#include "lua/host/host.h"

struct share_root;

/* Before the state refers to anything of it. */
void roots_take(struct host *h, struct share_root *r_take);
/* After a newer version was taken, and what the caller has of it is on the stack: if old ones have
 * become many, collects garbage and lets go what can be. */
void roots_review(struct host *h);
/* Lets go of old versions to which nothing refers; garbage refers, too. */
void roots_audit(struct host *h);
/* The state has a shared table: each cycle of its collector looks whether old versions can go. May
 * raise. */
void roots_watch(lua_State *L);
/* Returns the bytes of those of which there are newer versions; ret_count: how many they are. */
size_t roots_old(const struct roots *rs, size_t *ret_count);
/* The state is closed. */
void roots_release(struct host *h);
