/* SPDX-License-Identifier: MIT */
/* The page's address or error: two texts under a lock, of which one at most is not empty. */
#include "daemon/state/page.h"

#include <stdio.h>
#include <string.h>

#include "core/base/lock.h"
#include "core/base/text.h"

static struct lock lock = LOCK_INIT(page);
static char at[PAGE_WHY], error[PAGE_WHY];

void page_set(const char *address, const char *why)
{
	lock_take(&lock);
	snprintf(at, sizeof(at), "%s", address ? address : "");
	snprintf(error, sizeof(error), "%s", address ? "" : why);
	text_to_one_line(error); /* it becomes part of a status line */
	lock_release(&lock);
}

void page_error(char ret_why[PAGE_WHY])
{
	lock_take(&lock);
	memcpy(ret_why, error, sizeof(error));
	lock_release(&lock);
}

void page_json(struct json *j)
{
	lock_take(&lock);
	if (*at)
		json_string(j, "web_address", at);
	if (*error)
		json_string(j, "web_error", error);
	lock_release(&lock);
}
