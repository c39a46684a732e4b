/* SPDX-License-Identifier: MIT */
/* Default places of the control socket. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/sockpath.h"

#define RUN_DIRECTORY "/run/harbor"

static int format(char ret_path[SOCKPATH_MAX], const char *directory, size_t n, const char *prefix,
		  const char *node)
{
	int length = snprintf(ret_path, SOCKPATH_MAX, "%.*s/%s%s.sock", (int)n, directory, prefix, node);

	return length < 0 || length >= SOCKPATH_MAX ? -ENAMETOOLONG : 0;
}

static void tmp_directory(char *ret, size_t size)
{
	snprintf(ret, size, "/tmp/harbord-%u", (unsigned)geteuid());
}

/* Makes a directory nobody else can enter; one that is there must be so already. */
static int make_private(const char *path)
{
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (lstat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
		return -EPERM;
	return 0;
}

int sockpath_make(const char *node, char ret_path[SOCKPATH_MAX])
{
	const char *runtime = getenv("RUNTIME_DIRECTORY"), *user = getenv("XDG_RUNTIME_DIR");
	char directory[64];
	int r;

	if (runtime && *runtime) /* several are separated by colons */
		return format(ret_path, runtime, strcspn(runtime, ":"), "", node);
	if (user && *user)
		return format(ret_path, user, strlen(user), "harbord-", node);
	if (geteuid() == 0) {
		if (mkdir(RUN_DIRECTORY, 0755) < 0 && errno != EEXIST)
			return -errno;
		return format(ret_path, RUN_DIRECTORY, strlen(RUN_DIRECTORY), "", node);
	}
	tmp_directory(directory, sizeof(directory));
	r = make_private(directory);
	return r < 0 ? r : format(ret_path, directory, strlen(directory), "", node);
}

static bool exists(int formatted, const char *path)
{
	struct stat st;

	return formatted == 0 && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

bool sockpath_find(const char *node, char ret_path[SOCKPATH_MAX])
{
	const char *runtime = getenv("RUNTIME_DIRECTORY"), *user = getenv("XDG_RUNTIME_DIR");
	char directory[SOCKPATH_MAX];
	int n;

	if (runtime && *runtime &&
	    exists(format(ret_path, runtime, strcspn(runtime, ":"), "", node), ret_path))
		return true;
	if (user && *user && exists(format(ret_path, user, strlen(user), "harbord-", node), ret_path))
		return true;
	n = snprintf(directory, sizeof(directory), RUN_DIRECTORY "/%s", node);
	if (n > 0 && (size_t)n < sizeof(directory) &&
	    exists(format(ret_path, directory, (size_t)n, "", node), ret_path))
		return true;
	if (exists(format(ret_path, RUN_DIRECTORY, strlen(RUN_DIRECTORY), "", node), ret_path))
		return true;
	tmp_directory(directory, sizeof(directory));
	return exists(format(ret_path, directory, strlen(directory), "", node), ret_path);
}
