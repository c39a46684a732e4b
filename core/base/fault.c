/* SPDX-License-Identifier: MIT */
/* Fault points: see fault.h. Each has a counter of passes and says which of them fail. */
#include "core/base/fault.h"

#ifdef FAULTS
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[FAULT_POINTS] = {
#define FAULT(name, what) #name,
#include "core/base/faults.def"
#undef FAULT
};

struct rule {
	unsigned long nth; /* 0 = never */
	unsigned long count;
	bool every;
};

static struct rule rules[FAULT_POINTS]; /* constant once threads run */
static atomic_ulong passes[FAULT_POINTS];

bool fault_hit(enum fault_point p)
{
	if (!rules[p].nth)
		return false;
	/* relaxed: a counter, nothing depends on it */
	unsigned long n = atomic_fetch_add_explicit(&passes[p], 1, memory_order_relaxed) + 1;

	if (rules[p].every ? n % rules[p].nth != 0
			   : n < rules[p].nth || n - rules[p].nth >= rules[p].count)
		return false;
	/* Past the log, which may be what fails. A test that sees no such line has tested
	 * nothing. */
	dprintf(STDERR_FILENO, "fault: %s %lu\n", names[p], n);
	return true;
}

static bool parse_one(const char *word, struct rule *set, char *error, size_t size)
{
	const char *colon = strchr(word, ':'), *number;
	size_t length = colon ? (size_t)(colon - word) : strlen(word);
	struct rule r = { .count = 1 };
	char *end;
	int p = 0;

	while (p < FAULT_POINTS &&
	       (strlen(names[p]) != length || strncmp(names[p], word, length) != 0))
		p++;
	if (p == FAULT_POINTS) {
		size_t at = (size_t)snprintf(error, size, "no fault point '%.*s'; there are",
					     (int)length, word);

		for (p = 0; p < FAULT_POINTS && at < size; p++)
			at += (size_t)snprintf(error + at, size - at, " %s", names[p]);
		return false;
	}
	number = colon ? colon + 1 : "";
	r.every = strncmp(number, "every=", 6) == 0;
	number += r.every ? 6 : 0;
	r.nth = strtoul(number, &end, 10);
	bool good = *number >= '0' && *number <= '9' && r.nth;

	if (good && *end == '+' && !r.every && end[1] >= '1' && end[1] <= '9')
		r.count = strtoul(end + 1, &end, 10);
	if (!good || *end) {
		snprintf(error, size, "'%s': want NAME:N, NAME:N+COUNT or NAME:every=N, N from 1",
			 word);
		return false;
	}
	set[p] = r;
	return true;
}

bool fault_arm(const char *text, char *error, size_t size)
{
	struct rule set[FAULT_POINTS] = { 0 };
	char *copy = strdup(text ? text : ""), *save = NULL;
	bool ok = copy != NULL;

	if (!copy)
		snprintf(error, size, "out of memory");
	for (char *w = copy ? strtok_r(copy, ",", &save) : NULL; w && ok;
	     w = strtok_r(NULL, ",", &save))
		ok = parse_one(w, set, error, size);
	free(copy);
	if (!ok)
		return false;
	memcpy(rules, set, sizeof(rules));
	for (int p = 0; p < FAULT_POINTS; p++)
		atomic_store_explicit(&passes[p], 0, memory_order_relaxed); /* one thread only */
	return true;
}
#endif
