/* SPDX-License-Identifier: MIT */
/* A file is held by a mapping, which keeps it on the disk without a name. Pages are read when they
 * are used, and all nodes of a host share them. */
#include "lua/load/pinned.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "core/ds/map.h"

struct pinned {
	struct stat st;
	void *bytes;
};

/* constant after the last pinned_add */
static struct map index_of; /* file -> number */
static struct pinned *files;
static uint32_t count;

static bool hold(const char *file, struct pinned *ret)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	ret->bytes = MAP_FAILED;
	if (fstat(fd, &ret->st) == 0 && S_ISREG(ret->st.st_mode) && ret->st.st_size > 0)
		ret->bytes = mmap(NULL, (size_t)ret->st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return ret->bytes != MAP_FAILED;
}

void pinned_add(const char *file)
{
	struct map_item *i = map_add(&index_of, file);
	struct pinned one;

	if (!i)
		return;
	i->number = UINT32_MAX;
	if (!hold(file, &one))
		return;
	i->number = count++;
	files = mem_realloc(files, count * sizeof(*files));
	files[i->number] = one;
}

void pinned_fini(void)
{
	for (uint32_t i = 0; i < count; i++)
		munmap(files[i].bytes, (size_t)files[i].st.st_size);
	mem_free(steal(files));
	count = 0;
	map_fini(&index_of);
}

static const struct pinned *find(const char *file)
{
	const struct map_item *i = map_find(&index_of, file);

	return i && i->number < count ? &files[i->number] : NULL;
}

/* Returns what is held of a file if it is not there any more; *ret is as stat(2) says otherwise. */
static const struct pinned *look(const char *file, struct stat *ret, int *ret_status)
{
	const struct pinned *p = find(file);

	*ret_status = stat(file, ret);
	if (p && *ret_status == 0 && ret->st_ino == p->st.st_ino && ret->st_dev == p->st.st_dev)
		p = NULL;
	return p;
}

int pinned_stat(const char *file, struct stat *ret)
{
	int status;
	const struct pinned *p = look(file, ret, &status);

	if (!p)
		return status;
	*ret = p->st;
	return 0;
}

const void *pinned_replaced(const char *file, size_t *ret_size)
{
	struct stat st;
	int status;
	const struct pinned *p = look(file, &st, &status);

	if (!p)
		return NULL;
	*ret_size = (size_t)p->st.st_size;
	return p->bytes;
}

/* The dynamic linker wants a file: one in memory. It stays open, for its number is in its name, by
 * which the linker would take the next one for this one. */
static void *open_copy(const void *bytes, size_t size, int flags)
{
	int fd = memfd_create("harbord-module", MFD_CLOEXEC);
	char name[32];

	if (fd >= 0 && write(fd, bytes, size) != (ssize_t)size && ftruncate(fd, 0) == 0)
		size = 0; /* it is no object then, as the linker will say */
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return dlopen(name, flags);
}

void *pinned_dlopen(const char *file, int flags)
{
	size_t size;
	const void *bytes = pinned_replaced(file, &size);

	return bytes ? open_copy(bytes, size, flags) : dlopen(file, flags);
}
