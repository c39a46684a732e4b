/* SPDX-License-Identifier: MIT */
/*
 * Words of a command: see words.h. Counting proves that every escape is one, so splitting cannot
 * fail; a line that is only passed on is counted and stays as it is.
 */
#include "daemon/admin/words.h"

#include <stdbool.h>
#include <string.h>

#include "core/base/must.h"
#include "core/base/text.h"

static void add_word(struct text *line, const char *word)
{
	for (const unsigned char *p = (const unsigned char *)word; *p; p++) {
		if (*p > ' ' && *p != '%' && *p != 0x7f)
			text_add(line, p, 1);
		else
			text_printf(line, "%%%02X", *p);
	}
}

char *words_encode(const char *node, char *const *words)
{
	struct text line = { 0 };

	if (node) {
		text_puts(&line, "@");
		add_word(&line, node);
		text_puts(&line, words[0] ? " " : "");
	}
	for (unsigned i = 0; words[i]; i++) {
		text_puts(&line, i ? " " : "");
		add_word(&line, words[i]);
	}
	return text_take(&line);
}

static int hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
				      : -1;
}

/* The byte of the two digits at p, -1: they are none, or say NUL. */
static int escaped(const char *p)
{
	int high = hex(p[0]), low = high < 0 ? -1 : hex(p[1]), byte = high * 16 + low;

	return low < 0 || byte == 0 ? -1 : byte;
}

int words_count(const char *line)
{
	int n = 1;

	for (const char *p = line; *p; p++) {
		n += *p == ' ';
		if (*p == '%' && escaped(p + 1) < 0)
			return -1;
	}
	return n;
}

static void decode(char *word)
{
	char *to = word;

	for (const char *p = word; *p; p++) {
		if (*p == '%') {
			*to++ = (char)escaped(p + 1);
			p += 2;
		} else {
			*to++ = *p;
		}
	}
	*to = 0;
}

unsigned words_split(char *line, char *ret_words[WORDS_MAX])
{
	unsigned n = 0;

	while (line) {
		must(n < WORDS_MAX);
		ret_words[n] = strsep(&line, " ");
		decode(ret_words[n++]);
	}
	return n;
}
