/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Stacks of services that run, for somebody outside who asks (harborctl task): the question is left
 * here, the service answers from a hook at the next step of its code (run.c). One question at a
 * time; a newer one takes its place.
 *
 * Threads: all from any thread, one lock.
 */
#include <stdbool.h>
#include <stdint.h>

/* The signal of module "snlua" that has a service answer. */
#define STACKS_SIGNAL 2

/* Asks for the stack of a service of this node. false: there is no such service. */
bool stacks_ask(uint32_t handle);
/* The answer, if it is for the question that is open. Copies the text. */
void stacks_tell(uint32_t handle, const char *text);
/* Returns the answer, which is the caller's (mem_free), and ends the question; NULL: there is none
 * yet. */
char *stacks_take(uint32_t handle);
