/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Where the node answers by HTTP (web.listen), or why it does not yet: lua/service/harborweb.lua
 * takes note of it, `harborctl status` and the status line tell.
 *
 * Threads: any.
 */
#include "core/base/json.h"

/* With the NUL: a longer text is cut. */
#define PAGE_WHY 160u

/* It answers at this address; or, address NULL, it does not, and why. Both are copied. */
void page_set(const char *address, const char *why);
/* Copies why it does not answer; "" = it does, or it is not asked to. */
void page_error(char ret_why[PAGE_WHY]);
/* Writes "web_address" or "web_error", or neither if web.listen is not set. */
void page_json(struct json *j);
