/* SPDX-License-Identifier: MIT */
/* Levels of the log: see log_level.h. */
#include "daemon/admin/log_level.h"

#include <stdio.h>
#include <string.h>

#include "core/actor/handle.h"
#include "core/actor/send.h"
#include "core/log/log.h"
#include "daemon/admin/errand.h"

/* A service by its address, or all whose names in the log are that word. */
static bool find_whom(const char *whom, struct log_exception *ret)
{
	*ret = (struct log_exception){ 0 };
	if (*whom == ':' || *whom == '.') {
		ret->handle = service_find(whom);
		return ret->handle && handle_is_local(ret->handle);
	}
	snprintf(ret->name, sizeof(ret->name), "%s", whom);
	return *whom && strlen(whom) < LOG_NAME_MAX;
}

/* Returns NULL, or why not. */
static const char *set_one(const char *level, const char *whom)
{
	struct log_exception e;
	int number = log_level_parse(level);

	if (!find_whom(whom, &e))
		return "no such service here: .name, :handle, or the word that stands for it in "
		       "the log";
	if (strcmp(level, "default") == 0)
		return log_except_no_more(&e) ? NULL : "it has no level of its own";
	if (number < 0)
		return "the levels are debug, info, warning and error, and default for a service";
	e.level = (enum log_level)number;
	return log_except(&e) ? NULL : "64 services have levels of their own: end some of them";
}

static const char *set_all(const char *level)
{
	int number = log_level_parse(level);

	if (number < 0)
		return "the levels are debug, info, warning and error";
	log_set_level((enum log_level)number);
	return NULL;
}

static void write_levels(struct json *j)
{
	struct log_exception all[LOG_LEVELS_MAX];
	size_t n = log_exceptions(all);

	json_object(j, NULL);
	json_string(j, "log_level", log_level_name(log_get_level()));
	for (size_t i = 0; i < n; i++) {
		if (i == 0)
			json_object(j, "services");
		if (all[i].handle)
			snprintf(all[i].name, sizeof(all[i].name), ":%08x", all[i].handle);
		json_string(j, all[i].name, log_level_name(all[i].level));
	}
	if (n)
		json_object_end(j);
	json_object_end(j);
}

enum result run_log_level(struct request *r)
{
	const char *why = r->n == 2   ? set_one(r->args[0], r->args[1])
			  : r->n == 1 ? set_all(r->args[0])
				      : NULL;

	if (why)
		return request_fail(r, why);
	write_levels(&r->j);
	return DONE;
}

static void reopen(struct errand *e)
{
	if (log_reopen_now() < 0) {
		e->why = "the file of the log cannot be opened again: the old one stays in use";
		return;
	}
	json_object(&e->j, NULL);
	json_bool(&e->j, "reopened", true);
	json_object_end(&e->j);
}

/* Not in the loop: the old file may lie on a disk that is slow to take its last lines. */
enum result run_log_reopen(struct request *r)
{
	const char *why = errand_start(&(struct errand){ .who = *r->who, .run = reopen });

	return why ? request_fail(r, why) : LATER;
}
