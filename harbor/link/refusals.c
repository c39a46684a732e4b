/* SPDX-License-Identifier: MIT */
/* See refusals.h. */
#include "harbor/link/refusals.h"

#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"

#define ANY_LINE_NS NS_PER_SEC
#define SAME_LINE_NS (60 * NS_PER_SEC)
#define TOLD_MAX 8u
#define LASTS_NS (10 * NS_PER_SEC)

/* A reason that was told: not before this time again. */
struct told {
	uint64_t until_ns, wait_ns;
	uint64_t since_ns, seen_ns; /* of the series that it is in, and the last of it */
	char why[128];
};

static struct {
	uint64_t quiet_until_ns;
	struct told told[TOLD_MAX];
} R;

/* Returns the place of this reason; of those that were told the oldest makes room. */
static struct told *told_of(const char *why, uint64_t now)
{
	struct told *oldest = R.told;

	for (struct told *t = R.told; t < R.told + TOLD_MAX; t++) {
		if (strncmp(t->why, why, sizeof(t->why) - 1) == 0)
			return t;
		if (t->until_ns < oldest->until_ns)
			oldest = t;
	}
	*oldest = (struct told){ .until_ns = now };
	snprintf(oldest->why, sizeof(oldest->why), "%s", why);
	return oldest;
}

bool refusals_last(const char *why, uint64_t now)
{
	struct told *t = told_of(why, now);

	if (!t->since_ns || now > t->seen_ns + LASTS_NS)
		t->since_ns = now;
	t->seen_ns = now;
	return now >= t->since_ns + LASTS_NS;
}

bool refusals_may_tell(const char *why, uint64_t now)
{
	struct told *t;

	if (now < R.quiet_until_ns)
		return false;
	t = told_of(why, now);
	if (now < t->until_ns)
		return false;
	/* who has not come for long begins anew */
	if (!t->wait_ns || now > t->until_ns + SAME_LINE_NS)
		t->wait_ns = ANY_LINE_NS;
	else if (t->wait_ns < SAME_LINE_NS)
		t->wait_ns *= 2;
	R.quiet_until_ns = now + ANY_LINE_NS;
	t->until_ns = now + t->wait_ns;
	return true;
}
