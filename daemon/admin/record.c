/* SPDX-License-Identifier: MIT */
/* harborctl record. What is kept, and what is not, stands in lua/load/tape.h. */
#include "daemon/admin/record.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/actor/life.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include "core/base/units.h"
#include "daemon/state/info.h"
#include "lua/load/tape_record.h"

#define SECONDS_MAX 31536000u
#define LIMIT_MAX_MIB (1u << 20)

static void show_one(struct json *j, const struct tape_view *v)
{
	json_object(j, NULL);
	json_string(j, "state", v->waits ? "waits" : v->runs ? "records" : "off");
	json_string(j, "service", v->service);
	if (v->handle)
		json_handle(j, "handle", v->handle);
	json_string(j, "file", v->file);
	json_uint(j, "messages", v->messages);
	json_uint(j, "messages_sent", v->sends);
	json_uint(j, "size_bytes", v->bytes);
	if (*v->end)
		json_string(j, "why", v->end);
	json_object_end(j);
}

static enum result show(struct request *r)
{
	struct tape_view *v = mem_zalloc(TAPES_LOOK_MAX * sizeof(*v));
	unsigned n = tape_look(v);

	json_object(&r->j, NULL);
	json_array(&r->j, "recordings");
	for (unsigned i = 0; i < n; i++)
		show_one(&r->j, &v[i]);
	json_array_end(&r->j);
	json_object_end(&r->j);
	mem_free(v);
	return DONE;
}

/* A number from 1 on; 0: it is none. */
static uint64_t number(const char *text, uint64_t max)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 10);

	return *text < '0' || *text > '9' || *end || n > max ? 0 : n;
}

/* Takes --seconds N and --limit MIB from the front. Returns how many words, or -1. */
static int take_options(const struct request *r, struct tape_order *o)
{
	unsigned i = 0;

	for (; i + 1 < r->n; i += 2) {
		bool seconds = strcmp(r->args[i], "--seconds") == 0;
		uint64_t n;

		if (!seconds && strcmp(r->args[i], "--limit") != 0)
			break;
		n = number(r->args[i + 1], seconds ? SECONDS_MAX : LIMIT_MAX_MIB);
		if (!n)
			return -1;
		if (seconds)
			o->limit_ns = n * NS_PER_SEC;
		else
			o->max_bytes = n << 20;
	}
	return (int)i;
}

static enum result order(struct request *r, struct tape_order *o, unsigned at)
{
	bool launch = strcmp(r->args[at], "--launch") == 0;
	cleanup(text_fini) struct text line = { 0 };
	static _Thread_local char text[PATH_MAX + 256];
	const char *why;

	for (unsigned i = at + 2; i < r->n; i++)
		text_printf(&line, "%s%s", i == at + 2 ? "" : " ", r->args[i]);
	o->file = r->args[at + 1];
	o->service = text_string(&line);
	if (o->file[0] != '/')
		return request_fail(r, "the path of the file begins with /");
	why = tape_record(o);
	if (why) {
		snprintf(text, sizeof(text), "%s: %s", o->file, why);
		return request_fail(r, text);
	}
	if (launch && !service_launch("snlua", o->service)) {
		(void)tape_stop(o->file);
		return request_fail(r, "the service was not launched");
	}
	return show(r);
}

static enum result put_off(struct request *r)
{
	const char *file = r->n == 2 ? r->args[1] : NULL;

	if (tape_stop(file))
		return show(r);
	return request_fail(r, file ? "no recording goes to that file" : "nothing is recorded");
}

enum result run_record(struct request *r)
{
	struct tape_order o = { .max_bytes = TAPE_MAX, .config_hash = info_config_hash() };
	int at = take_options(r, &o);

	if (r->n == 0)
		return show(r);
	if (r->n <= 2 && strcmp(r->args[0], "--off") == 0)
		return put_off(r);
	if (at >= 0 && r->n >= (unsigned)at + 3 &&
	    (strcmp(r->args[at], "--launch") == 0 || strcmp(r->args[at], "--next") == 0))
		return order(r, &o, (unsigned)at);
	if (at >= 0 && r->n >= (unsigned)at + 2 && r->args[at][0] != '-')
		return request_fail(r, "a recording begins at the launch of a service, for what a "
				       "running one has in memory is in no file: record --launch "
				       "FILE NAME [ARG]..., or --next for one that the program "
				       "launches");
	return request_fail(r, "record takes [--seconds N] [--limit MIB] --launch|--next FILE NAME "
			       "[ARG]..., or --off [FILE]");
}
