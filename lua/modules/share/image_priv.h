/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What image.c (content) and image_names.c (references and names) share.
 */
#include <stdatomic.h>

#include "lua/modules/share/image.h"

struct image {
	struct share_root *native; /* the VM's, with a count of its own; NULL: the data is behind this */
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
/* One less. For share_set_end: the image goes with the root. */
void image_end(void *im);
/* Raises for what the table at index must not hold. */
void image_check(lua_State *L, int index, enum image_rule rule);
