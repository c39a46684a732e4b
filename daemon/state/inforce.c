/* SPDX-License-Identifier: MIT */
/* One lock guards the configuration and the outcome of the last reload. */
#include "daemon/state/inforce.h"

#include <stdio.h>
#include <string.h>

#include "conf/value.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/must.h"

static struct lock lock = LOCK_INIT(config);
static struct config *config;
static char *start[SCHEMA_KEYS]; /* constant after inforce_init */
static bool waiting[SCHEMA_KEYS];
static unsigned waiting_env;
static char last_error[INFORCE_ERROR_MAX];

void inforce_init(struct config *c)
{
	must(c);
	config = c;
	for (unsigned i = 0; i < SCHEMA_KEYS; i++) {
		mem_free(start[i]);
		start[i] = config_value(c, &schema_keys[i]);
	}
}

const char *inforce_start(unsigned key)
{
	must(key < SCHEMA_KEYS);
	return start[key];
}

bool inforce_is_waiting(unsigned key)
{
	lock_held(&lock);
	must(key < SCHEMA_KEYS);
	return waiting[key];
}

struct config *inforce_lock(void)
{
	lock_take(&lock);
	return config;
}

void inforce_unlock(void)
{
	lock_release(&lock);
}

void inforce_outcome(const char *error, const bool keys[SCHEMA_KEYS], unsigned env)
{
	lock_take(&lock);
	snprintf(last_error, sizeof(last_error), "%s", error ? error : "");
	for (char *p = last_error; *p; p++)
		if (*p == '\n')
			*p = ' '; /* it becomes part of a status line */
	if (!error) {
		memcpy(waiting, keys, sizeof(waiting));
		waiting_env = env;
	}
	lock_release(&lock);
}

unsigned inforce_waiting(void)
{
	unsigned n;

	lock_take(&lock);
	n = waiting_env;
	for (unsigned i = 0; i < SCHEMA_KEYS; i++)
		n += waiting[i];
	lock_release(&lock);
	return n;
}

void inforce_error(char ret[INFORCE_ERROR_MAX])
{
	lock_take(&lock);
	memcpy(ret, last_error, sizeof(last_error));
	lock_release(&lock);
}

void inforce_json(struct json *j)
{
	lock_take(&lock);
	json_array(j, "restart_needed");
	for (unsigned i = 0; i < SCHEMA_KEYS; i++)
		if (waiting[i])
			json_printf(j, NULL, "%s.%s", schema_keys[i].section, schema_keys[i].name);
	if (waiting_env)
		json_string(j, NULL, "env");
	json_array_end(j);
	if (*last_error)
		json_string(j, "reload_error", last_error);
	lock_release(&lock);
}
