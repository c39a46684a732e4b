/* SPDX-License-Identifier: MIT */
/* The lines of /proc/self/cgroup: "0::/path" is version 2, "4:cpu,cpuacct:/path" is version 1. */
#include "core/base/cgroup.h"

#include <stdio.h>
#include <string.h>

/* Is the word one of a list with commas? */
static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; *p; p += strcspn(p, ",") + (p[strcspn(p, ",")] == ','))
		if (strcspn(p, ",") == n && memcmp(p, word, n) == 0)
			return true;
	return false;
}

/* Moves the path to the beginning of the line if that is the one of the controller, or, NULL, of
 * version 2. */
static bool take(char *line, const char *controller)
{
	char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;

	if (!path || path[1] != '/')
		return false;
	*path++ = 0;
	if (controller ? !has_word(list + 1, controller) : strcmp(line, "0:") != 0)
		return false;
	path[strcspn(path, "\n")] = 0;
	memmove(line, path, strlen(path) + 1);
	return true;
}

static bool find(const char *controller, char *ret, size_t size)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	bool found = false;

	if (!f)
		return false;
	while (!found && fgets(ret, (int)size, f))
		found = take(ret, controller);
	fclose(f);
	return found;
}

bool cgroup_path(char *ret, size_t size)
{
	return find(NULL, ret, size);
}

bool cgroup_path_of(const char *controller, char *ret, size_t size)
{
	return find(controller, ret, size);
}
