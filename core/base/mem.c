/* SPDX-License-Identifier: MIT */
/* Memory that must be there: see mem.h. */
#include "core/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/cgroup.h"

/* Weak: a sanitizer build has no jemalloc. */
int mallctl(const char *name, void *old, size_t *old_size, void *value, size_t size)
	__attribute__((weak));

void mem_exhausted(size_t n)
{
	fprintf(stderr, "harbord: out of memory (%zu bytes)\n", n);
	abort();
}

void *mem_alloc(size_t n)
{
	void *p = malloc(n ? n : 1);

	if (!p)
		mem_exhausted(n);
	return p;
}

void *mem_zalloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);

	if (!p)
		mem_exhausted(n);
	return p;
}

void *mem_realloc(void *p, size_t n)
{
	p = realloc(p, n ? n : 1);
	if (!p)
		mem_exhausted(n);
	return p;
}

void mem_free(void *p)
{
	free(p);
}

void mem_freep(void *pp)
{
	free(*(void **)pp);
}

char *mem_strdup(const char *s)
{
	return mem_strndup(s, strlen(s));
}

char *mem_strndup(const char *s, size_t n)
{
	char *p;

	n = strnlen(s, n);
	p = mem_alloc(n + 1);
	memcpy(p, s, n);
	p[n] = 0;
	return p;
}

char *mem_printf(const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	if (vasprintf(&p, fmt, ap) < 0)
		mem_exhausted(0);
	va_end(ap);
	return p;
}

/* The number in a file; UINT64_MAX if there is none, as in "max". */
static uint64_t number_in(const char *file)
{
	FILE *f = fopen(file, "re");
	unsigned long long n;
	bool ok;

	if (!f)
		return UINT64_MAX;
	ok = fscanf(f, "%llu", &n) == 1;
	fclose(f);
	return ok ? n : UINT64_MAX;
}

/* The least of the limits in such files of the group and of those above it, and of this. */
static uint64_t least_of(uint64_t least, const char *root, char *group, const char *name)
{
	char *slash;

	while ((slash = strrchr(group, '/'))) {
		cleanup(mem_freep) char *file = mem_printf("%s%s/%s", root, group, name);
		uint64_t n = number_in(file);

		if (n < least)
			least = n;
		*slash = 0;
	}
	return least;
}

uint64_t mem_limit(void)
{
	uint64_t least = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	char group[1024];

	if (cgroup_path(group, sizeof(group)))
		least = least_of(least, CGROUP_ROOT, group, "memory.max");
	if (cgroup_path_of("memory", group, sizeof(group)))
		least = least_of(least, CGROUP_ROOT "/memory", group, "memory.limit_in_bytes");
	return least;
}

static uint64_t figure(const char *name)
{
	size_t n = 0, size = sizeof(n);

	return mallctl(name, &n, &size, NULL, 0) == 0 ? n : 0;
}

bool mem_get_figures(struct mem_figures *ret)
{
	uint64_t epoch = 1;
	size_t size = sizeof(epoch);

	*ret = (struct mem_figures){ 0 };
	if (!mallctl)
		return false;
	/* statistics are as of the last epoch */
	(void)mallctl("epoch", &epoch, &size, &epoch, size);
	*ret = (struct mem_figures){ .allocated = figure("stats.allocated"),
				     .active = figure("stats.active"),
				     .resident = figure("stats.resident"),
				     .mapped = figure("stats.mapped"),
				     .retained = figure("stats.retained") };
	return true;
}

void mem_trim_thread(void)
{
	if (mallctl)
		/* EFAULT: this thread has none */
		(void)mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
}

void mem_trim(void)
{
	if (!mallctl)
		return;
	mem_trim_thread();
	(void)mallctl("arena.4096.purge", NULL, NULL, NULL, 0); /* MALLCTL_ARENAS_ALL */
}
