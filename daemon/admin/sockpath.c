/* SPDX-License-Identifier: MIT */
/*
 * Default places of the control socket: see sockpath.h. The node makes a path and binds it,
 * harborctl looks for what has been bound; both halves stand here so that they agree on names.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/must.h"
#include "daemon/admin/sockpath.h"

#define RUN_DIRECTORY "/run/harbor"
#define TMP_PREFIX "/tmp/harbord-"
#define USER_PREFIX "harbord-"
#define SUFFIX ".sock"
#define NUMBER_MARK "+" /* not a character of a node's name */

static int format(char ret_path[SOCKPATH_MAX], const char *directory, size_t n, const char *prefix,
		  const char *file)
{
	int length = snprintf(ret_path, SOCKPATH_MAX, "%.*s/%s%s" SUFFIX, (int)n, directory, prefix,
			      file);

	return length < 0 || length >= SOCKPATH_MAX ? -ENAMETOOLONG : 0;
}

/* NULL if it is not set or empty. */
static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* Only its owner can enter or write it, and that is `uid`. */
static bool is_private(const char *path, uid_t uid)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == uid &&
	       !(st.st_mode & 077);
}

/* ---- the node ---- */

static int make_run(const char *file, char ret_path[SOCKPATH_MAX])
{
	if (geteuid() != 0)
		return -ENOENT;
	if (mkdir(RUN_DIRECTORY, 0755) < 0 && errno != EEXIST)
		return -errno;
	return format(ret_path, RUN_DIRECTORY, strlen(RUN_DIRECTORY), "", file);
}

