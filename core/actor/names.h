/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Local names (".name" without the dot) of services. Unique; one service may own several; all go
 * when it does. Any thread; readers take a read lock.
 */
#include <stdbool.h>
#include <stdint.h>

/* 0, or -EEXIST. */
int names_register(const char *name, uint32_t handle);
/* 0: unknown. */
uint32_t names_find(const char *name);
void names_remove_handle(uint32_t handle);
/* Calls f under the read lock, in order of names; since: when the name was registered, ns of the
 * wall clock. */
void names_foreach(void (*f)(const char *name, uint32_t handle, uint64_t since, void *ud),
		   void *ud);
void names_fini(void);
