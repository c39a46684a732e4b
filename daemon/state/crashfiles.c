/* SPDX-License-Identifier: MIT */
/* Files of the black box: see crashfiles.h. The times in their names order them. One that a start
 * has told of is read-only from then on. */
#include "daemon/state/crashfiles.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "core/log/log.h"

/* -TIME-PID.SUFFIX */
static bool is_tail(const char *p, bool *ret_crash)
{
	const char *dot = strrchr(p, '.');

	*ret_crash = dot && strcmp(dot, ".crash") == 0;
	return p[0] == '-' && strspn(p + 1, "0123456789T") >= 15 && strchr(p, 'Z') && dot &&
	       (*ret_crash || strcmp(dot, ".dump") == 0);
}

struct file {
	char *name;
	bool crash;
};

struct files {
	struct file *items;
	size_t n;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct file *)b)->name, ((const struct file *)a)->name);
}

/* The newest first. */
static void list(const char *folder, const char *node, struct files *ret)
{
	size_t n = strlen(node);
	DIR *d = opendir(folder);
	struct dirent *e;
	bool crash;

	*ret = (struct files){ 0 };
	while (d && (e = readdir(d))) {
		if (strncmp(e->d_name, node, n) != 0 || !is_tail(e->d_name + n, &crash))
			continue;
		ret->items = mem_realloc(ret->items, (ret->n + 1) * sizeof(*ret->items));
		ret->items[ret->n++] = (struct file){ mem_strdup(e->d_name), crash };
	}
	if (d)
		closedir(d);
	if (ret->n)
		qsort(ret->items, ret->n, sizeof(*ret->items), by_name);
}

static void forget(struct files *f)
{
	for (size_t i = 0; i < f->n; i++)
		mem_free(f->items[i].name);
	mem_free(f->items);
}

static void prune(const char *folder, const struct files *f)
{
	for (size_t i = CRASHFILES_MAX; i < f->n; i++) {
		cleanup(mem_freep) char *path = mem_printf("%s/%s", folder, f->items[i].name);

		(void)unlink(path);
	}
}

void crashfiles_prune(const char *folder, const char *node)
{
	struct files f;

	list(folder, node, &f);
	prune(folder, &f);
	forget(&f);
}

/* Whether nobody has been told of this one; now somebody is. */
static bool is_news(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_mode & S_IWUSR && chmod(path, st.st_mode & 0444) == 0;
}

void crashfiles_look(const char *folder, const char *node)
{
	struct files f;

	list(folder, node, &f);
	for (size_t i = 0; i < f.n; i++) {
		cleanup(mem_freep) char *path = mem_printf("%s/%s", folder, f.items[i].name);

		if (!f.items[i].crash)
			continue;
		if (is_news(path))
			log_warning("the run before has crashed: %s", path);
		break;
	}
	prune(folder, &f);
	forget(&f);
}
