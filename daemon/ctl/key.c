/* SPDX-License-Identifier: MIT */
/* A key goes into a new file that only its owner can read, or, for a pipe into one, to stdout. What
 * is there already is never written over: it may be the only copy. */
#include "daemon/ctl/key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/keyfile.h"
#include "daemon/ctl/exits.h"

static int fail(const char *file, const char *why)
{
	fprintf(stderr, "harborctl: %s%s%s\n", file ? file : "", file ? ": " : "", why);
	return 1;
}

int key_make(const char *file)
{
	struct keyfile_key k;
	char line[KEYFILE_LINE];
	int fd = STDOUT_FILENO;
	ssize_t written;
	size_t n;

	if (!keyfile_make(&k))
		return fail(NULL, "the system has no random bytes");
	if (file)
		fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(file, strerror(errno));
	n = keyfile_line(&k, line);
	written = write(fd, line, n);
	explicit_bzero(line, sizeof(line));
	if (written != (ssize_t)n || (file && (fsync(fd) < 0 || close(fd) < 0)))
		return fail(file ? file : "stdout", strerror(errno));
	if (file)
		printf("%s: key %s\n", file, k.name);
	explicit_bzero(&k, sizeof(k));
	return 0;
}

static int show(const char *file)
{
	char why[KEYFILE_WHY];
	struct keyfile f;

	if (!keyfile_read(file, &f, why))
		return fail(NULL, why);
	for (unsigned i = 0; i < f.count; i++)
		printf("key %s%s\n", f.keys[i].name, i ? ", accepted" : "");
	explicit_bzero(&f, sizeof(f));
	return 0;
}

int key_command(char *const *words)
{
	const char *what = words[1] ? words[1] : "";

	if (strcmp(what, "new") == 0 && (!words[2] || !words[3]))
		return key_make(words[2]);
	if (strcmp(what, "show") == 0 && words[2] && !words[3])
		return show(words[2]);
	fputs("harborctl: usage: harborctl key new [FILE], or key show FILE\n", stderr);
	return CTL_USAGE;
}
