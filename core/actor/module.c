/* SPDX-License-Identifier: MIT */
/* Modules: see module.h. A module that was found once stays for the life of the process: its code
 * may be running at any time. */
#include "core/actor/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/advice.h"
#include "core/base/base.h"
#include "core/base/fault.h"
#include "core/base/lock.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/base/must.h"

static struct {
	struct lock lock;
	char *path;
	const struct module *builtin[64];
	unsigned builtins;
	struct module *loaded[MODULES_MAX];
	unsigned count;
} M = { .lock = LOCK_INIT(modules) };

void module_add(const struct module *m)
{
	must(m->name && m->init);
	if (M.builtins == array_len(M.builtin))
		log_error("module %s: there are %u built-in modules already", m->name, M.builtins);
	else
		M.builtin[M.builtins++] = m;
}

int module_set_path(const char *cpath)
{
	cleanup(mem_freep) char *copy = mem_strdup(cpath);
	char *save = NULL;

	for (char *t = strtok_r(copy, ";", &save); t; t = strtok_r(NULL, ";", &save))
		if (!strchr(t, '?'))
			return -EINVAL;
	mem_free(M.path);
	M.path = mem_strdup(cpath);
	return 0;
}

/* Two lines: which file and why, then what to do. */
static void tell_failure(const char *name, const char *why, bool there)
{
	const char *advice = there ? advice_for_library(why) : NULL;

	if (!there)
		log_error("try open %s failed : %s\nthere is no C service of that name along %s",
			  name, why, M.path ? M.path : "cpath, which is not set");
	else
		log_error("try open %s failed : %s%s%s", name, why, advice ? "\n" : "",
			  advice ? advice : "");
}

static void *open_file(const char *name)
{
	cleanup(mem_freep) char *path = mem_strdup(M.path ? M.path : "");
	cleanup(mem_freep) char *why = mem_strdup("no cpath is set");
	bool there = false;
	char *save = NULL;

	for (char *t = strtok_r(path, ";", &save); t; t = strtok_r(NULL, ";", &save)) {
		char *mark = strchr(t, '?');
		cleanup(mem_freep) char *file = mem_printf("%.*s%s%s", (int)(mark - t), t, name,
							   mark + 1);
		void *dl = fault(dlopen) ? NULL : dlopen(file, RTLD_NOW | RTLD_GLOBAL);

		if (dl)
			return dl;
		const char *error = dlerror();

		/* A file that is there and does not load says more than one that is not there. */
		if (access(file, F_OK) == 0 || strcmp(why, "no cpath is set") == 0) {
			there |= access(file, F_OK) == 0;
			mem_free(why);
			why = mem_strdup(error ? error : "unknown error");
		}
	}
	tell_failure(name, why, there);
	return NULL;
}

static void *symbol(void *dl, const char *name, const char *suffix)
{
	const char *dot = strrchr(name, '.');
	cleanup(mem_freep) char *sym = mem_printf("%s_%s", dot ? dot + 1 : name, suffix);

	return dlsym(dl, sym);
}

static struct module *load(const char *name)
{
	void *dl = open_file(name);
	struct module *m;

	if (!dl)
		return NULL;
	m = mem_zalloc(sizeof(*m));
	/* POSIX gives functions as data pointers here. */
	*(void **)&m->create = symbol(dl, name, "create");
	*(void **)&m->init = symbol(dl, name, "init");
	*(void **)&m->release = symbol(dl, name, "release");
	*(void **)&m->signal = symbol(dl, name, "signal");
	if (!m->init) {
		log_error("module %s has no function %s_init\nits init function has the name of "
			  "the file",
			  name, name);
		dlclose(dl);
		mem_free(m);
		return NULL;
	}
	m->name = mem_strdup(name);
	return m;
}

const struct module *module_find(const char *name)
{
	const struct module *found = NULL;

	for (unsigned i = 0; i < M.builtins; i++)
		if (strcmp(M.builtin[i]->name, name) == 0)
			return M.builtin[i];
	lock_take(&M.lock);
	for (unsigned i = 0; i < M.count && !found; i++)
		if (strcmp(M.loaded[i]->name, name) == 0)
			found = M.loaded[i];
	if (!found && M.count == MODULES_MAX) {
		log_error("module %s: there are %u modules already", name, M.count);
	} else if (!found) {
		struct module *m = load(name);

		if (m)
			M.loaded[M.count++] = m;
		found = m;
	}
	lock_release(&M.lock);
	return found;
}

void module_fini(void)
{
	for (unsigned i = 0; i < M.count; i++) {
		mem_free((char *)M.loaded[i]->name);
		mem_free(M.loaded[i]);
	}
	M.count = 0;
	M.builtins = 0;
	mem_free(M.path);
	M.path = NULL;
}
