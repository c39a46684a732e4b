/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Images that exist, and the names that some of them have; the newest of a name is current.
 *
 * Threads:   any.
 * Ownership: counted. image_find returns a reference; image_publish takes one.
 */
#include "lua/modules/share/image_types.h"

struct image *image_ref(struct image *im);
/* The last one frees it. */
void image_unref(struct image *im);

/* With a VM that shares (lua/vm/share.h) an image is a root of it, and its count that of the root:
 * a reference to one is a reference to the other. NULL: it is not, and the functions below read
 * it. */
struct share_root *image_native(const struct image *im);
/* The image that is this root, or NULL. */
struct image *image_of_native(const struct share_root *r);

/* One more image exists. */
void image_born(void);
/* One less. For share_set_end: the image goes with the root. */
void image_end(void *im);

/* ---- named images; the newest of a name is current ---- */

/* Takes the reference. The version before is let go. log: its end is worth a line in the log, from
 * `source`. Returns the number of this version: it grows over all names. */
uint64_t image_publish(const char *name, struct image *im_take, bool log, uint32_t source);
/* The same if there is none of that name yet; 0: there is, and im is still the caller's. */
uint64_t image_publish_new(const char *name, struct image *im_take);
/* As image_publish, with this number, for one that was published in another process. */
void image_restore(const char *name, struct image *im_take, uint64_t version);
/* A reference to the current one, or NULL. */
struct image *image_find(const char *name);
/* Ends the name; false: there is none. */
bool image_withdraw(const char *name);
/* The version that is current, or 0. */
uint64_t image_current(const char *name);
/* The first name behind `after` (NULL: the first of all) in the order of strcmp; mem_free it. NULL:
 * none. */
char *image_next_name(const char *after);
/* NULL: never published. Valid as long as the reference. */
const char *image_name(const struct image *im);
uint64_t image_version(const struct image *im);
/* How many versions exist, current or held by somebody. */
unsigned image_count(void);
