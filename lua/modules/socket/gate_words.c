/* SPDX-License-Identifier: MIT */
/* See gate_words.h. Words are separated by blanks; a word that is too long is none. */
#include "lua/modules/socket/gate_words.h"

#include <stdio.h>
#include <string.h>

#include "core/actor/msg.h"

#define WINDOW_MAX (1u << 30)

struct words {
	const char *p, *end;
};

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Steps to the next word. false: there is none. */
static bool more(struct words *w)
{
	while (w->p < w->end && is_blank(*w->p))
		w->p++;
	return w->p < w->end;
}

/* The next word; "" when there is none, or when it does not fit or holds a NUL. */
static void take(struct words *w, char ret[GATE_WORD_MAX + 1])
{
	size_t n = 0;
	const char *from;

	(void)more(w);
	for (from = w->p; w->p < w->end && !is_blank(*w->p); w->p++)
		n++;
	if (n > GATE_WORD_MAX || memchr(from, 0, n))
		n = 0;
	memcpy(ret, from, n);
	ret[n] = 0;
}

/* A whole word that is a number of digits in that base, at most max. */
static bool number(const char *word, unsigned base, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	for (const char *p = word; *p; p++) {
		bool decimal = *p >= '0' && *p <= '9';
		unsigned digit = (unsigned)(decimal ? *p - '0' : (*p | 0x20) - 'a' + 10);

		if (digit >= base || (*p > '9' && (*p | 0x20) < 'a'))
			return false;
		v = v * base + digit;
		if (v > max)
			return false;
	}
	*ret = v;
	return *word != 0;
}

static bool take_id(struct words *w, int *ret)
{
	char word[GATE_WORD_MAX + 1];
	uint64_t v;

	take(w, word);
	if (!number(word, 10, INT32_MAX, &v))
		return false;
	*ret = (int)v;
	return true;
}

/* ":hex" */
static bool take_handle(struct words *w, uint32_t *ret)
{
	char word[GATE_WORD_MAX + 1];
	uint64_t v;

	take(w, word);
	if (word[0] != ':' || !number(word + 1, 16, UINT32_MAX, &v))
		return false;
	*ret = (uint32_t)v;
	return true;
}

static bool take_number(struct words *w, uint64_t max, uint64_t *ret)
{
	char word[GATE_WORD_MAX + 1];

	take(w, word);
	return number(word, 10, max, ret);
}

/* "port" or "host:port" becomes "host:port". */
static bool parse_bind(const char *word, char ret[GATE_WORD_MAX + 1])
{
	const char *colon = strrchr(word, ':');
	uint64_t port;

	if (!number(colon ? colon + 1 : word, 10, UINT16_MAX, &port) || port == 0)
		return false;
	return snprintf(ret, GATE_WORD_MAX + 1, colon && colon != word ? "%s" : "0.0.0.0:%s",
			colon == word ? word + 1 : word) <= (int)GATE_WORD_MAX;
}

static bool on_or_off(const char *word, bool *ret)
{
	*ret = strcmp(word, "on") == 0;
	return *ret || strcmp(word, "off") == 0;
}

/* NULL, or what is wrong with the words behind the fifth. */
static const char *take_options(struct words *w, struct gate_setup *ret)
{
	char word[GATE_WORD_MAX + 1];
	uint64_t bytes;
	bool on;

	while (more(w)) {
		take(w, word);
		if (!word[0])
			return "an option is longer than 127 bytes";
		if (strncmp(word, "nodelay=", 8) == 0) {
			if (!on_or_off(word + 8, &on))
				return "the option nodelay is on or off";
			ret->nagle = !on;
		} else if (strncmp(word, "backpressure=", 13) == 0) {
			if (!number(word + 13, 10, WINDOW_MAX, &bytes))
				return "the option backpressure is a number of bytes, at most 1 "
				       "GiB";
			ret->window = (uint32_t)bytes;
		} else if (strncmp(word, "proxy=", 6) == 0) {
			strcpy(ret->proxy, word + 6);
		} else if (strchr(word, '=')) {
			return "the options are nodelay, backpressure and proxy";
		}
	}
	return NULL;
}

const char *gate_parse_setup(const char *args, struct gate_setup *ret)
{
	struct words w = { args, args + strlen(args) };
	char word[GATE_WORD_MAX + 1];
	uint64_t type, max;

	take(&w, word);
	if (strcmp(word, "S") != 0 && strcmp(word, "L") != 0)
		return "the first word is S (lengths of 16 bits) or L (32 bits)";
	ret->large = word[0] == 'L';
	take(&w, word);
	if (!word[0])
		return "the second word is a watchdog, .name or :handle, or ! for none";
	strcpy(ret->watchdog, word[0] == '!' ? "" : word);
	take(&w, word);
	if (!parse_bind(word, ret->bind))
		return "the third word is port or host:port, a port of 1 to 65535";
	if (!take_number(&w, UINT8_MAX, &type))
		return "the fourth word is a message type, 0 to 255";
	ret->type = type ? (uint8_t)type : PTYPE_CLIENT;
	if (!take_number(&w, INT32_MAX, &max) || !max)
		return "the fifth word is how many connections there may be, at least 1";
	ret->max = (unsigned)max;
	ret->nagle = false;
	ret->proxy[0] = 0;
	ret->window = GATE_WINDOW_NODE;
	return take_options(&w, ret);
}

struct gate_command gate_parse_command(const char *text, size_t n)
{
	struct words w = { text, text + n };
	struct gate_command c = { GATE_UNKNOWN, 0, 0, 0, "" };
	char verb[GATE_WORD_MAX + 1];

	take(&w, verb);
	if (strcmp(verb, "start") == 0 && take_id(&w, &c.id)) {
		c.verb = GATE_START;
	} else if (strcmp(verb, "kick") == 0 && take_id(&w, &c.id)) {
		c.verb = GATE_KICK;
	} else if (strcmp(verb, "forward") == 0 && take_id(&w, &c.id) &&
		   take_handle(&w, &c.agent) && take_handle(&w, &c.client)) {
		c.verb = GATE_FORWARD;
	} else if (strcmp(verb, "close") == 0) {
		c.verb = GATE_CLOSE;
	} else if (strcmp(verb, "broker") == 0) {
		take(&w, c.broker);
		c.verb = c.broker[0] ? GATE_BROKER : GATE_UNKNOWN;
	}
	return c;
}
