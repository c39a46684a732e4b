/* SPDX-License-Identifier: MIT */
/* Files as names of modules: a walk through folders, which become the words before the dots. */
#include "lua/load/folder.h"

#include <dirent.h>
#include <stddef.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/mem.h"

struct walk {
	const char *suffix;
	bool deep;
	void (*f)(const char *name, const char *file, void *ud);
	void *ud;
};

/* prefix: "" or words, each with its dot. */
static void walk_folder(const struct walk *w, const char *dir, const char *prefix)
{
	size_t end = strlen(w->suffix);
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		cleanup(mem_freep) char *path = mem_printf("%s/%s", dir, e->d_name);
		size_t n = strlen(e->d_name);

		if (e->d_name[0] == '.')
			continue;
		if (n > end && strcmp(e->d_name + n - end, w->suffix) == 0) {
			cleanup(mem_freep) char *name = mem_printf("%s%.*s", prefix, (int)(n - end),
								   e->d_name);

			w->f(name, path, w->ud);
		} else if (w->deep) {
			cleanup(mem_freep) char *inner = mem_printf("%s%s.", prefix, e->d_name);

			walk_folder(w, path, inner);
		}
	}
	if (d)
		closedir(d);
}

void folder_each(const char *dir, const char *suffix, bool deep,
		 void (*f)(const char *name, const char *file, void *ud), void *ud)
{
	const struct walk w = { .suffix = suffix, .deep = deep, .f = f, .ud = ud };

	walk_folder(&w, dir, "");
}
