/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A command as words, in the one form that it has on its whole way: harborctl writes it into the
 * control socket, a node passes it on to another node or to a Lua service, and whoever carries it
 * out takes the words from it.
 *
 *   [@NODE SP] word SP word ...
 *
 * %XX stands for a blank, a control character or a '%' inside of a word.
 *
 * Pure; any thread; any bytes are legal input.
 */
#include <stddef.h>

#define WORDS_MAX 66u
#define WORDS_LINE_MAX (1u << 20) /* a script to inject is one word */

/* The line of these words, a NULL behind the last; node: NULL, or the node that the command is
 * for. No newline. Free it with mem_free. */
char *words_encode(const char *node, char *const *words);

/* How many words the line has, -1 if it is malformed. Two blanks stand around an empty word. */
int words_count(const char *line);
/* Splits a line that is not malformed in place and decodes its words. It may have WORDS_MAX.
 * Returns the number. */
unsigned words_split(char *line, char *ret_words[WORDS_MAX]);