static int make_tmp(const char *file, char ret_path[SOCKPATH_MAX])
{
	char directory[64];

	snprintf(directory, sizeof(directory), TMP_PREFIX "%u", (unsigned)geteuid());
	if (mkdir(directory, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (!is_private(directory, geteuid()))
		return -EPERM;
	return format(ret_path, directory, strlen(directory), "", file);
}

int sockpath_make(unsigned place, const char *node, unsigned number, char ret_path[SOCKPATH_MAX])
{
	const char *runtime = variable("RUNTIME_DIRECTORY"), *user = variable("XDG_RUNTIME_DIR");
	char file[SOCKPATH_MAX];

	must(place < SOCKPATH_PLACES && number >= 1 && number <= SOCKPATH_NUMBERS);
	if (snprintf(file, sizeof(file), number > 1 ? "%s" NUMBER_MARK "%u" : "%s", node, number) >=
	    SOCKPATH_MAX)
		return -ENAMETOOLONG;

	switch (place) {
	case 0: /* several are separated by colons */
		return runtime ? format(ret_path, runtime, strcspn(runtime, ":"), "", file)
			       : -ENOENT;
	case 1:
		return user ? format(ret_path, user, strlen(user), USER_PREFIX, file) : -ENOENT;
	case 2:
		return make_run(file, ret_path);
	default:
		return make_tmp(file, ret_path);
	}
}

/* ---- harborctl ---- */

void sockpath_name(const char *path, char ret_name[SOCKPATH_MAX])
{
	const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;

	if (strncmp(file, USER_PREFIX, strlen(USER_PREFIX)) == 0)
		file += strlen(USER_PREFIX);
	must(strlen(file) >= strlen(SUFFIX));
	snprintf(ret_name, SOCKPATH_MAX, "%s", file);
	ret_name[strlen(file) - strlen(SUFFIX)] = 0;
	ret_name[strcspn(ret_name, NUMBER_MARK)] = 0;
}

struct search {
	void (*f)(const char *path, void *ud);
	void *ud;
	unsigned found;
};

/* Folders of /tmp are open to all: nobody may set up one that passes for another user's. */
static bool is_of_its_user(const char *path)
{
	char folder[SOCKPATH_MAX], *slash, *end;
	unsigned long uid;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	*slash = 0;
	uid = strtoul(folder + strlen(TMP_PREFIX), &end, 10);
	return !*end && is_private(folder, (uid_t)uid);
}

static void look(struct search *s, const char *pattern, bool in_tmp)
{
	glob_t g = { 0 };
	struct stat st;

	if (glob(pattern, GLOB_NOSORT, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc; i++) {
			const char *path = g.gl_pathv[i];

			if (strlen(path) >= SOCKPATH_MAX || lstat(path, &st) < 0 ||
			    !S_ISSOCK(st.st_mode) || (in_tmp && !is_of_its_user(path)))
				continue;
			s->found++;
			s->f(path, s->ud);
		}
	globfree(&g);
}

/* The folder is one that the user named: what means something to glob is quoted. */
static void look_in(struct search *s, const char *folder, size_t n, const char *prefix)
{
	char pattern[SOCKPATH_MAX * 2 + 16];
	size_t at = 0;

	if (n >= SOCKPATH_MAX)
		return;
	for (size_t i = 0; i < n; i++) {
		if (strchr("*?[\\", folder[i]))
			pattern[at++] = '\\';
		pattern[at++] = folder[i];
	}
	snprintf(pattern + at, sizeof(pattern) - at, "/%s*" SUFFIX, prefix);
	look(s, pattern, false);
}

void sockpath_foreach(void (*f)(const char *path, void *ud), void *ud)
{
	const char *runtime = variable("RUNTIME_DIRECTORY"), *user = variable("XDG_RUNTIME_DIR");
	struct search s = { f, ud, 0 };

	if (runtime)
		look_in(&s, runtime, strcspn(runtime, ":"), "");
	if (s.found)
		return;
	if (user)
		look_in(&s, user, strlen(user), USER_PREFIX);
	look(&s, RUN_DIRECTORY "/*" SUFFIX, false);
	look(&s, RUN_DIRECTORY "/*/*" SUFFIX, false);
	look(&s, "/run/user/*/" USER_PREFIX "*" SUFFIX, false);
	look(&s, TMP_PREFIX "*/*" SUFFIX, true);
}

/* ---- the living and the dead ---- */

/* A line of /proc/net/unix: its flags, and the path behind the seventh blank space; NULL: it
 * has none. */
static const char *bound_path(char *line, unsigned long *ret_flags)
{
	int at = 0;

	line[strcspn(line, "\n")] = 0;
	if (sscanf(line, "%*s %*s %*s %lx %*s %*s %*s %n", ret_flags, &at) != 1 || at == 0)
		return NULL;
	return line + at;
}

bool sockpath_is_alive(const char *path)
{
	const unsigned long listening = 1ul << 16; /* __SO_ACCEPTCON of the kernel */
	FILE *f = fopen("/proc/net/unix", "re");
	char line[512];
	bool found = !f;

	while (f && !found && fgets(line, sizeof(line), f)) {
		unsigned long flags = 0;
		const char *bound = bound_path(line, &flags);

		found = bound && (flags & listening) && strcmp(bound, path) == 0;
	}
	if (f)
		fclose(f);
	return found;
}

static bool is_refused(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool refused;

	if (fd < 0)
		return false;
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	refused = connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0 && errno == ECONNREFUSED;
	close(fd);
	return refused;
}

/* Nobody answers between a node's bind and its listen either. A node holds the lock of the
 * folder meanwhile, so a socket that is refused while we hold it is dead. */
static void remove_locked(int folder, const char *path, const char *name)
{
	struct stat st;

	if (flock(folder, LOCK_EX | LOCK_NB) == 0 && is_refused(path) &&
	    fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(st.st_mode))
		(void)unlinkat(folder, name, 0);
}

void sockpath_remove_dead(const char *path)
{
	char folder[SOCKPATH_MAX], *slash;
	struct stat st;
	int fd;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (!slash || slash == folder)
		return;
	*slash = 0;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	/* in another's folder a name may be something else a moment later */
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid())
		remove_locked(fd, path, slash + 1);
	close(fd);
}
