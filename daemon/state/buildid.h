/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Build id: what names this very build of the program, as its package of debug symbols does
 * (--build-id of the linker). Any thread.
 */
#include <stddef.h>

/* Two digits a byte, and the NUL; a longer one is cut. */
#define BUILDID_MAX 41

/* Writes it in hexadecimal, "" if the program has none. Returns ret. */
const char *buildid_get(char ret[BUILDID_MAX]);
