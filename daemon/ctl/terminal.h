/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Keys of a terminal while a command paints it: they come at once and are not shown. Whatever ends
 * the program, the terminal is left as it was.
 *
 * Threads: one.
 */
#include <stdbool.h>

enum {
	TERMINAL_NONE = 0, /* a descriptor can be read, or nobody ever presses a key */
	TERMINAL_LEFT = -1,
	TERMINAL_RIGHT = -2,
};

/* How many columns the terminal of standard output has, 120 if it does not say; 0: it is none. */
int terminal_width(void);
/* Begins to take keys. Returns false: standard input is no terminal, and terminal_wait only
 * waits. */
bool terminal_begin(void);
/* The terminal is as it was. */
void terminal_end(void);
/* Waits until fd can be read or a key is pressed. Returns the key, one of those above or its
 * character. */
int terminal_wait(int fd);
