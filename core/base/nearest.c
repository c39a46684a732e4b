/* SPDX-License-Identifier: MIT */
/* The nearest word: see nearest.h. */
#include "core/base/nearest.h"

#include <limits.h>
#include <string.h>

#include "core/base/base.h"

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Returns the edit distance of two words. Rows: of this letter of a, the one before, and the one
 * before that. */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][NEAREST_MAX];
	size_t m = strlen(a), n = strlen(b);

	if (m >= NEAREST_MAX || n >= NEAREST_MAX)
		return UINT_MAX;
	for (size_t j = 0; j <= n; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= m; i++) {
		unsigned *row = rows[i % 3], *before = rows[(i - 1) % 3],
			 *older = rows[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= n; j++) {
			row[j] = least(before[j - 1] + (a[i - 1] != b[j - 1]),
				       least(before[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], older[j - 2] + 1);
		}
	}
	return rows[m % 3][n];
}

struct nearest nearest_begin(const char *word)
{
	size_t letters = strlen(word);

	return (struct nearest){ word, letters < 2 ? 1 : letters < 4 ? 2 : letters < 6 ? 3 : 4 };
}

bool nearest_is_better(struct nearest *n, const char *candidate)
{
	unsigned d = distance(n->word, candidate);

	if (d >= n->distance)
		return false;
	n->distance = d;
	return true;
}
