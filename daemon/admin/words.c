/* SPDX-License-Identifier: MIT */
/* See words.h. */
#include "daemon/admin/words.h"

#include <stdbool.h>
#include <string.h>

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0'
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
				      : -1;
}

static bool decode(char *word)
{
	char *to = word;

	for (const char *p = word; *p; p++) {
		if (*p != '%') {
			*to++ = *p;
			continue;
		}
		int high = hex(p[1]), low = high < 0 ? -1 : hex(p[2]);

		if (low < 0 || high * 16 + low == 0)
			return false;
		*to++ = (char)(high * 16 + low);
		p += 2;
	}
	*to = 0;
	return true;
}

int words_of_line(char *line, char **ret_words, unsigned max)
{
	unsigned n = 0;
	char *rest = line;

	while (rest) {
		char *word = strsep(&rest, " ");

		if (n == max || !decode(word))
			return -1;
		ret_words[n++] = word;
	}
	return (int)n;
}

int words_of_block(char *block, size_t size, char **ret_words, unsigned max)
{
	unsigned n = 0;

	if (size == 0 || block[size - 1] != 0)
		return -1;
	for (char *w = block; w < block + size; w += strlen(w) + 1) {
		if (n == max)
			return -1;
		ret_words[n++] = w;
	}
	return (int)n;
}
