/* SPDX-License-Identifier: MIT */
/* The table for what is not this node, and which names may be registered in it: see remote.h. */
#include "core/actor/remote.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/must.h"
#include "core/base/utf8.h"

static const struct remote_ops *ops; /* the cluster's, NULL: there is none */
/* the single node's own; both are written before the first service */
static const struct remote_ops *single;

void remote_init(const struct remote_ops *own)
{
	must(own && own->send && own->births);
	single = own;
}

void remote_set(const struct remote_ops *new_ops)
{
	ops = new_ops;
}

const struct remote_ops *remote_get(void)
{
	must_slow(ops || single);
	return ops ? ops : single;
}

/* Bytes of the printable character at p, which a NUL ends; 0: there is none. */
static size_t printable(const unsigned char *p)
{
	uint32_t c;
	size_t n = utf8_character(p, strnlen((const char *)p, 4), &c);

	/* controls, blanks, and what is no character or would break a line */
	if (n == 0 || c <= ' ' || (c >= 0x7f && c < 0xa1) || (c >= 0x2000 && c < 0x2010) ||
	    (c >= 0x2028 && c < 0x2030) || c == 0x3000 || c == 0xfeff)
		return 0;
	return n;
}

static bool text_valid(const char *text, size_t max)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n;

	while (*p && (n = printable(p)) != 0)
		p += n;
	return p != (const unsigned char *)text && !*p && (size_t)((const char *)p - text) <= max;
}

bool remote_label_valid(const char *label)
{
	return text_valid(label, REMOTE_NAME_SIZE - 1);
}

bool remote_name_valid(const char *name)
{
	char *end;

	if (!text_valid(name, REMOTE_NAME_SIZE - 1) || name[0] == ':' || name[0] == '.')
		return false;
	(void)strtod(name, &end);
	return *end != 0;
}
