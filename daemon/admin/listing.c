/* SPDX-License-Identifier: MIT */
/* The options of long lists: see listing.h. */
#include "daemon/admin/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/actor/send.h"
#include "core/base/clock.h"

/* The keys stand in the words that tell what they are. */
static const char *set_sort(struct listing *l, const char *keys, const char *word)
{
	const char *key = strstr(keys, ": ");
	size_t n = strlen(word);

	l->sort = 0;
	for (key = key ? key + 1 : NULL; key; key = strchr(key + 1, ' ')) {
		if (n && strncmp(key + 1, word, n) == 0 && (key[n + 1] == ' ' || !key[n + 1]))
			return NULL;
		l->sort++;
	}
	return keys;
}

static const char *set_limit(struct listing *l, const char *word)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(word, &end, 10);
	if (*word < '0' || *word > '9' || *end || errno || n < 1 || n > LISTING_MAX)
		return "--limit takes a number of rows, 1 to 10000";
	l->limit = n;
	return NULL;
}

static const char *set_owner(struct listing *l, const char *word)
{
	l->owner = *word == ':' || *word == '.' ? service_find(word) : 0;
	return l->owner ? NULL : "--owner takes the address of a service of this node";
}

static const char *set_interval(struct listing *l, const char *word)
{
	char *end;
	double seconds = strtod(word, &end);

	if (!*word || *end || !(seconds >= 0.1 && seconds <= 5))
		return "--interval takes seconds, 0.1 to 5";
	l->interval_ns = (uint64_t)(seconds * NS_PER_SEC);
	return NULL;
}

const char *listing_parse(const struct request *r, const char *keys, struct listing *ret)
{
	const char *why = NULL;

	*ret = (struct listing){ .limit = LISTING_ROWS, .interval_ns = NS_PER_SEC };
	for (unsigned i = 0; i < r->n && !why; i += 2) {
		const char *option = r->args[i], *word = i + 1 < r->n ? r->args[i + 1] : NULL;

		if (!word)
			why = "an option needs a value";
		else if (keys && strcmp(option, "--sort") == 0)
			why = set_sort(ret, keys, word);
		else if (strcmp(option, "--limit") == 0)
			why = set_limit(ret, word);
		else if (strcmp(option, "--owner") == 0)
			why = set_owner(ret, word);
		else if (strcmp(option, "--interval") == 0)
			why = set_interval(ret, word);
		else
			why = "unknown option (harborctl --help)";
	}
	return why;
}
