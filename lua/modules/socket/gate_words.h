/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The texts that a gate in C is told, as values: how it is launched, and its
 * commands.
 *
 * Threads:   none of its own; the functions are pure.
 * Ownership: texts in the results point into what was parsed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GATE_WORD_MAX 127u
#define GATE_WINDOW_NODE UINT32_MAX

struct gate_setup {
	bool large;			  /* frames with a length of 32 bits */
	char watchdog[GATE_WORD_MAX + 1]; /* "": nobody */
	char bind[GATE_WORD_MAX + 1];	  /* "host:port" */
	uint8_t type;			  /* of the messages with frames */
	unsigned max;			  /* connections */
	bool nagle;			  /* small writes wait: nodelay=off */
	uint32_t window;		  /* backpressure=BYTES; GATE_WINDOW_NODE: not said */
	char proxy[GATE_WORD_MAX + 1];	  /* proxy=ADDRESS,...: whose headers name the client */
};

enum gate_verb { GATE_UNKNOWN, GATE_START, GATE_FORWARD, GATE_KICK, GATE_BROKER, GATE_CLOSE };

struct gate_command {
	enum gate_verb verb;
	int id;			/* of START, FORWARD, KICK */
	uint32_t agent, client; /* of FORWARD */
	char broker[GATE_WORD_MAX + 1];
};

/* NULL, or what is wrong with the arguments of the launch. Behind the five words stand options,
 * name=value; a word without = is ignored. */
const char *gate_parse_setup(const char *args, struct gate_setup *ret);
/* A command, which need not end in NUL; GATE_UNKNOWN for what is none, whatever its bytes are. */
struct gate_command gate_parse_command(const char *text, size_t n);
