/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The files of a folder as names of modules: skynet/db/redis.lua is skynet.db.redis.
 *
 * Threads: any.
 */
#include <stdbool.h>

/* Calls f for each file in dir, and if deep in the folders below, whose name ends in suffix; hidden
 * ones are left out. A folder that cannot be read has none. The texts are f's until it returns. */
void folder_each(const char *dir, const char *suffix, bool deep,
		 void (*f)(const char *name, const char *file, void *ud), void *ud);
