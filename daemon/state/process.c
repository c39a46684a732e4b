/* SPDX-License-Identifier: MIT */
#include "daemon/state/process.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

void process_descriptors(struct process_descriptors *ret)
{
	struct rlimit l = { 0 };
	uint64_t n = 0;
	DIR *d;

	(void)getrlimit(RLIMIT_NOFILE, &l);
	*ret = (struct process_descriptors){ .most = l.rlim_cur };
	d = opendir("/proc/self/fd");
	if (!d) {
		ret->open = errno == EMFILE ? l.rlim_cur : 0;
		return;
	}
	while (readdir(d))
		n++;
	closedir(d);
	ret->open = n > 3 ? n - 3 : 0; /* ".", ".." and our own */
}

void process_memory(uint64_t *ret_virtual, uint64_t *ret_resident)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long all, resident;

	*ret_virtual = *ret_resident = 0;
	if (!f)
		return;
	if (fscanf(f, "%lu %lu", &all, &resident) == 2) {
		*ret_virtual = all * page;
		*ret_resident = resident * page;
	}
	fclose(f);
}
