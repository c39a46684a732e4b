/* SPDX-License-Identifier: MIT */
/* harborctl flame: see lua/host/sampler.h. */
#include "daemon/admin/flame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/actor/handle.h"
#include "daemon/admin/target.h"
#include "lua/host/sampler.h"

/* 0: it is no number from 1 to max. */
static unsigned number_of(const char *word, unsigned max)
{
	char *end;
	unsigned long n = strtoul(word, &end, 10);

	return *word >= '0' && *word <= '9' && !*end && n <= max ? (unsigned)n : 0;
}

static void add_stack(const char *stack, uint32_t samples, void *ud)
{
	json_object(ud, NULL);
	json_string(ud, "stack", stack);
	json_uint(ud, "samples", samples);
	json_object_end(ud);
}

static enum result take_profile(struct request *r, const char *word)
{
	struct json *j = &r->j;
	struct sampler_sums sums;
	enum sampler_state s;

	json_object(j, NULL);
	json_array(j, "stacks");
	s = sampler_take(number_of(word, UINT32_MAX), &sums, add_stack, j);
	json_array_end(j);
	json_string(j, "state", s == SAMPLER_DONE ? "done" : "runs");
	json_uint(j, "samples", sums.samples);
	json_uint(j, "samples_left_out", sums.left_out);
	json_uint(j, "ticks", sums.ticks);
	json_double(j, "duration_seconds", sums.seconds);
	json_object_end(j);
	return s == SAMPLER_UNKNOWN ? request_fail(r, "there is no such profile") : DONE;
}

/* ADDRESS SECONDS HZ; "-" is every service of the node. */
enum result run_flame(struct request *r)
{
	unsigned seconds, hz, number = 0;
	int status;
	uint32_t handle = 0;
	char rest[32];

	if (r->n == 2 && strcmp(r->args[0], "--take") == 0)
		return take_profile(r, r->args[1]);
	if (r->n != 3 || !(seconds = number_of(r->args[1], SAMPLER_SECONDS_MAX)) ||
	    !(hz = number_of(r->args[2], SAMPLER_HZ_MAX)))
		return request_fail(r, "1 to 300 seconds, 1 to 1000 samples a second");
	(void)snprintf(rest, sizeof(rest), "%u %u", seconds, hz);
	if (strcmp(r->args[0], "-") != 0) {
		enum result found = target_find(r, r->args[0], "flame", rest, &handle);

		if (found != DONE)
			return found;
		if (!handle_lookup(handle))
			return request_fail(r, "no such service");
	}
	status = sampler_start(handle, seconds, hz, &number);
	if (status == -EBUSY)
		return request_fail(r, "another profile is under way");
	if (status < 0)
		return request_fail(r, "no thread can be started");
	json_object(&r->j, NULL);
	json_uint(&r->j, "profile", number);
	json_uint(&r->j, "harbor", service_harbor());
	json_object_end(&r->j);
	return DONE;
}
