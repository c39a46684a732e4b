/* SPDX-License-Identifier: MIT */
/* References to images, and the images that have names: see image.h.
 *
 * A name leads to its current version, with a reference, under one lock. That no message is
 * involved means that no reference is lost with a service that dies between a question and its
 * answer.
 */
#include "lua/modules/share/image_names.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/lock.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/ds/sorted.h"
#include "lua/vm/share.h"

/* How many images exist; a count, so relaxed: it orders nothing. */
static atomic_uint alive;

void image_born(void)
{
	atomic_fetch_add_explicit(&alive, 1, memory_order_relaxed);
}

struct image *image_ref(struct image *im)
{
	/* relaxed: who gives the reference holds one */
	if (im->native)
		(void)share_ref(im->native);
	else
		atomic_fetch_add_explicit(&im->refs, 1, memory_order_relaxed);
	return im;
}

void image_end(void *ud)
{
	struct image *im = ud;

	if (im->log)
		log_printf(LOG_LEVEL_INFO, im->source, "Delete a version (%p) of %s", (void *)im,
			   strchr(im->name, ':') ? strchr(im->name, ':') + 1 : im->name);
	mem_free(im->name);
	mem_free(im);
	atomic_fetch_sub_explicit(&alive, 1, memory_order_relaxed);
}

void image_unref(struct image *im)
{
	if (!im)
		return;
	if (im->native)
		share_unref(im->native);
	/* acq_rel with itself: whoever frees sees that all others are done */
	else if (atomic_fetch_sub_explicit(&im->refs, 1, memory_order_acq_rel) == 1)
		image_end(im);
}

struct share_root *image_native(const struct image *im)
{
	return im->native;
}

struct image *image_of_native(const struct share_root *r)
{
	return share_end_data(r, image_end);
}

/* It is not the current one any more. */
static void let_go(struct image *old)
{
	if (old && old->native)
		share_set_old(old->native);
	image_unref(old);
}

unsigned image_count(void)
{
	return atomic_load_explicit(&alive, memory_order_relaxed);
}

const char *image_name(const struct image *im)
{
	return im->name;
}

uint64_t image_version(const struct image *im)
{
	return im->version;
}

/* ---- names: the current versions, sorted ---- */

static struct lock names_lock = LOCK_INIT(images);
/* under names_lock */
static struct image **current;
static size_t current_count;
static uint64_t last_version;

static const char *name_of(const void *images, size_t index)
{
	return ((struct image *const *)images)[index]->name;
}

/* Where the name is, or would be. */
static size_t position(const char *name, bool *ret_found)
{
	return sorted_place(current, current_count, name_of, name, ret_found);
}

/* version: 0 for a new one. */
static uint64_t publish(const char *name, struct image *im, bool replace, uint64_t version)
{
	struct image *old = NULL;
	bool found;

	must(!im->name);
	lock_take(&names_lock);
	size_t at = position(name, &found);
	if (found && !replace) {
		lock_release(&names_lock);
		return 0;
	}
	if (!version)
		version = ++last_version;
	im->name = mem_strdup(name);
	im->version = version;
	if (found) {
		old = current[at];
	} else {
		current = mem_realloc(current, (current_count + 1) * sizeof(struct image *));
		memmove(&current[at + 1], &current[at],
			(current_count - at) * sizeof(struct image *));
		current_count++;
	}
	current[at] = im;
	lock_release(&names_lock);
	let_go(old);
	return version;
}

uint64_t image_publish(const char *name, struct image *im_take, bool log, uint32_t source)
{
	im_take->log = log;
	im_take->source = source;
	return publish(name, im_take, true, 0);
}

void image_restore(const char *name, struct image *im_take, uint64_t version)
{
	(void)publish(name, im_take, true, version);
}

uint64_t image_publish_new(const char *name, struct image *im_take)
{
	return publish(name, im_take, false, 0);
}

struct image *image_find(const char *name)
{
	bool found;

	lock_take(&names_lock);
	size_t at = position(name, &found);
	struct image *im = found ? image_ref(current[at]) : NULL;
	lock_release(&names_lock);
	return im;
}

uint64_t image_current(const char *name)
{
	bool found;

	lock_take(&names_lock);
	size_t at = position(name, &found);
	uint64_t version = found ? current[at]->version : 0;
	lock_release(&names_lock);
	return version;
}

bool image_withdraw(const char *name)
{
	struct image *old = NULL;
	bool found;

	lock_take(&names_lock);
	size_t at = position(name, &found);
	if (found) {
		old = current[at];
		current_count--;
		memmove(&current[at], &current[at + 1],
			(current_count - at) * sizeof(struct image *));
	}
	lock_release(&names_lock);
	let_go(old);
	return found;
}

char *image_next_name(const char *after)
{
	bool found = false;
	char *name = NULL;

	lock_take(&names_lock);
	size_t at = after ? position(after, &found) + found : 0;
	if (at < current_count)
		name = mem_strdup(current[at]->name);
	lock_release(&names_lock);
	return name;
}
