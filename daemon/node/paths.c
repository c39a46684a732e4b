/* SPDX-License-Identifier: MIT */
/* The Lua folder is known by a file that every version of it has. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/base.h"
#include "daemon/node/paths.h"

#define LANDMARK "service/bootstrap.lua"

int paths_lua_near(const char *directory, char ret_path[PATH_MAX])
{
	/* installed: sbin/harbord; source tree: build/harbord, build/san-KIND/harbord, and below */
	static const char *const places[] = { "../share/harbord/lua", "../lua", "../../lua",
					      "../../../lua" };
	char candidate[PATH_MAX];

	for (unsigned i = 0; i < array_len(places); i++) {
		int n = snprintf(candidate, sizeof(candidate), "%s/%s/" LANDMARK, directory,
				 places[i]);

		if (n < 0 || (size_t)n >= sizeof(candidate) || access(candidate, R_OK) < 0)
			continue;
		candidate[(size_t)n - strlen("/" LANDMARK)] = 0;
		if (realpath(candidate, ret_path))
			return 0;
	}
	return -ENOENT;
}

/* The folder of this executable. 0 or -errno. */
static int own_folder(char ret_path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", ret_path, PATH_MAX - 1);
	char *slash;

	if (n < 0)
		return -errno;
	ret_path[n] = 0;
	slash = strrchr(ret_path, '/');
	if (!slash)
		return -ENOENT;
	*slash = 0;
	return 0;
}

int paths_lua(char ret_path[PATH_MAX])
{
	char exe[PATH_MAX];
	int r = own_folder(exe);

	return r < 0 ? r : paths_lua_near(exe, ret_path);
}

int paths_modules(char ret_path[PATH_MAX])
{
	static const char *const places[] = { "modules", "../lib/harbord" };
	char exe[PATH_MAX], candidate[PATH_MAX];
	int r = own_folder(exe);

	for (unsigned i = 0; r == 0 && i < array_len(places); i++) {
		int n = snprintf(candidate, sizeof(candidate), "%s/%s", exe, places[i]);

		if (n > 0 && (size_t)n < sizeof(candidate) && access(candidate, R_OK) == 0 &&
		    realpath(candidate, ret_path))
			return 0;
	}
	return r < 0 ? r : -ENOENT;
}

static bool template_has(const char *t, size_t n, const char *name, size_t name_size)
{
	char path[PATH_MAX];
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		const char *part = t[i] == '?' ? name : &t[i];
		size_t size = t[i] == '?' ? name_size : 1;

		if (at + size >= sizeof(path))
			return false;
		memcpy(path + at, part, size);
		at += size;
	}
	path[at] = 0;
	return access(path, F_OK) == 0;
}

bool paths_has_service(const char *templates, const char *start)
{
	size_t name_size;

	start += strspn(start, " \t");
	name_size = strcspn(start, " \t");
	while (*templates) {
		size_t n = strcspn(templates, ";");

		if (n && template_has(templates, n, start, name_size))
			return true;
		templates += n + (templates[n] == ';');
	}
	return false;
}
