/* SPDX-License-Identifier: MIT */
/* Stacks for who asks: see stacks.h. */
#include "lua/host/stacks.h"

#include <stddef.h>

#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/actor/life.h"

static struct lock lock = LOCK_INIT(stacks);
static uint32_t asked; /* 0: no question */
static char *answer;

bool stacks_ask(uint32_t handle)
{
	lock_take(&lock);
	asked = handle;
	mem_free(answer);
	answer = NULL;
	lock_release(&lock);
	return service_signal(handle, STACKS_SIGNAL);
}

void stacks_tell(uint32_t handle, const char *text)
{
	lock_take(&lock);
	if (asked == handle && !answer)
		answer = mem_strdup(text);
	lock_release(&lock);
}

char *stacks_take(uint32_t handle)
{
	char *text = NULL;

	lock_take(&lock);
	if (asked == handle && answer) {
		text = answer;
		answer = NULL;
		asked = 0;
	}
	lock_release(&lock);
	return text;
}
