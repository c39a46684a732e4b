/* SPDX-License-Identifier: MIT */
/* Counts words of text messages; reports to the service that its argument names. */
#include "skynet.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct counter {
	unsigned long words;
	char report[32];
};

struct counter *counter_create(void)
{
	struct counter *c = skynet_malloc(sizeof(*c));

	memset(c, 0, sizeof(*c));
	return c;
}

static int on_message(struct skynet_context *ctx, void *ud, int type, int session, uint32_t source,
		      const void *msg, size_t sz)
{
	struct counter *c = ud;
	const char *p = msg;
	int inside = 0;

	if (type != PTYPE_TEXT)
		return 0;
	for (size_t i = 0; i < sz; i++) {
		if (!isspace((unsigned char)p[i]) && !inside)
			c->words++;
		inside = !isspace((unsigned char)p[i]);
	}
	if (session) {
		char *answer = skynet_malloc(32);
		int n = snprintf(answer, 32, "%lu", c->words);

		skynet_send(ctx, 0, source, PTYPE_RESPONSE | PTYPE_TAG_DONTCOPY, session, answer,
			    (size_t)n);
	} else if (c->words >= 10 && c->report[0]) {
		skynet_sendname(ctx, 0, c->report, PTYPE_TEXT, 0, "ten words", 9);
		c->report[0] = 0;
	}
	return 0;
}

int counter_init(struct counter *c, struct skynet_context *ctx, const char *parm)
{
	if (parm)
		snprintf(c->report, sizeof(c->report), "%s", parm);
	skynet_callback(ctx, c, on_message);
	skynet_error(ctx, "counter for %s", parm ? parm : "nobody");
	return 0;
}

void counter_release(struct counter *c)
{
	skynet_free(c);
}
