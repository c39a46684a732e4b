/* SPDX-License-Identifier: MIT */
#include "harbor/protocol/pace.h"

void pace_begin(struct pace *s)
{
	if (!s->allowed)
		s->allowed = s->max;
}

bool pace_may_try(const struct pace *s)
{
	return s->young < s->allowed;
}

/* Attempts that were begun before the last halving say nothing new. */
void pace_learn(struct pace *s, uint64_t tried_ns, uint64_t now)
{
	if (now - tried_ns < PACE_SLOW_NS) {
		s->allowed += s->allowed < s->max;
	} else if (tried_ns >= s->slowed_ns) {
		s->slowed_ns = now;
		s->allowed = s->allowed > 1 ? s->allowed / 2 : 1;
	}
}
