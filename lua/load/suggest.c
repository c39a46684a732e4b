/* SPDX-License-Identifier: MIT */
/* Names that are near to one that nobody has: see suggest.h. Limits: ENTRIES_MAX files of a folder
 * are looked at, and names of NEAREST_MAX bytes are far from everything. */
#include "lua/load/suggest.h"

#include <dirent.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/nearest.h"
#include "lua/load/modules.h"
#include "lua/load/search.h"

#define ENTRIES_MAX 4096u

struct search {
	struct nearest nearest;
	char best[NEAREST_MAX];
};

static void consider(const char *candidate, void *ud)
{
	struct search *s = ud;

	if (nearest_is_better(&s->nearest, candidate))
		snprintf(s->best, sizeof(s->best), "%s", candidate);
}

/* The file is what a template makes of a name: before it there is `head`, behind it `tail`. */
static void consider_file(struct search *s, const char *folder, const char *file, const char *head,
			  const char *tail)
{
	size_t h = strlen(head), t = strlen(tail), n = strlen(file);
	char name[NEAREST_MAX];

	if (n <= h + t || memcmp(file, head, h) != 0 || memcmp(file + n - t, tail, t) != 0)
		return;
	if ((size_t)snprintf(name, sizeof(name), "%s%.*s", folder, (int)(n - h - t), file + h) <
	    sizeof(name))
		consider(name, s);
}

static void read_folder(struct search *s, const char *path, const char *folder, const char *head,
			const char *tail)
{
	DIR *d = opendir(*path ? path : ".");
	struct dirent *e;
	unsigned n = 0;

	while (d && n++ < ENTRIES_MAX && (e = readdir(d)))
		if (e->d_name[0] != '.')
			consider_file(s, folder, e->d_name, head, tail);
	if (d)
		closedir(d);
}

/* One template, of n bytes. The name's own folder ("map/" of "map/city") is taken to be right. sep:
 * what separates folders in names. */
static void read_template(struct search *s, const char *template, size_t n, const char *name,
			  char sep)
{
	const char *mark = memchr(template, '?', n), *slash = mark, *tail = mark ? mark + 1 : NULL;
	const char *last = strrchr(name, sep);
	int folder_size = last ? (int)(last + 1 - name) : 0;
	char path[PATH_MAX], folder[NEAREST_MAX], head[NAME_MAX + 1], rest[NAME_MAX + 1];
	size_t tail_size;

	if (!mark || folder_size >= (int)sizeof(folder))
		return;
	while (slash > template && slash[-1] != '/')
		slash--;
	tail_size = strcspn(tail, "/;"); /* "?/init.lua": the name is a folder's */
	if ((size_t)(mark - slash) >= sizeof(head) || tail_size >= sizeof(rest))
		return;
	snprintf(folder, sizeof(folder), "%.*s", folder_size, name);
	snprintf(head, sizeof(head), "%.*s", (int)(mark - slash), slash);
	snprintf(rest, sizeof(rest), "%.*s", (int)tail_size, tail);
	if ((size_t)snprintf(path, sizeof(path), "%.*s%s", (int)(slash - template), template,
			     folder) >= sizeof(path))
		return;
	for (char *p = path + (slash - template); sep != '/' && *p; p++)
		if (*p == sep)
			*p = '/';
	read_folder(s, path, folder, head, rest);
}

static bool push_best(lua_State *L, const struct search *s)
{
	if (!*s->best)
		return false;
	lua_pushstring(L, s->best);
	return true;
}

static void read_templates(struct search *s, const char *templates, const char *name, char sep)
{
	for (const char *p = templates; p && *p; p += *p == ';') {
		size_t n = strcspn(p, ";");

		read_template(s, p, n, name, sep);
		p += n;
	}
}

bool suggest_service(lua_State *L, const char *templates, const char *name)
{
	struct search s = { .nearest = nearest_begin(name) };

	read_templates(&s, templates, name, '/');
	search_each_own(false, consider, &s);
	return push_best(L, &s);
}

bool suggest_module(lua_State *L, const char *templates, const char *name)
{
	struct search s = { .nearest = nearest_begin(name) };

	read_templates(&s, templates, name, '.');
	search_each_own(true, consider, &s);
	modules_each(consider, &s);
	return push_best(L, &s);
}
