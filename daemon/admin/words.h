/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A command as words, from the two places it comes from: a line of the control socket, the message of another
 * node. Pure; any bytes are legal input.
 */
#include <stddef.h>

/* Splits a line in place at single blanks and decodes %XX; two blanks stand around an empty word. Returns the
 * number of words, or -1: malformed, or more than max. */
int words_of_line(char *line, char **ret_words, unsigned max);

/* The words of a block in which each ends with a NUL; they stay there. Returns the number, or -1:
 * none, more than max, or the last one has no end. */
int words_of_block(char *block, size_t size, char **ret_words, unsigned max);
