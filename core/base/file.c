/* SPDX-License-Identifier: MIT */
/* Files are read whole, before anything looks at them. */
#include "core/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/secret.h"

#define FILE_MAX (4u << 20)
#define FILE_SECRET_MAX (64u << 10)

/* A pipe or a device may never end, or never begin: O_NONBLOCK keeps open() from waiting for a
 * writer. Returns -1 and why. */
static int open_regular(const char *file, const char **ret_why)
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
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Returns how much there is up to max, or -1 and why. */
static ssize_t read_whole(int fd, char *ret, size_t max, const char **ret_why)
{
	size_t done = 0;

	while (done < max) {
		ssize_t n = read(fd, ret + done, max - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			*ret_why = "reading it fails";
		if (n <= 0)
			return n < 0 ? n : (ssize_t)done;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

char *file_read(const char *file, size_t *ret_size, const char **ret_why)
{
	int fd = open_regular(file, ret_why);
	char *text;
	ssize_t n;

	if (fd < 0)
		return NULL;
	text = mem_alloc(FILE_MAX + 1);
	n = read_whole(fd, text, FILE_MAX + 1, ret_why);
	close(fd);
	if (n > (ssize_t)FILE_MAX)
		*ret_why = "it is larger than 4 MiB";
	if (n < 0 || n > (ssize_t)FILE_MAX) {
		mem_free(text);
		return NULL;
	}
	text[n] = 0;
	*ret_size = (size_t)n;
	return mem_realloc(text, (size_t)n + 1);
}

char *file_read_secret(const char *file, size_t *ret_size, const char **ret_why)
{
	int fd = open_regular(file, ret_why);
	char *text = fd < 0 ? NULL : secret_alloc(FILE_SECRET_MAX + 1);
	ssize_t n = text ? read_whole(fd, text, FILE_SECRET_MAX + 1, ret_why) : -1;

	if (fd >= 0)
		close(fd);
	if (fd >= 0 && !text)
		*ret_why = strerror(ENOMEM);
	if (n > (ssize_t)FILE_SECRET_MAX)
		*ret_why = "it is larger than 64 KiB";
	if (n < 0 || n > (ssize_t)FILE_SECRET_MAX) {
		secret_free(text);
		return NULL;
	}
	text[n] = 0;
	*ret_size = (size_t)n;
	return text;
}
