/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the kernel says of this process.
 *
 * Threads: any.
 */
#include <stdint.h>

struct process_descriptors {
	uint64_t open, most;
};

/* How many are open and how many may be. When none is left to count them with, all are in use. */
void process_descriptors(struct process_descriptors *ret);
/* The memory of the process: its address space, and what of it is not swapped out; 0: not known. */
void process_memory(uint64_t *ret_virtual, uint64_t *ret_resident);
