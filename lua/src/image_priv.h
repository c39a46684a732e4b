/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What image.c (content) and image_names.c (references and names) share.
 */
#include <stdatomic.h>

#include "lua/src/image.h"

struct image {
	size_t size;
	uint64_t root;
	uint64_t version;
	char *name;        /* once published, for good */
	uint32_t tables;
	uint32_t source;
	atomic_uint refs;  /* released with release, acquired by who frees */
	bool log;
};

/* One more image exists. */
void image_born(void);
