/* SPDX-License-Identifier: MIT */
/* Files are read whole, before anything looks at them. */
#include "core/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/mem.h"

#define FILE_MAX (4u << 20)

/* A pipe or a device may never end, or never begin: O_NONBLOCK keeps open() from waiting for a
 * writer. */
static FILE *open_regular(const char *file, const char **ret_why)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		*ret_why = strerror(errno);
	else if (S_ISDIR(st.st_mode))
		*ret_why = "it is a folder";
	else if (!S_ISREG(st.st_mode))
		*ret_why = "it is not a regular file";
	else
		return fdopen(fd, "rb");
	if (fd >= 0)
		close(fd);
	return NULL;
}

char *file_read(const char *file, size_t *ret_size, const char **ret_why)
{
	FILE *f = open_regular(file, ret_why);
	char *text;
	size_t n;

	if (!f)
		return NULL;
	text = mem_alloc(FILE_MAX + 1);
	n = fread(text, 1, FILE_MAX + 1, f);
	if (ferror(f) || n > FILE_MAX) {
		*ret_why = ferror(f) ? "reading it fails" : "it is larger than 4 MiB";
		fclose(f);
		mem_free(text);
		return NULL;
	}
	fclose(f);
	text[n] = 0;
	*ret_size = n;
	return mem_realloc(text, n + 1);
}
