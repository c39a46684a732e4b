/* SPDX-License-Identifier: MIT */
#pragma once
/* Numbers that nobody else has: of the kernel. Any thread. */
#include <stdint.h>

/* Returns a random number that is not 0. */
uint64_t seed_number(void);
