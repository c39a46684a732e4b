/* SPDX-License-Identifier: MIT */
/* harborctl clock. What jumps and what does not is service_time_jump's to say. */
#include "daemon/admin/clock.h"

#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/log/log.h"
#include "core/sched/timeout.h"
#include "daemon/state/info.h"

/* Takes "90s" from the front. Returns what is behind it, NULL: it is none. */
static const char *take_part(const char *p, uint64_t *ret_ns)
{
	static const struct {
		const char *name; /* a longer one stands before its beginning */
		uint64_t ns;
	} units[] = {
		{ "ms", NS_PER_MS }, { "min", 60 * NS_PER_SEC }, { "m", 60 * NS_PER_SEC },
		{ "s", NS_PER_SEC }, { "h", 3600 * NS_PER_SEC }, { "d", 86400 * NS_PER_SEC }
	};
	uint64_t n = 0;

	if (*p < '0' || *p > '9')
		return NULL;
	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (uint64_t)(*p - '0');
		if (n > CLOCK_MOVED_MAX_NS / NS_PER_MS)
			return NULL;
	}
	for (unsigned i = 0; i < array_len(units); i++) {
		size_t size = strlen(units[i].name);

		if (strncmp(p, units[i].name, size) != 0)
			continue;
		*ret_ns = n > CLOCK_MOVED_MAX_NS / units[i].ns ? UINT64_MAX : n * units[i].ns;
		return p + size;
	}
	return NULL;
}

bool clock_parse_jump(const char *text, uint64_t *ret_ns)
{
	uint64_t sum = 0, part = 0;
	const char *p = text;

	if (*p++ != '+')
		return false;
	do {
		p = take_part(p, &part);
		if (!p || part > CLOCK_MOVED_MAX_NS - sum)
			return false;
		sum += part;
	} while (*p);
	*ret_ns = sum;
	return true;
}

/* As people write it, UTC. */
static void show_time(struct json *j, uint64_t cs)
{
	time_t t = (time_t)(clock_start_seconds() + cs / 100);
	char text[32];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	json_string(j, "clock", text);
}

static void show(struct json *j, uint64_t moved, uint64_t due)
{
	uint64_t cs = clock_now_cs();

	json_object(j, NULL);
	json_array(j, "clocks");
	json_object(j, NULL);
	json_string(j, "node", info_get()->node);
	show_time(j, cs);
	json_double(j, "clock_time_seconds", clock_start_seconds() + (double)cs / 100);
	json_uint(j, "start_time_seconds", clock_start_seconds());
	json_double(j, "now_seconds", (double)cs / 100);
	json_seconds(j, "moved_seconds", clock_moved_ns());
	json_bool(j, "testing", info_get()->testing);
	json_uint(j, "timers_moved", moved);
	json_uint(j, "timers_due", due);
	json_object_end(j);
	json_array_end(j);
	json_object_end(j);
}

enum result run_clock(struct request *r)
{
	uint64_t by = 0, moved = 0, due = 0;

	if (r->n > 1 || (r->n && r->args[0][0] == '-'))
		return request_fail(r, "clock takes +DURATION (+90s, +2h, +1d), and --all: time "
				       "never goes backwards");
	if (r->n && !info_get()->testing)
		return request_fail(r, "time jumps only on a node whose configuration says "
				       "node: { testing: true }");
	if (r->n && !clock_parse_jump(r->args[0], &by))
		return request_fail(r, "not a duration to jump ahead: +90s, +2h, +1d, +1h30min, "
				       "at most 100 years");
	if (by && !service_time_jump(by, &moved, &due))
		return request_fail(r, "all jumps together are at most 100 years");
	if (by)
		log_warning("time has jumped ahead by %s: %llu timers moved, %llu due at once",
			    r->args[0] + 1, (unsigned long long)moved, (unsigned long long)due);
	show(&r->j, moved, due);
	return DONE;
}
