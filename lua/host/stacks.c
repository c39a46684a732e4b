/* SPDX-License-Identifier: MIT */
/* Stacks for who asks: see stacks.h. */
#include "lua/host/stacks.h"

#include <pthread.h>
#include <stddef.h>

#include "core/base/mem.h"
#include "core/actor/service.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t asked; /* 0: no question */
static char *answer;

bool stacks_ask(uint32_t handle)
{
	pthread_mutex_lock(&lock);
	asked = handle;
	mem_free(answer);
	answer = NULL;
	pthread_mutex_unlock(&lock);
	return service_signal(handle, STACKS_SIGNAL);
}

void stacks_tell(uint32_t handle, const char *text)
{
	pthread_mutex_lock(&lock);
	if (asked == handle && !answer)
		answer = mem_strdup(text);
	pthread_mutex_unlock(&lock);
}

char *stacks_take(uint32_t handle)
{
	char *text = NULL;

	pthread_mutex_lock(&lock);
	if (asked == handle && answer) {
		text = answer;
		answer = NULL;
		asked = 0;
	}
	pthread_mutex_unlock(&lock);
	return text;
}
