/* SPDX-License-Identifier: MIT */
/* The texts of a gate in C: whatever they are, what comes out is within its limits, and a command
 * that was understood is understood again from what came out. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/modules/socket/gate_words.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check(int ok)
{
	if (!ok)
		abort();
}

static void check_setup(const char *args)
{
	struct gate_setup s, again;
	char text[4 * GATE_WORD_MAX];

	if (gate_parse_setup(args, &s))
		return;
	check(s.max >= 1 && s.type > 0 && strlen(s.bind) <= GATE_WORD_MAX && strrchr(s.bind, ':'));
	snprintf(text, sizeof(text), "%s %s %s %u %u nodelay=%s backpressure=%u",
		 s.large ? "L" : "S", s.watchdog[0] ? s.watchdog : "!", s.bind, s.type, s.max,
		 s.nagle ? "off" : "on", s.window == GATE_WINDOW_NODE ? 0 : s.window);
	check(!gate_parse_setup(text, &again) && again.max == s.max && again.type == s.type &&
	      again.nagle == s.nagle &&
	      (s.window == GATE_WINDOW_NODE || again.window == s.window) &&
	      strcmp(again.bind, s.bind) == 0);
}

static void check_command(const char *bytes, size_t n)
{
	struct gate_command c = gate_parse_command(bytes, n), again;
	char text[3 * GATE_WORD_MAX];

	check(c.verb == GATE_UNKNOWN || c.id >= 0);
	check(c.verb != GATE_BROKER || c.broker[0]);
	if (c.verb != GATE_FORWARD)
		return;
	snprintf(text, sizeof(text), "forward %d :%x :%x", c.id, c.agent, c.client);
	again = gate_parse_command(text, strlen(text));
	check(again.verb == GATE_FORWARD && again.id == c.id && again.agent == c.agent &&
	      again.client == c.client);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *text = malloc(n + 1);

	memcpy(text, p, n);
	text[n] = 0;
	check_setup(text);
	check_command((const char *)p, n);
	free(text);
	return 0;
}
